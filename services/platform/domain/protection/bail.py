"""Conditions of court bail: what each hearing did to them, and from when until when they bind him (domain 1.6)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from schemas.codes.court_results import court_results
from schemas.court_convictions.v1 import HearingResulted, Remand
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.linking.charged import named
from services.platform.domain.linking.names import words_of
from services.platform.domain.linking.same_man import Men
from services.platform.domain.protection import hearings
from services.platform.domain.protection.hearings import HearingMeasure
from services.platform.domain.protection.measures import Kind


class Condition(NamedTuple):
    """A condition by its code and by the words in which the court put it, none where it gave the code alone."""

    code: str
    words: tuple[str, ...] = ()


class Became(StrEnum):
    """What a hearing did to the conditions."""

    CANCELLED = "cancelled"
    ENDED = "ended"
    VARIED = "varied"


@dataclass(frozen=True, slots=True)
class Left:
    """The conditions as hearings have left them. `stand`: None where no hearing says. `by`: those that say it.
    `undecided`: offences with which the court has not dealt for good."""

    stand: bool | None = None
    listed: frozenset[Condition] = frozenset()
    by: tuple[Fact, ...] = ()
    undecided: frozenset[tuple[int, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """What a hearing did to the conditions, None where it is not known to have lessened them; and what stood before."""

    became: Became | None
    before: Left

    @property
    def is_certain(self) -> bool:
        """Whether there were conditions for sure: bail without conditions may be the first bail that he had."""
        return self.became in (Became.CANCELLED, Became.VARIED) or (
            self.became is Became.ENDED and self.before.stand is True
        )


def bail_conditions(file: CaseFile) -> Iterator[HearingMeasure]:
    """All conditions of bail that hearings of this file set, with their end where it is known."""
    men = file.once(Men)
    for his in file.once(hearings.of_each_man):
        left, set_by = Left(), None
        for fact, body in his.heard:
            left = _after(left, fact, body)
            if set_by is not None and left.by != (set_by.stated_by,):
                yield set_by.ended((fact, body))
                set_by = None
            if left.stand and left.by == (fact,):
                set_by = HearingMeasure(Kind.BAIL_CONDITIONS, fact, body, men.of(fact))
        if set_by is not None:
            yield set_by


def change_of(file: CaseFile, fact: Fact, body: HearingResulted) -> Change | None:
    """What this hearing did to the conditions of his bail; None where it says nothing of them."""
    if cancels(body):
        return Change(Became.CANCELLED, Left())
    listed, results = _listed(body), _results(body)
    free = bool(results & court_results().unconditional_bail) or body.remand is Remand.UNCONDITIONAL_BAIL
    if body.remand is Remand.CUSTODY or not (free or listed or results & court_results().bail_conditions_varied):
        return None
    before = _before(file, fact)
    if free and not listed:
        # That he is on bail without conditions ends none unless some stood; a result says so whatever stood.
        stated_by_a_result = results & court_results().unconditional_bail
        if before.stand is not False if stated_by_a_result else before.stand is True:
            return Change(Became.ENDED, before)
    lost = before.stand and listed and any(not _is_among(condition, listed) for condition in before.listed)
    varied = results & court_results().bail_conditions_varied or lost
    return Change(Became.VARIED if varied else None, before)


def cancels(body: HearingResulted) -> bool:
    """Whether a result of this hearing, or a qualifier of one, cancels conditions of bail."""
    codes = court_results().bail_conditions_cancelled
    return any(
        result.cjs_result_code in codes.results or not codes.qualifiers.isdisjoint(result.qualifiers)
        for offence in body.offences
        for result in offence.results
    )


def _before(file: CaseFile, fact: Fact) -> Left:
    """As the hearings of his case before this one left the conditions."""
    found = Left()
    for earlier, heard in hearings.before(file, fact):
        found = _after(found, earlier, heard)
    return found


def _after(before: Left, fact: Fact, body: HearingResulted) -> Left:
    """As this hearing left them. Who is in custody has no conditions, and they end when the court has dealt with the
    last offence; another hearing that says nothing of them changes nothing."""
    undecided = before.undecided | {named(each) for each in body.offences}
    undecided -= {named(each) for each in body.offences if each.final}
    if listed := _listed(body):
        return Left(stand=True, listed=listed, by=(fact,), undecided=undecided)
    ended = cancels(body) or not _results(body).isdisjoint(court_results().unconditional_bail)
    if ended or body.remand in (Remand.UNCONDITIONAL_BAIL, Remand.CUSTODY):
        return Left(stand=False, by=(fact,), undecided=undecided)
    if body.remand is Remand.CONDITIONAL_BAIL:
        return (
            replace(before, undecided=undecided) if before.stand else Left(stand=True, by=(fact,), undecided=undecided)
        )
    if before.stand and body.offences and not undecided:
        return Left(stand=False, by=(fact,), undecided=undecided)
    return replace(before, undecided=undecided)


def _listed(body: HearingResulted) -> frozenset[Condition]:
    return frozenset(
        Condition(condition.code, tuple(words_of(f"{condition.text or ''} {condition.zone or ''}")))
        for condition in body.bail_conditions
    )


def _is_among(condition: Condition, listed: Iterable[Condition]) -> bool:
    """Whether it is still listed: by its code, and in the same words where both hearings put it in words. Whether other
    words ask less of him is not read out of them: a person reads them."""
    return any(
        condition.code == other.code and (not condition.words or not other.words or condition.words == other.words)
        for other in listed
    )


def _results(body: HearingResulted) -> frozenset[str]:
    return frozenset(result.cjs_result_code for offence in body.offences for result in offence.results)
