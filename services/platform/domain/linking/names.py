"""Compares the names of people, and other words, however they were written."""

import unicodedata

SHORTEST_BEGINNING = 3  # Dan, Daniel


def words_of(text: str | None) -> list[str]:
    """The words of a name or of any text: in capitals or not, with or without accents and hyphens."""
    plain = unicodedata.normalize("NFKD", text or "").casefold()
    return "".join(letter if letter.isalnum() else " " for letter in plain if not unicodedata.combining(letter)).split()


def first_and_last(name: str | None) -> str:
    """First and last name, without the names between."""
    words = words_of(name)
    return " ".join(words[:1] + words[1:][-1:])


def name_and_birth(name: str | None, born: str | None) -> tuple[str, str] | None:
    """By what two statements are known to be about one person, however each spells the name; None where either is not
    known. `born`: as a date is written."""
    plain = first_and_last(name)
    return (plain, born) if plain and born else None


def are_alike(one: str, other: str) -> bool:
    """Whether first name and last name are each one name, spelt in two ways."""
    words = list(zip(one.split(), other.split(), strict=False))
    return len(one.split()) == len(other.split()) and all(_is_nearly(*pair) for pair in words)


def _is_nearly(one: str, other: str) -> bool:
    """The same but for one letter, or the beginning of the other."""
    short, long = sorted((one, other), key=len)
    if long.startswith(short) and len(short) >= SHORTEST_BEGINNING:
        return True
    same = next((at for at, pair in enumerate(zip(short, long, strict=False)) if pair[0] != pair[1]), len(short))
    rest = short[same + (len(short) == len(long)) :]
    return len(long) - len(short) <= 1 and rest == long[same + 1 :]
