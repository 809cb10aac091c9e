"""Court messages as large as courts send them, and larger."""

from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "schemas" / "examples" / "spi" / "order-on-conviction.xml"
SENTENCE, ORDER = b"Imprisonment for 6 months.", b"in the following terms:"


def hearing_of(size: int, *, said_after: bytes = ORDER, sentences: int = 150) -> bytes:
    """A message of about this many bytes: one offence after another, with so many sentences more after these words."""
    message = EXAMPLE.read_bytes()
    begins, ends = message.index(b"<DC:Offence>"), message.index(b"</DC:Offence>") + len(b"</DC:Offence>")
    words = b" Not to contact Tamsin Madeup." * sentences
    offences = [
        message[begins:ends]
        .replace(b">001<", b">%d<" % number)
        .replace(said_after, b"%b %d.%b" % (said_after, number, words))
        for number in range(1, size // (len(words) + 2_000) + 1)
    ]
    return message[:begins] + b"".join(offences) + message[message.rindex(b"</DC:Offence>") + len(b"</DC:Offence>") :]
