"""How long an order lasts, read from the words of a court result: only what has one reading counts.

A wrong early end is worse than none. So a sentence counts only where the order is its subject and nothing but known
words stand between the order and its length. Another time that is said of the order, a condition, an alternative, or a
period that begins on another day leaves the length open.
"""

import re
from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

from services.intake.fitting import calendar_day

# Courts write at most 2,500 letters. What stands behind these is not read, so a longer text settles nothing.
LONGEST_READ = 8000
# No order lasts for more than so many of any unit; what claims to has no end in our time.
MOST = 100_000
ONE_DAY = timedelta(days=1)


class Kind(Enum):
    """What a part of a sentence says about time."""

    ASIDE = "says nothing of the length, as a time of day or a section of an Act"
    MADE = "the day on which something was done"
    START = "the day on which something begins"
    DATE = "a day"
    ENDLESS = "no end"
    PERIOD = "a number of days, weeks, months or years"
    TIME = "speaks of time in a way that is not read"
    WORD = "any other word"


MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = """
ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
"""
NUMBERS = {word: number for number, word in enumerate((*_ONES, *_TEENS.split()), 1)}
NUMBERS |= {"a": 1, "an": 1, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60}
NUMBERS |= {f"{tens}-{one}": NUMBERS[tens] + NUMBERS[one] for tens in ("twenty", "thirty") for one in _ONES}
UNITS = {"day": "D", "week": "W", "month": "M", "mth": "M", "year": "Y", "yr": "Y"}

_MONTH = (
    "january|february|march|april|may|june|july|august|september|october|november|december|"
    "jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec"
)
_DATE = (
    rf"(?:the )?\d{{1,2}}(?:st|nd|rd|th)?(?: day)?[ /.-](?:of )?(?:(?:{_MONTH})\b|\d{{1,2}})[ /.,-]{{1,2}}\d{{4}}"
    r"(?![\d./-]*\d)"
    rf"|(?:{_MONTH}) \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}\b|\d{{4}}-\d{{2}}-\d{{2}}(?![\d-])"
)
_COUNT = rf"(?:\d{{1,4}}\b|{'|'.join(sorted((word.replace('-', '[ -]') for word in NUMBERS), key=len, reverse=True))})"
_PERIOD = rf"{_COUNT}(?: ?\({_COUNT}\))?[ -]?(?:calendar )?(?:{'|'.join(UNITS)})s?\b"
_HERE = r"(?:today|now|immediately|(?:the )?date (?:of )?(?:making |this |the )*(?:order|hearing|sentence|made))"
_BEGINS = r"(?:from|commencing|starting|beginning|effective|commences|starts|begins)(?: on| with| from)?"
_VARIED = r"(?:varied|discharged|revoked|extended|amended)"
_UNLESS = (
    rf"unless (?:it is )?(?:sooner |earlier |previously )?{_VARIED}(?: or {_VARIED})*(?: by (?:the |this )?court)?"
)
_FORMS = {
    Kind.ASIDE: (
        rf"{_BEGINS} {_HERE}\b|with immediate effect\b|{_UNLESS}\b|protection from harassment\b"
        r"|(?:on|upon|following|after) (?:his |her |an? |the )?(?:conviction|acquittal)\b|(?:act|code) (?:19|20)\d\d\b"
        r"|(?:s|ss|section|sections)\.? ?\d+[a-z]?(?:\(\d+\))*(?![\w/])"
        r"|(?:at )?\d{1,2}[:.]\d{2}(?: ?(?:am|pm|hrs|hours))?\b(?![./-]\d)|(?:at )?\d{1,2} ?(?:am|pm)\b"
    ),
    Kind.MADE: rf"(?:made|imposed|granted|issued|dated|sentenced|convicted|born)(?: on)? (?:{_DATE})",
    Kind.START: rf"{_BEGINS} (?:{_DATE})",
    Kind.DATE: _DATE,
    Kind.ENDLESS: (
        r"until (?:a |any )?(?:further|other)(?: court)? (?:order|notice)\b(?: (?:of|by|from) (?:the|this) court\b)?"
        r"|indefinitely\b|for life\b|for the (?:rest|remainder) of (?:his|her) (?:natural )?life\b"
        r"|for an indefinite period\b|without (?:limit of time|time limit|end date)\b"
    ),
    Kind.PERIOD: rf"{_PERIOD}(?:,? (?:and )?{_PERIOD})*",
    Kind.TIME: (
        r"\d+[/.-]\d+[/.-]\d+|(?:1[89]|2[012])\d\d\b|(?:days?|weeks?|fortnights?|months?|mths?|years?|yrs?|decades?)\b"
        r"|(?:indefinite|life|lifetime|permanent|permanently|further order|further notice)\b"
    ),
    Kind.WORD: r"[^\W_]+(?:['’-][^\W_]+)*",
}
_PART = re.compile(
    "|".join(rf"(?P<{kind.name}>(?<![\w.,/-])(?:{form}))" for kind, form in _FORMS.items()), re.IGNORECASE
)
_DATE_IN = re.compile(_DATE, re.IGNORECASE)
_DAY_FIRST = re.compile(r"(?:the )?(\d{1,2})(?:st|nd|rd|th)?(?: day)?[ /.-](?:of )?([a-z]+|\d{1,2})[ /.,-]{1,2}(\d{4})")
_MONTH_FIRST = re.compile(r"([a-z]+) (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})")
_COUNTED = re.compile(rf"({_COUNT})(?: ?\(({_COUNT})\))?[ -]?(?:calendar )?({'|'.join(UNITS)})", re.IGNORECASE)
_SENTENCE_ENDS = re.compile(r"[.!?](?=\s|$)|[;\r\n]+|(?<=terms):|(?<=follows):|(?<=conditions):", re.IGNORECASE)
_HALF_DAYS = re.compile(r"\b([ap])\.m\.?", re.IGNORECASE)

# What no sentence about a length, or about when one begins, is without.
_MAY_SPEAK_OF_TIME = re.compile(
    r"\d|til|year|yr|month|mth|week|fortnight|day|decade|life|time|indefinit|permanent|further|expir|end|commenc|begin|start"
    r"|releas|effect|into force|suspen|defer|consecutive|concurrent|thereafter|wef",
    re.IGNORECASE,
)
# Words that are in no sentence that only says when something began.
_BEGINS_ELSEWHERE = re.compile(
    r"\b(?:commenc\w*|begin\w*|start\w*|releas\w*|tak(?:e|es|ing) effect|with effect|wef|effective|comes? into force"
    r"|suspen\w*|defer\w*|consecutive\w*|concurrent\w*|thereafter)\b",
    re.IGNORECASE,
)
_OF_ANOTHER_ORDER = re.compile(
    r"\b(?:replac\w*|supersed\w*|in place of|instead of|previous\w*|earlier|former\w*)\b", re.IGNORECASE
)

_SUBJECT_BEFORE = """
this the a an said such new full interim restraining protection protective domestic abuse stalking sexual harm
prevention non-molestation
"""
_CHANGES = """
extended extend varied vary amended renewed continued
"""
_UNTIL = """
until till til untill
"""
_ENDS = """
up expire expires expiring expiry end ends ending end-date
"""
_BETWEEN = """
made imposed granted issued ordered is was be will shall to last lasts lasting remain remains remaining in force effect
with and run runs running continue continues has have valid for a the period term duration length of total so as on at
date midnight including inclusive by consent court under pursuant now hereby against defendant it sentencing order
restraining code act
"""
_LEADS = """
until till for duration length period term expires expiry ends end to valid lasts lasting
"""
_AFTER = """
not made imposed granted in under pursuant prohibiting prohibits forbidding preventing restraining protecting he she the
defendant to against inclusive
"""
SUBJECT_BEFORE, CHANGES, UNTIL = (frozenset(words.split()) for words in (_SUBJECT_BEFORE, _CHANGES, _UNTIL))
ENDS = UNTIL.union(_ENDS.split())
BETWEEN = CHANGES.union(ENDS, _BETWEEN.split())
# Words with which a sentence without a subject speaks of the order, and those that may follow a length.
LEADS, AFTER = frozenset(_LEADS.split()), frozenset(_AFTER.split())


@dataclass(frozen=True, slots=True)
class Length:
    """How long an order lasts. Neither: not stated, or not in one way."""

    expires_on: date | None = None
    until_further_order: bool = False


UNSTATED = Length()
ENDLESS = Length(until_further_order=True)


@dataclass(frozen=True, slots=True)
class Lengths:
    """What is said of one order's length: ends stated outright, ends that follow from a period, and whether a time is
    said of it that has more than one reading."""

    ends: frozenset[Length] = frozenset()
    periods: frozenset[Length] = frozenset()
    left_open: bool = False

    @property
    def stated(self) -> frozenset[Length]:
        return self.ends | self.periods

    @property
    def settled(self) -> Length:
        """The one length that all of it agrees on; a period may reach to the last day, or to the day after it."""
        if self.left_open or len(self.ends) > 1 or (not self.ends and len(self.periods) != 1):
            return UNSTATED
        (one,) = self.ends or self.periods
        return one if all(agree(one, other) for other in self.periods) else UNSTATED


@dataclass(frozen=True, slots=True)
class Part:
    """A word, a day, a period, of a sentence."""

    kind: Kind
    text: str
    day: date | None = None
    counted: tuple[tuple[int, str], ...] = ()


SILENT = Lengths()


def agree(one: Length, other: Length) -> bool:
    """Whether they are the same length, as people count: the last day of a period is a day sooner or later."""
    if one.expires_on is None or other.expires_on is None:
        return one == other
    return abs(one.expires_on - other.expires_on) <= ONE_DAY


def period_end(start: date, number: int, unit: str) -> date | None:
    """The last day of `number` days, weeks, months or years (D, W, M, Y) beginning with `start`.

    None for another unit, and for a period that has no end in our time.
    """
    return _end_of(start, ((number, unit),))


def lengths(text: str, made_on: date) -> Lengths:
    """What the text of a result says of the length of the order that it makes or changes on that day."""
    if len(text) > LONGEST_READ:
        return Lengths(left_open=True)
    split = [said for said in _SENTENCE_ENDS.split(_HALF_DAYS.sub(r"\1m", text)) if said.strip()]
    read = (tuple(_parts(said)) for said in split if _MAY_SPEAK_OF_TIME.search(said))
    sentences = [parts for parts in read if parts]
    said = [_sentence(parts, made_on, alone=len(split) == 1) for parts in sentences]
    periods = frozenset[Length]().union(*(each.periods for each in said))
    return Lengths(
        ends=frozenset[Length]().union(*(each.ends for each in said)),
        periods=periods,
        left_open=any(each.left_open for each in said) or bool(periods and _begins_elsewhere(sentences, made_on)),
    )


def _begins_elsewhere(sentences: Sequence[Sequence[Part]], made_on: date) -> bool:
    """Whether anything in the text may begin on another day than that of the hearing."""
    parts = [part for parts in sentences for part in parts]
    if any(part.day != made_on for part in parts if part.kind in (Kind.MADE, Kind.START)):
        return True
    return bool(_BEGINS_ELSEWHERE.search(_words(parts)))


def _sentence(parts: Sequence[Part], made_on: date, *, alone: bool) -> Lengths:
    """What one sentence says of the order's length. `alone`: it is the whole text, so it speaks of the order."""
    if _OF_ANOTHER_ORDER.search(_words(parts)):
        # A change that says which end it took the place of says too that there is another now.
        changed = any(part.text.lower() in CHANGES for part in parts)
        return Lengths(left_open=changed and any(map(_speaks_of_time, parts)))
    start = _after_subject(parts)
    if start is not None:
        return _clause(parts, start, made_on)[0]
    if alone or parts[0].text.lower() in LEADS or parts[0].kind is Kind.ENDLESS:
        said, read_to = _clause(parts, 0, made_on)
        if read_to == len(parts):
            return said
        if parts[0].kind is not Kind.WORD or parts[0].text.lower() in LEADS:
            return Lengths(left_open=any(map(_speaks_of_time, parts)))
    return _until_further_order(parts)


def _until_further_order(parts: Sequence[Part]) -> Lengths:
    """ "Not to contact her until further order" has one end for the order, too, if it has no other."""
    endless = [n for n, part in enumerate(parts) if part.kind is Kind.ENDLESS and part.text.lower().startswith("until")]
    if not endless:
        return SILENT
    only = sum(map(_speaks_of_time, parts)) == 1 and _words(parts[endless[0] - 1 : endless[0]]).lower() != "or"
    return Lengths(ends=frozenset({ENDLESS})) if only else Lengths(left_open=True)


def _after_subject(parts: Sequence[Part]) -> int | None:
    """Where the sentence goes on after "this order", "restraining order", "a 2 year restraining order" or "it"."""
    if parts[0].text.lower() == "it":
        return 1
    for at, part in enumerate(parts):
        if part.text.lower() == "order":
            return at + 1
        if part.kind is not Kind.PERIOD and part.text.lower() not in SUBJECT_BEFORE:
            return None
    return None


def _clause(parts: Sequence[Part], start: int, made_on: date) -> tuple[Lengths, int]:
    """What stands behind the subject, as far as every word of it is known; and up to which part that is."""
    ends, periods = set[Length](), set[Length]()
    left_open = ending = changed = False
    last, at = None, start
    for before in parts[:start]:
        periods |= _period(before, made_on)
        last = start - 1 if periods else None
    for at, part in enumerate((*parts[start:], None), start):
        if part is None or (part.kind is Kind.WORD and part.text.lower() not in BETWEEN):
            break
        match part.kind:
            case Kind.WORD:
                ending = ending or part.text.lower() in ENDS
                changed = changed or part.text.lower() in CHANGES
            case Kind.DATE if part.day and (ending or _reaches(parts[start:at], changed=changed)):
                ends.add(Length(part.day))
            case Kind.ENDLESS:
                ends.add(ENDLESS)
            case Kind.PERIOD if not ending and not changed and (found := _period(part, made_on)):
                periods |= found
            case Kind.DATE | Kind.PERIOD | Kind.TIME:
                left_open = True
        if part.kind in (Kind.DATE, Kind.ENDLESS, Kind.PERIOD):
            last, ending = at, False
    left_open = left_open or ending or any(map(_speaks_of_time, parts[at:]))
    left_open = left_open or (last is not None and not _goes_on_harmlessly(parts[last + 1 :]))
    return Lengths(frozenset(ends), frozenset(periods), left_open), at


def _reaches(before: Sequence[Part], *, changed: bool) -> bool:
    """ "Extended to" a day, or "from" one day "to" another."""
    began = any(part.kind is Kind.START for part in before)
    return bool(before) and before[-1].text.lower() == "to" and (changed or began)


def _goes_on_harmlessly(parts: Sequence[Part]) -> bool:
    """Whether what follows a length says what is prohibited, and puts no condition on the length."""
    words = _words(parts).lower().split()
    if words[:1] == ["and"]:
        return words[1:2] == ["is"] or bool(AFTER.intersection(words[1:2]))
    return not words or words[0] in AFTER


def _speaks_of_time(part: Part) -> bool:
    of_time = part.kind in (Kind.DATE, Kind.ENDLESS, Kind.PERIOD, Kind.TIME)
    return of_time or part.text.lower() in UNTIL or part.text.lower().startswith("expir")


def _words(parts: Iterable[Part]) -> str:
    return " ".join(part.text for part in parts if part.kind is Kind.WORD)


def _parts(sentence: str) -> Iterator[Part]:
    for found in _PART.finditer(sentence):
        kind = Kind[found.lastgroup or Kind.WORD.name]
        day = _day(found[0]) if kind in (Kind.MADE, Kind.START, Kind.DATE) else None
        yield Part(kind, found[0], day, tuple(_counted(found[0])) if kind is Kind.PERIOD else ())


def _day(text: str) -> date | None:
    """The day that a text ends with; None for one that no calendar has."""
    found = _DATE_IN.search(text)
    said = found[0].lower() if found else ""
    if day_first := _DAY_FIRST.fullmatch(said):
        number, month, year = day_first.groups()
    elif month_first := _MONTH_FIRST.fullmatch(said):
        month, number, year = month_first.groups()
    else:
        year, month, number = said.split("-")
    return calendar_day(int(year), int(month) if month.isdigit() else MONTHS.index(month[:3]) + 1, int(number))


def _counted(text: str) -> Iterator[tuple[int, str]]:
    """Each number of a period with its unit; 0 where it is said twice, in two ways."""
    for number, again, unit in _COUNTED.findall(text):
        count = _number(number)
        yield (count if not again or _number(again) == count else 0), UNITS[unit.lower()]


def _number(word: str) -> int:
    return int(word) if word.isdigit() else NUMBERS["-".join(word.lower().replace("-", " ").split())]


def _period(part: Part, made_on: date) -> set[Length]:
    end = _end_of(made_on, part.counted) if part.counted else None
    return {Length(end)} if end else set()


def _end_of(start: date, counted: Sequence[tuple[int, str]]) -> date | None:
    """The last day of these numbers of units, one after the other, beginning with `start`."""
    months = sum({"M": 1, "Y": 12}.get(unit, 0) * number for number, unit in counted)
    days = sum({"D": 1, "W": 7}.get(unit, 0) * number for number, unit in counted)
    if not all(number > 0 and unit in "DWMY" for number, unit in counted) or not 0 < months + days <= MOST:
        return None
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    if calendar_day(year, 1, 1) is None:
        return None
    same_day = date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))
    last = same_day + timedelta(days=days - 1)
    return calendar_day(last.year, last.month, last.day)
