"""What the free text of a court result settles, and what it leaves open: only plain statements count."""

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from schemas.court_convictions.v1 import Verdict
from schemas.court_order_variations.v1 import OrderAction
from services.intake.fitting import calendar_day

# The longest text that is searched; courts write at most 2,500 letters.
SEARCHED = 8000
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "ten": 10}
UNITS = {"day": "D", "week": "W", "month": "M", "year": "Y"}
# No order lasts for more than so many of any unit; what claims to has no end in our time.
MOST = 100_000


def _text(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_DAY = r"(?:the )?(\d{1,2})(?:st|nd|rd|th)?[ /.-](?:of )?([a-z]{3,9}|\d{1,2})[ /.-](\d{4})\b"
_UNTIL_FURTHER = _text(r"\buntil (?:a |any )?(?:further|other)(?: court)? (?:order|notice)\b")
_ENDS_ON = _text(
    r"\border\b[^.;:]{0,80}?\b(?:until|till|up to|expir\w+|ends?)\b"
    rf"(?:[^.;]{{0,14}}? on)?(?: and including)? {_DAY}"
)
_RUNS_FOR = _text(
    r"\border\b[^.;:]{0,80}?\bfor (?:a (?:further )?(?:period|term) of )?"
    rf"(\d{{1,3}}|{'|'.join(NUMBERS)}) (day|week|month|year)s?\b"
)

_DISCHARGED = _text(
    r"^\W*(?:discharged|revoked)\W*$"
    r"|\border\b[^.;:]{0,100}?(?<!conditionally )(?<!absolutely )\b(?:discharged|revoked|rescinded|set aside|quashed)\b"
)
_VARIED = _text(r"^\W*(?:varied|amended|extended)\W*$|\border\b[^.;:]{0,100}?\b(?:varied|amended|extended)\b")
_DISCHARGE_IS_SPOKEN_OF = _text(r"\b(?:discharg|revo[kc]|rescind|set aside|quash|lift)")
_CHANGE_IS_SPOKEN_OF = _text(r"\b(?:vari|vary|amend|exten[ds])")
_ASKED_FOR = _text(r"\b(?:appl(?:y|ies|ied|ication)) (?:to|for)\b[^.;:]*")
_NOT_DONE = _text(r"\b(?:refus|reject|dismiss|withdr[ae]wn?|adjourn|pending|consider)\w*|\border (?:is |was )?not\b")
# Words that make a discharge less than one of the whole order, now.
_NOT_WHOLE = _text(
    r"\b(?:not|nor|if|unless|to be|from|terms?|conditions?|prohibitions?|paragraphs?|clauses?|parts?|partly|remain\w*|"
    r"continu\w*|except\w*|save|otherwise|only|replac\w*|new order)\b"
)

_PROTECTS = _text(
    r"\b(?:contact|approach|communicat\w+|harass|molest|threaten|pester|intimidat\w+|follow|protect\w*)"
    r"((?:[\s,]+[^\s.;:]+){1,8})"
)
_WORD = re.compile(r"[^\W\d_][\w'’-]+")
_NOT_A_NAME = """
directly indirectly or and nor by any means whatsoever whether with either in person through third party parties the a
an her him them his their he she it its this that said victim victims complainant complainants witness witnesses
defendant person persons anyone prosecution family member members partner wife husband child children mother father of
to not from at on for except via save be is are until unless other social media telephone phone text letter email
harassment fear violence order ordered court within metres miles mile go enter attend address contact approach
communicate communication
"""
NOT_A_NAME = frozenset(_NOT_A_NAME.split())

_VERDICTS = (
    (Verdict.NGRI, _text(r"\b(?:reasons?|grounds?) of insanity\b|\bspecial verdict\b")),
    (Verdict.UNFIT_DID_ACT, _text(r"\bdid (?:do )?the acts?\b")),
    (Verdict.LIES_ON_FILE, _text(r"\b(?:lies?|left|lay|remains?) on (?:the )?(?:court )?file\b")),
    (Verdict.QUASHED, _text(r"\bconvictions? (?:is |was |are |be )?quashed\b")),
    (
        Verdict.DISCONTINUED,
        _text(
            r"^\W*discontinued\W*$|\bnotice of discontinuance\b"
            r"|\b(?:proceedings|case|charge|offence|prosecution)\b[^.;]{0,40}\bdiscontinued\b"
        ),
    ),
)
_STILL_TO_BE_FOUND = _text(r"\b(?:not|whether|if|determine|trial of)\b[^.;]{0,60}\bdid (?:do )?the acts?\b")
_TIME_SERVED = _text(r"\btime (?:already )?served\b")
_ON_ACQUITTAL = _text(r"\b(?:on|following) (?:an |his |her )?acquittal\b")
_ON_CONVICTION = _text(r"\b(?:on|following) (?:a |his |her )?conviction\b")


@dataclass(frozen=True, slots=True)
class Length:
    """How long an order lasts. Neither: not stated, or not in one way."""

    expires_on: date | None = None
    until_further_order: bool = False


UNSTATED = Length()
ENDLESS = Length(until_further_order=True)


def period_end(start: date, number: int, unit: str) -> date | None:
    """The last day of `number` days, weeks, months or years (D, W, M, Y) beginning with `start`.

    None for another unit, and for a period that has no end in our time.
    """
    months, days = {"M": 1, "Y": 12}.get(unit, 0) * number, {"D": 1, "W": 7}.get(unit, 0) * number
    if not 0 < months + days <= MOST:
        return None
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    if calendar_day(year, 1, 1) is None:
        return None
    same_day = date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))
    last = same_day + timedelta(days=days - 1)
    return calendar_day(last.year, last.month, last.day)


def lengths(text: str, made_on: date) -> tuple[frozenset[Length], frozenset[Length]]:
    """Every end that the text states for the order outright, and every one that follows from a period in it."""
    searched = text[:SEARCHED]
    stated = {Length(end) for found in _ENDS_ON.finditer(searched) if (end := _date(*found.groups()))}
    if _UNTIL_FURTHER.search(searched):
        stated.add(ENDLESS)
    periods = ((_number(number), UNITS[unit.lower()]) for number, unit in _RUNS_FOR.findall(searched))
    ends = (period_end(made_on, number, unit) for number, unit in periods)
    return frozenset(stated), frozenset(Length(end) for end in ends if end)


def change(text: str, *, extended: bool) -> OrderAction:
    """What was done to an earlier order, if the text says one thing only; `extended`: a qualifier says that it was.

    What was asked for is no statement of what was done.
    """
    done = _ASKED_FOR.sub("", text[:SEARCHED])
    if _NOT_DONE.search(text[:SEARCHED]):
        return OrderAction.CHANGED_NOT_STATED
    if _DISCHARGE_IS_SPOKEN_OF.search(done):
        varied_too = extended or _CHANGE_IS_SPOKEN_OF.search(done)
        whole = _DISCHARGED.search(done) and not varied_too and not _NOT_WHOLE.search(done)
        return OrderAction.DISCHARGED if whole else OrderAction.CHANGED_NOT_STATED
    return OrderAction.VARIED if extended or _VARIED.search(done) else OrderAction.CHANGED_NOT_STATED


def names_somebody(text: str) -> bool:
    """The text seems to name whom the order protects. Who it is stays in the text, for a desk to confirm."""
    return any(
        word[0].isupper() and word.lower() not in NOT_A_NAME
        for found in _PROTECTS.finditer(text[:SEARCHED])
        for word in _up_to_a_name(found[1])
    )


def verdict(text: str) -> Verdict | None:
    """An ending that has no result code of its own and that the text names."""
    searched = text[:SEARCHED]
    found = next((of for of, says in _VERDICTS if says.search(searched)), None)
    return None if found is Verdict.UNFIT_DID_ACT and _STILL_TO_BE_FOUND.search(searched) else found


def time_served(text: str) -> bool:
    return bool(_TIME_SERVED.search(text[:SEARCHED]))


def on_acquittal(text: str) -> bool:
    return bool(_ON_ACQUITTAL.search(text[:SEARCHED]))


def on_conviction(text: str) -> bool:
    return bool(_ON_CONVICTION.search(text[:SEARCHED]))


def _up_to_a_name(text: str) -> Iterator[str]:
    """The words up to the first that is none of those that stand before names."""
    for found in _WORD.finditer(text):
        yield found[0]
        if found[0].lower() not in NOT_A_NAME:
            return


def _date(number: str, month: str, year: str) -> date | None:
    of_year = int(month) if month.isdigit() else _month(month)
    return calendar_day(int(year), of_year, int(number)) if of_year else None


def _month(word: str) -> int | None:
    start = word[:3].lower()
    return MONTHS.index(start) + 1 if start in MONTHS else None


def _number(word: str) -> int:
    return int(word) if word.isdigit() else NUMBERS[word.lower()]
