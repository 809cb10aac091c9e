"""Prompts to the CPS whether an order is considered: at charge and before sentence, while nothing says that it was."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time

from schemas.agency_responses.v1 import Decided
from schemas.classes import DataClass
from schemas.court_convictions.v1 import HearingResulted, Verdict
from schemas.police_incidents.v1 import ChargePreferred
from services.convictions.her_charges import her_charges
from services.convictions.missed import (
    AT_CHARGE,
    BEFORE_SENTENCE,
    HerFile,
    considered,
    of_case,
    victims_at,
)
from services.convictions.outcomes import Outcome, outcomes
from services.platform.domain.core.duties import Item, Statement
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.matter import derived, show
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.linking.references import case_number
from services.platform.domain.people.ordinary_routes import INSTEAD, Matter, tell
from services.platform.domain.people.victims import Victim
from services.platform.domain.protection.orders import READ_BY_THE_REGISTER
from services.platform.policy.clocks import london, london_day
from services.platform.policy.policy import Policy

NOT_SOUGHT = "order_not_sought"
CLOCK = "prompt_before_sentence"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One case against her in which an order could be considered. `by`: what there is cause by."""

    rule: str
    victim: Victim
    case: str
    by: Fact
    body: ChargePreferred | HearingResulted
    on: date
    matter: tuple[Item, ...]
    opens: datetime | None = None


def order_considered_at_charge(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """He is charged with an offence against her: the prosecutor considers an order from then on (CPS guidance)."""
    hers = HerFile(file, policy)
    for fact, charge, victim, matter in her_charges(hers):
        case = charge.subject
        prompt = Prompt(AT_CHARGE, victim, case, fact, charge, london_day(fact.at), matter)
        decided = [one for one in outcomes(file) if one.case == case and victim in victims_at(hers, one)]
        yield from _asked(hers, prompt, tuple(one for one in decided if _is_over(one)))


def order_considered_before_sentence(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Convicted, and to be sentenced: the court can make an order only then (Sentencing Code s.360)."""
    hers = HerFile(file, policy)
    asked: set[tuple[str, str]] = set()
    for outcome in outcomes(file) if hers.matters.places else ():
        heard = next((h for h in outcome.heard if h.verdict is Verdict.CONVICTED and not h.sentenced), None)
        if heard is None or not policy.is_offence(outcome.code):
            continue
        for victim in victims_at(hers, outcome):
            if (victim.place, outcome.case) not in asked:
                asked.add((victim.place, outcome.case))
                matter = tuple(
                    item for name in ("references", "court_ou", "hearing_on") for item in show(heard.fact, name)
                )
                opens = _before_sentence(policy, outcome)
                on = heard.body.hearing_on
                prompt = Prompt(BEFORE_SENTENCE, victim, outcome.case, heard.fact, heard.body, on, matter, opens)
                yield from _asked(hers, prompt, (outcome,) if _is_over(outcome) else ())


def order_not_sought(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Sentenced, and an order was considered and not sought: one line, to be gathered, and nothing is asked."""
    hers = HerFile(file, policy)
    for outcome in outcomes(file) if hers.matters.places else ():
        sentence = outcome.sentenced
        for victim in victims_at(hers, outcome) if sentence is not None else ():
            decision = considered(hers, victim, outcome.case)
            if sentence is None or decision is None or decision[1] is not Reason.ORDER_NOT_SOUGHT:
                continue
            matter = (
                *(item for name in ("references", "court_ou", "hearing_on") for item in show(sentence.fact, name)),
                *show(sentence.fact, f"{sentence.path}.code", basis="court_found"),
                *derived("considered_and", decision[1], DataClass.R),
                *victim.named(),
            )
            to_tell = Matter(
                rule=NOT_SOUGHT,
                route=NOT_SOUGHT,
                subject=f"{of_case(victim, outcome.case)}/{outcome.sequence}/{outcome.code}",
                person=victim.place,
                held=victim.held,
                areas=victim.areas(sentence.body.court_ou, sentence.body.defendant),
                on=sentence.on,
                recorded_at=max(sentence.fact.at, decision[0].at),
                grounds=(sentence.fact, victim.fact, decision[0]),
                matter=matter,
            )
            yield from tell(file, policy, to_tell)


def _is_over(outcome: Outcome) -> bool:
    """Whether the court has dealt with it, or there is nothing left to sentence for."""
    return outcome.last.offence.final if outcome.last.verdict is Verdict.CONVICTED else outcome.last.verdict is not None


def _before_sentence(policy: Policy, outcome: Outcome) -> datetime | None:
    """The policy's days before the next hearing; at once where none is known, or it is nearer."""
    listed = [h.body.next_hearing.on for h in outcome.heard if h.body.next_hearing and h.body.next_hearing.on]
    if not listed:
        return None
    return policy.before(london(listed[-1], time()), policy.clock(CLOCK, listed[-1]))


def _asked(hers: HerFile, prompt: Prompt, over: tuple[Outcome, ...]) -> Iterator[Statement]:
    """Of the CPS, until it has decided, an order of the case protects her, or the court has decided."""
    victim = prompt.victim
    met_by, ended = _ended(hers, prompt, over)
    to_tell = Matter(
        rule=prompt.rule,
        route=prompt.rule,
        subject=of_case(victim, prompt.case),
        person=victim.place,
        held=victim.held,
        areas=victim.areas(prompt.body.references.court_ou),
        on=prompt.on,
        recorded_at=prompt.by.at,
        grounds=(prompt.by, victim.fact, *(link for link, _ in hers.matters.charges(prompt.by))),
        matter=(*prompt.matter, *victim.named()),
        opens=prompt.opens,
        met_by=met_by,
        ended=ended,
    )
    yield from tell(hers.file, hers.policy, to_tell)


def _ended(hers: HerFile, prompt: Prompt, over: tuple[Outcome, ...]) -> tuple[tuple[Fact, ...], Reason | None]:
    him, case = hers.register.men.of(prompt.by), case_number(prompt.case)
    if died := hers.register.death_of(him):
        return died, Reason.DEFENDANT_DIED
    if (decision := considered(hers, prompt.victim, prompt.case)) is not None:
        return decision[:1], decision[1]
    made = [order for order in hers.protection.from_him(him, case).orders if case_number(order.place) == case]
    if made:
        return tuple(fact for order in made for fact in order.facts), Reason.ORDER_PROTECTS_HER
    return tuple(one.last.fact for one in over), Reason.COURT_HAS_DECIDED if over else None


RULES = (
    Rule(
        AT_CHARGE,
        order_considered_at_charge,
        title="Is an order considered? At charge",
        routes=(AT_CHARGE, *INSTEAD),
        reads=(*READ_BY_THE_REGISTER, Decided),
        needs=(ChargePreferred,),
    ),
    Rule(
        BEFORE_SENTENCE,
        order_considered_before_sentence,
        title="Is an order considered? Before sentence",
        routes=(BEFORE_SENTENCE, *INSTEAD),
        reads=(*READ_BY_THE_REGISTER, Decided),
        needs=(HearingResulted,),
        clocks=(CLOCK,),
    ),
    Rule(
        NOT_SOUGHT,
        order_not_sought,
        title="Sentenced; an order was considered and not sought",
        routes=(NOT_SOUGHT, *INSTEAD),
        reads=(*READ_BY_THE_REGISTER, Decided),
        needs=(HearingResulted,),
    ),
)
