"""Conditions of court bail that a hearing took away or changed: for most victims all the protection there is (1.6)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from schemas.classes import DataClass, Form
from schemas.codes.court_results import court_results
from schemas.court_convictions.v1 import HearingResulted, Remand
from services.convictions.missed import HerFile
from services.platform.domain.core.duties import Statement
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.matter import derived, show
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.linking.names import words_of
from services.platform.domain.linking.references import case_of_hearing
from services.platform.domain.linking.same_man import Men
from services.platform.domain.people.ordinary_routes import INSTEAD, Matter, tell, tell_nobody
from services.platform.domain.protection.orders import READ_BY_THE_REGISTER, case_number
from services.platform.policy.policy import Policy

RULE = "bail_conditions_cancelled"
HEARING = ("references", "hearing", "court_ou", "hearing_on", "defendant.name", "defendant.date_of_birth", "remand")


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
class Before:
    """The conditions as earlier hearings left them. `stand`: None where no hearing says. `by`: those that say it."""

    stand: bool | None = None
    listed: frozenset[Condition] = frozenset()
    by: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What a hearing did to the conditions, None where it is not known to have lessened them; and what stood before."""

    became: Became | None
    before: Before

    @property
    def is_certain(self) -> bool:
        """Whether there were conditions for sure: bail without conditions may be the first bail that he had."""
        return self.became in (Became.CANCELLED, Became.VARIED) or (
            self.became is Became.ENDED and self.before.stand is True
        )


def bail_conditions_cancelled(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """A court cancelled, ended or varied the conditions of his bail: those who protect her find out what still does.
    What else protects her from him is for a person to say: no rule judges a gap in protection yet."""
    hers = HerFile(file, policy)
    for fact, body in file.of(HearingResulted):
        change = change_of(file, hers.register.men, fact, body)
        if change is None:
            continue
        died = hers.register.death_of(hers.register.men.of(fact))
        for victim in hers.matters.victims_of(fact):
            to_tell = Matter(
                rule=RULE,
                route=RULE,
                subject=f"{body.hearing}/{victim.place}",
                person=victim.place,
                held=victim.held,
                areas=victim.areas(body.court_ou, body.defendant),
                on=body.hearing_on,
                recorded_at=fact.at,
                grounds=(fact, victim.fact, *change.before.by),
                matter=(),
                met_by=died,
                ended=Reason.DEFENDANT_DIED if died else None,
            )
            if change.became is None:
                yield from tell_nobody(file, policy, to_tell, Reason.BAIL_NOT_LESSENED)
                continue
            matter = (
                *(item for name in HEARING for item in show(fact, name)),
                *derived("bail_conditions", change.became.value, DataClass.D, Form.STATE, basis="court_found"),
                *victim.named(),
            )
            yield from tell(file, policy, replace(to_tell, matter=matter))


def change_of(file: CaseFile, men: Men, fact: Fact, body: HearingResulted) -> Change | None:
    """What this hearing did to the conditions of his bail; None where it says nothing of them."""
    if cancels(body):
        return Change(Became.CANCELLED, Before())
    listed, results = _listed(body), _results(body)
    free = bool(results & court_results().unconditional_bail) or body.remand is Remand.UNCONDITIONAL_BAIL
    if body.remand is Remand.CUSTODY or not (free or listed or results & court_results().bail_conditions_varied):
        return None
    before = _before(file, men, fact, body)
    if free and not listed:
        # That he is on bail without conditions ends none unless some stood; a result says so whatever stood.
        grounds_before = (
            before.stand is not False if results & court_results().unconditional_bail else before.stand is True
        )
        if grounds_before:
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


def _before(file: CaseFile, men: Men, fact: Fact, body: HearingResulted) -> Before:
    """As the hearings of his case before this one left the conditions."""
    found, him = Before(), men.of(fact)
    for earlier, heard in file.once(_by_case)[case_number(body.hearing)]:
        if (heard.hearing_on, heard.hearing) >= (body.hearing_on, body.hearing):
            break
        if case_of_hearing(heard.hearing) == case_of_hearing(body.hearing) or men.of(earlier).is_same(him):
            found = _after(found, earlier, heard)
    return found


def _after(before: Before, fact: Fact, body: HearingResulted) -> Before:
    """As this hearing left them. Who is in custody has no conditions; a hearing that says nothing changes nothing."""
    if listed := _listed(body):
        return Before(stand=True, listed=listed, by=(fact,))
    ended = cancels(body) or not _results(body).isdisjoint(court_results().unconditional_bail)
    if ended or body.remand in (Remand.UNCONDITIONAL_BAIL, Remand.CUSTODY):
        return Before(stand=False, by=(fact,))
    if body.remand is Remand.CONDITIONAL_BAIL and not before.stand:
        return Before(stand=True, by=(fact,))
    return before


def _by_case(file: CaseFile) -> dict[str, list[tuple[Fact, HearingResulted]]]:
    """The hearings by the number of the case, in the order in which courts sat."""
    found: dict[str, list[tuple[Fact, HearingResulted]]] = {}
    for fact, body in sorted(file.of(HearingResulted), key=lambda pair: (pair[1].hearing_on, pair[1].hearing)):
        found.setdefault(case_number(body.hearing), []).append((fact, body))
    return found


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


RULES = (
    Rule(
        RULE,
        bail_conditions_cancelled,
        title="Bail conditions ended or varied",
        routes=(RULE, *INSTEAD),
        reads=READ_BY_THE_REGISTER,
        needs=(HearingResulted,),
    ),
)
