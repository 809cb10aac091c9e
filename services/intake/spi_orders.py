"""The protective orders that the results of one defendant at one hearing make, vary, discharge or change unsaid."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import zip_longest
from typing import Literal

from schemas.codes.court_results import CourtResults
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
from services.intake.wording import UNSTATED, Length

Cause = Literal["sentence", "application", "breach_proceedings", "appeal", "unknown"]
NAMED = ProtectedPerson(role="other", attribution=Attribution.NAMED_IN_TEXT_UNCONFIRMED)
LARGEST_NUMBER = 999


@dataclass(frozen=True, slots=True)
class Resulted:
    """One result of an offence, with its whole text and the ends that its coded durations state or lead to."""

    result: Result
    text: str
    ends: frozenset[Length] = frozenset()
    periods: frozenset[Length] = frozenset()


@dataclass(frozen=True, slots=True)
class Made:
    """One result that makes or changes an order, as one offence carries it."""

    offence: ResultedOffence
    code: str
    text: str
    qualifiers: frozenset[str]
    length: Length

    @property
    def terms(self) -> tuple[str, Length]:
        """What makes it the same order as that of another offence: its words, whatever their case, and its length."""
        return (" ".join(self.text.casefold().split()), self.length)


def orders_of(
    offences: Sequence[tuple[ResultedOffence, Sequence[Resulted]]], hearing_on: date, table: CourtResults
) -> tuple[Order, ...]:
    """One order for each code, its offences inside; a code resulted in several ways is numbered by its offences."""
    made = sorted(_made(offences, hearing_on, table), key=lambda m: m.offence.sequence)
    appealed = any(r.result.cjs_result_code in table.appeals for _, results in offences for r in results)
    return tuple(
        _order(code, number, alike, hearing_on, table, appealed=appealed)
        for code in dict.fromkeys(m.code for m in made)
        for number, alike in enumerate(_alike([m for m in made if m.code == code]), 1)
    )


def length_of(resulted: Resulted, made_on: date) -> Length:
    """When it ends, if code and text agree: an end that is stated counts for more than one worked out of a period."""
    stated, periods = wording.lengths(resulted.text, made_on)
    for ends in (resulted.ends | stated, resulted.periods | periods):
        if ends:
            return next(iter(ends)) if len(ends) == 1 else UNSTATED
    return UNSTATED


def _made(
    offences: Iterable[tuple[ResultedOffence, Sequence[Resulted]]], hearing_on: date, table: CourtResults
) -> Iterator[Made]:
    for offence, results in offences:
        for resulted, following in zip_longest(results, results[1:]):
            code = resulted.result.cjs_result_code
            if code in table.orders:
                yield Made(
                    offence=offence,
                    code=code,
                    text=resulted.text,
                    qualifiers=frozenset(resulted.result.qualifiers),
                    length=length_of(_with_its_dates(resulted, following), hearing_on),
                )


def _with_its_dates(resulted: Resulted, following: Resulted | None) -> Resulted:
    """Courts write the dates of a result into a result of their own after it, without a code and without a text."""
    if following is None or following.text or following.result.label or resulted.ends or resulted.periods:
        return resulted
    return Resulted(resulted.result, resulted.text, following.ends, following.periods)


def _alike(made: Sequence[Made]) -> list[list[Made]]:
    """Those that say the same, together. One that says nothing repeats the first that does."""
    silent = ("", UNSTATED)
    groups: dict[tuple[str, Length], list[Made]] = {}
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
    text, qualifiers = alike[0].text, frozenset[str]().union(*(one.qualifiers for one in alike))
    changes = table.orders[code].changes
    length = alike[0].length
    return Order(
        number=number,
        action=wording.change(text, extended=table.qualifiers.extended in qualifiers)
        if changes
        else OrderAction.IMPOSED,
        code=code,
        legal_basis=_basis(code, alike, text, qualifiers, made_on, table),
        offences=tuple(dict.fromkeys(sorted(one.offence.sequence for one in alike))),
        made_on=made_on,
        expires_on=length.expires_on,
        until_further_order=length.until_further_order or None,  # a text that ends it says nothing of it
        protected_persons=(NAMED,) if wording.names_somebody(text) else (),
        prohibitions=tuple(Prohibition(code=code, text=piece) for piece in pieces(text)),
        cause=_cause(alike, qualifiers, table, appealed=appealed),
    )


def _basis(
    code: str, alike: Sequence[Made], text: str, qualifiers: frozenset[str], made_on: date, table: CourtResults
) -> LegalBasis:
    """The Act that the order rests on; for one on conviction, by the day of the conviction (Sentencing Code s.360)."""
    basis = table.orders[code].basis
    if basis is not LegalBasis.SA20_S360:
        return basis
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
    changes = any(table.orders[one.code].changes for one in alike)
    convicted = any(one.offence.verdict is Verdict.CONVICTED for one in alike)
    breached = convicted and any(one.offence.code in table.breaches for one in alike)
    applied = table.qualifiers.on_application in qualifiers or any(
        one.offence.code in table.applications for one in alike
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
