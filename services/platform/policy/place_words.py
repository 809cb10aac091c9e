"""Whether the free text of an order says a place, by the words that policy lists."""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from services.platform.policy.model import NotPlace, PlaceWord

REMEMBERED = 2000
_POSTCODE = re.compile(r"\b[A-Z]{1,2}[0-9][A-Z0-9]?\s*(?:[0-9][A-Z]{2}|NNN)\b", re.IGNORECASE)
_SOME_WORDS = r"(?:\S+\s+){1,4}?"
_ENDING = r"(?:s|es|['’]s)?"
_NEVER = re.compile(r"(?!)")


class PlaceWords:
    """The words of policy as patterns."""

    def __init__(self, words: Collection[PlaceWord], not_places: Iterable[NotPlace]) -> None:
        plain = [_pattern(row.place_word) for row in words if not row.in_names]
        in_names = [_pattern(row.place_word) for row in words if row.in_names]
        any_word = rf"(?:{'|'.join((*plain, *in_names))})"
        phrases = [_pattern(row.not_place).replace(re.escape("{word}"), any_word) for row in not_places]
        names = [row.place_word for row in words if row.in_names]
        capitals = [_pattern(written) for name in names for written in (name.title(), name.upper())]
        self._plain = _any(plain, re.IGNORECASE)
        self._in_names = _any(in_names, re.IGNORECASE)
        self._named = _any(capitals, re.NOFLAG, before=r"[A-Z0-9][\w'’-]*\s+")
        self._not_places = _any(phrases, re.IGNORECASE)
        self.said_in = lru_cache(REMEMBERED)(self._said_in)

    def _said_in(self, text: str) -> bool:
        """A text in which all letters are of one case does not show where a name is: there, each word counts."""
        left = self._not_places.sub(" - ", text)
        named = self._in_names if text in (text.upper(), text.lower()) else self._named
        return any(pattern.search(left) for pattern in (self._plain, named, _POSTCODE))


def _pattern(words: str) -> str:
    return re.escape(words).replace(r"\#\ ", _SOME_WORDS).replace(r"\ ", r"\s+")


def _any(patterns: list[str], flags: re.RegexFlag, before: str = "") -> re.Pattern[str]:
    return re.compile(rf"\b{before}(?:{'|'.join(patterns)}){_ENDING}\b", flags) if patterns else _NEVER
