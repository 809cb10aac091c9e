"""Values as courts write them, made to fit the contract: always the same way, and never refused."""

import re
from datetime import date, datetime, time
from hashlib import sha256
from zoneinfo import ZoneInfo

from schemas import identifiers
from schemas.births import LONGEST_WRITTEN, DoubtfulDate
from schemas.doubts import DoubtReason
from schemas.values import FIRST_YEAR, LAST_YEAR

LONDON = ZoneInfo("Europe/London")
UNCODED = "uncoded"
NO_COURT = "UNKNOWN"
LONGEST_TEXT = 4000
LONGEST_NAME = 200
SHORTEST_NAME = 3  # shorter ones stand in references by chance

_ISO_DAY = re.compile(r"\s*(\d{4})-(\d{2})-(\d{2})(?!\d)")
_BRITISH_DAY = re.compile(r"\s*(\d{1,2})[/.](\d{1,2})[/.](\d{4})(?!\d)")
_TIME = re.compile(r"(\d{2}):(\d{2})(?::(\d{2}))?")
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.\d{1,6})?\d*(Z|[+-]\d{2}:\d{2})?(?:\[[\w/]+\])?\s*")
_COURT = re.compile(r"[A-Z0-9]{6,8}")
_UUID = re.compile(r"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}")


def urn(raw: str) -> str | None:
    """A case's reference in its canonical form, else made to fit. None for a placeholder, which has no digit but 0."""
    return identifiers.urn(raw) or _reference(raw)


def defendant_id(raw: str) -> str | None:
    """A prosecutor's reference that is not an ASN. None for a placeholder."""
    return _reference(raw)


def without_name(reference: str | None, name: str | None) -> str | None:
    """The reference, or a digest in its place if a part of this name stands in it: a reference is a key. The letters of
    a URN and of a UUID are nobody's name."""
    if reference is None or name is None or identifiers.urn(reference) or _UUID.fullmatch(reference.upper()):
        return reference
    letters = "".join(filter(str.isalpha, reference.upper()))
    parts = ("".join(filter(str.isalpha, part)) for part in name.upper().split())
    return (
        f"ref.{digest(reference)}"
        if any(len(part) >= SHORTEST_NAME and part in letters for part in parts)
        else reference
    )


def unknown(number: int) -> str:
    """A placeholder for a defendant to whom the message gives no reference: the relay knows him otherwise."""
    return f"unknown.{number}"


def court(location: str, psa_code: str) -> str:
    """A court's organisation unit; else one made of its petty sessions area; else `UNKNOWN`."""
    for raw, prefix in ((location, ""), (psa_code, "PSA")):
        plain = "".join(letter for letter in raw.upper() if letter.isascii() and letter.isalnum())
        if plain:
            coded = prefix + plain
            coded = f"{coded:0<6}"
            return coded if _COURT.fullmatch(coded) else f"X{digest(plain)[:7].upper()}"
    return NO_COURT


def code(raw: str) -> str:
    """A code of at most 40 plain characters; what has others, or is longer, ends in a digest of what it was."""
    plain = raw.strip()
    if not plain:
        return UNCODED
    fitted = re.sub(r"[^A-Za-z0-9_.+-]+", "-", plain).lstrip("_.+-")
    return fitted if fitted == plain and len(fitted) <= 40 else f"{fitted[:27] or UNCODED}.{digest(plain)[:12]}"


def pnc_id(raw: str) -> str | None:
    """A PNC id in its canonical form, else made to fit."""
    return identifiers.pnc(raw) or (code(raw) if raw.strip() else None)


def cro_number(raw: str) -> str | None:
    """A CRO number in its canonical form, else made to fit."""
    return identifiers.cro(raw) or (code(raw) if raw.strip() else None)


def day(raw: str) -> date | None:
    """The date that a text begins with, as `2026-03-02` or `02/03/2026`; None if it is none, or none of this age."""
    if found := _ISO_DAY.match(raw):
        year, month, number = map(int, found.groups())
    elif found := _BRITISH_DAY.match(raw):
        number, month, year = map(int, found.groups())
    else:
        return None
    return calendar_day(year, month, number)


def birth_date(raw: str) -> date | DoubtfulDate | None:
    """A date of birth; one that cannot be read is kept as it was written, for its sender and the DAIT to be told."""
    plain = raw.strip()[:LONGEST_WRITTEN]
    return day(plain) or (DoubtfulDate(plain, DoubtReason.BIRTH_DATE_IMPOSSIBLE) if plain else None)


def calendar_day(year: int, month: int, number: int) -> date | None:
    try:
        return date(year, month, number) if FIRST_YEAR <= year <= LAST_YEAR else None
    except ValueError:
        return None


def moment(raw: str) -> datetime | None:
    """An instant; one without a zone is meant in London."""
    found = _MOMENT.fullmatch(raw.strip())
    if not found:
        return None
    at, fraction, zone = found.groups()
    try:
        read = datetime.fromisoformat(at + (fraction or "") + (zone or ""))
    except ValueError:
        return None
    if not FIRST_YEAR < read.year < LAST_YEAR:
        return None
    return read if read.tzinfo else read.replace(tzinfo=LONDON)


def at(on: date, clock: str) -> datetime:
    """That day in London at the time stated, or its beginning."""
    found = _TIME.match(clock.strip())
    hour, minute, second = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    try:
        return datetime.combine(on, time(hour, minute, second), LONDON)
    except ValueError:
        return datetime.combine(on, time(), LONDON)


def pieces(text: str) -> tuple[str, ...]:
    """A text in pieces that fit, none lost."""
    return tuple(text[start : start + LONGEST_TEXT] for start in range(0, len(text), LONGEST_TEXT))


def _reference(raw: str) -> str | None:
    plain = "".join(raw.upper().split()).replace("/", "")
    if _UUID.fullmatch(plain):
        return plain.lower()
    if not any(letter in "123456789" for letter in plain):
        return None
    fitted = re.sub(r"[^A-Z0-9._:-]+", "-", plain).lstrip("._:-")
    return fitted if fitted == plain and len(fitted) <= 60 else f"{fitted[:40]}.{digest(plain)}"


def digest(*parts: str) -> str:
    return sha256("\x1f".join(parts).encode()).hexdigest()[:16]
