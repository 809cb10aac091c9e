"""The protective orders that the results of one defendant at one hearing make, vary, discharge or change unsaid."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import zip_longest
from typing import Literal

from schemas.codes.court_results import CourtResults, OrderCode
from schemas.court_convictions.v1 import Result, ResultedOffence, Verdict
from schemas.court_order_variations.v1 import (
    Attribution,
    LegalBasis,
    Order,
    OrderAction,
    Prohibition,
    ProtectedPerson,
)
from services.intake import wording
from services.intake.fitting import pieces
from services.intake.order_length import UNSTATED, Length, Lengths, agree, lengths

Cause = Literal["sentence", "application", "breach_proceedings", "appeal", "unknown"]
NAMED = ProtectedPerson(role="other", attribution=Attribution.NAMED_IN_TEXT_UNCONFIRMED)
LARGEST_NUMBER = 999


@dataclass(frozen=True, slots=True)
class Resulted:
    """One result of an offence, with its whole text and the ends that its coded durations state or lead to.

    `qualified_by`: qualifiers of results that stand below it, as each condition of bail does on Common Platform.
    `label`: what its definition is called, where the source says so; it names nobody. `ground`: on what an order was
    made, where the source says so beside the text. `protects`: whom an order protects, where the source asks for it.
    `of_application`: it was given on an application to change a protective order.
    """

    result: Result
    text: str
    ends: frozenset[Length] = frozenset()
    periods: frozenset[Length] = frozenset()
    qualified_by: tuple[str, ...] = ()
    label: str = ""
    ground: str = ""
    protects: tuple[str, ...] = ()
    of_application: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """One result that makes or changes an order, as one offence carries it."""

    offence: ResultedOffence
    does: OrderCode
    resulted: Resulted
    lasts: "Lasts"

    @property
    def code(self) -> str:
        return self.resulted.result.cjs_result_code

    @property
    def text(self) -> str:
        return self.resulted.text

    @property
    def terms(self) -> "Terms":
        """What makes it the same order as that of another offence: its words, whatever their case, whom it protects,
        and its length."""
        return (" ".join(self.text.casefold().split()), self.resulted.protects, self.lasts)


@dataclass(frozen=True, slots=True)
class Lasts:
    """How long an order lasts, and whether more was said of it than can be used."""

    length: Length = UNSTATED
    unclear: bool = False


Terms = tuple[str, tuple[str, ...], Lasts]


def orders_of(
    offences: Sequence[tuple[ResultedOffence, Sequence[Resulted]]], hearing_on: date, table: CourtResults
) -> tuple[Order, ...]:
    """One order for each code, its offences inside; a code resulted in several ways is numbered by its offences."""
    made = sorted(_made(offences, hearing_on, table), key=lambda m: (m.offence.sequence, m.offence.code))
    appealed = any(r.result.cjs_result_code in table.appeals for _, results in offences for r in results)
    return tuple(
        _order(code, number, alike, hearing_on, table, appealed=appealed)
        for code in dict.fromkeys(m.code for m in made)
        for number, alike in enumerate(_alike([m for m in made if m.code == code]), 1)
    )


def lasts(resulted: Resulted, made_on: date) -> Lasts:
    """How long it lasts. Coded dates and durations count before the text; where the text contradicts them, nothing
    does, and neither does an end that is not after the day of the hearing."""
    coded, text = Lengths(resulted.ends, resulted.periods), lengths(resulted.text, made_on)
    length = coded.settled if coded.stated else text.settled
    if length is UNSTATED:
        return Lasts(unclear=bool(coded.stated or text.stated or text.left_open))
    contradicted = text.stated and not text.left_open and not any(agree(length, other) for other in text.stated)
    over = length.expires_on is not None and length.expires_on <= made_on
    return Lasts(unclear=True) if contradicted or over else Lasts(length)


def _made(
    offences: Iterable[tuple[ResultedOffence, Sequence[Resulted]]], hearing_on: date, table: CourtResults
) -> Iterator[Made]:
    for offence, results in offences:
        for resulted, following in zip_longest(results, results[1:]):
            asked_for = resulted.of_application or offence.code in table.applications
            about_one = asked_for or wording.changes_protective_order(f"{resulted.label}. {resulted.text}")
            does = table.order(resulted.result.cjs_result_code, about_one=about_one)
            if does is not None:
                yield Made(offence, does, resulted, lasts(_with_its_dates(resulted, following), hearing_on))


def _with_its_dates(resulted: Resulted, following: Resulted | None) -> Resulted:
    """Courts write the dates of a result into a result of their own after it, without a code and without a text."""
    if following is None or following.text or following.result.label or resulted.ends or resulted.periods:
        return resulted
    return replace(resulted, ends=following.ends, periods=following.periods)


def _alike(made: Sequence[Made]) -> list[list[Made]]:
    """Those that say the same, together. One that says nothing repeats the first that does."""
    silent: Terms = ("", (), Lasts())
    groups: dict[Terms, list[Made]] = {}
    for one in made:
        if one.terms != silent:
            groups.setdefault(one.terms, []).append(one)
    unsaid = [one for one in made if one.terms == silent]
    if not groups:
        return [unsaid]
    first, *others = groups.values()
    # No hearing makes so many; what has no number left is said with the last that has one.
    others[LARGEST_NUMBER - 2 :] = [[one for each in others[LARGEST_NUMBER - 2 :] for one in each]]
    return [first + unsaid, *filter(None, others)]


def _order(
    code: str, number: int, alike: Sequence[Made], made_on: date, table: CourtResults, *, appealed: bool
) -> Order:
    text, does = alike[0].text, alike[0].does
    qualifiers = frozenset(qualifier for one in alike for qualifier in one.resulted.result.qualifiers)
    changes = does.changes
    extended = table.qualifiers.extended in qualifiers
    length = alike[0].lasts.length
    moved = changes and length == UNSTATED and (extended or wording.extends(text))
    return Order(
        number=number,
        action=action_of(alike[0].resulted.label, text, extended=extended) if changes else OrderAction.IMPOSED,
        code=code,
        legal_basis=_basis(alike, qualifiers, made_on, table),
        offences=tuple(dict.fromkeys(sorted(one.offence.sequence for one in alike))),
        made_on=made_on,
        expires_on=length.expires_on,
        until_further_order=length.until_further_order or None,  # a text that ends it says nothing of it
        length_unclear=alike[0].lasts.unclear or moved or None,
        protected_persons=(NAMED,) if _names_somebody(alike) else (),
        prohibitions=tuple(Prohibition(code=code, text=piece) for piece in pieces(text)),
        cause=_cause(alike, qualifiers, table, appealed=appealed),
    )


def action_of(label: str, text: str, *, extended: bool = False) -> OrderAction:
    """What was done to an earlier order: as the definition of the result is called, if that says it, else its text."""
    named = wording.change(label, extended=False)
    return wording.change(text, extended=extended) if named is OrderAction.CHANGED_NOT_STATED else named


def _names_somebody(alike: Sequence[Made]) -> bool:
    return any(one.resulted.protects for one in alike) or wording.names_somebody(alike[0].text)


def _basis(alike: Sequence[Made], qualifiers: frozenset[str], made_on: date, table: CourtResults) -> LegalBasis:
    """The Act that the order rests on; for one on conviction, by the day of the conviction (Sentencing Code s.360)."""
    basis = alike[0].does.basis
    if basis is not LegalBasis.SA20_S360:
        return basis
    text = f"{alike[0].resulted.ground} {alike[0].text}"
    on_acquittal = table.qualifiers.on_acquittal in qualifiers or wording.on_acquittal(text)
    on_conviction = table.qualifiers.on_conviction in qualifiers or wording.on_conviction(text)
    if on_acquittal:
        return LegalBasis.UNKNOWN if on_conviction else LegalBasis.PHA97_S5A
    convicted = {(one.offence.verdict_date or made_on) >= table.sentencing_code_from for one in alike}
    if len(convicted) > 1:
        return LegalBasis.UNKNOWN
    return LegalBasis.SA20_S360 if True in convicted else LegalBasis.PHA97_S5


def _cause(alike: Sequence[Made], qualifiers: frozenset[str], table: CourtResults, *, appealed: bool) -> Cause:
    """Why the court came to it, if the codes around it say one thing."""
    changes = any(one.does.changes for one in alike)
    convicted = any(one.offence.verdict is Verdict.CONVICTED for one in alike)
    breached = convicted and any(one.offence.code in table.breaches for one in alike)
    applied = table.qualifiers.on_application in qualifiers or any(
        one.resulted.of_application or one.offence.code in table.applications for one in alike
    )
    causes: list[Cause] = []
    if appealed:
        causes.append("appeal")
    if applied:
        causes.append("application")
    if changes and breached:
        causes.append("breach_proceedings")
    if not changes and convicted:
        causes.append("sentence")
    return causes[0] if len(causes) == 1 else "unknown"
