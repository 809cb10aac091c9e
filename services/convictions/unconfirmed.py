"""Ask the DAIT whether an offence is the one charged against her; until it has found out, nobody is told of an order
that was missed."""

from collections.abc import Iterator

from schemas.agency_responses.v1 import Decided, Decision
from schemas.classes import Basis, DataClass
from schemas.court_convictions.v1 import HearingResulted, Verdict
from services.convictions.missed import HerFile, subject, victims_at
from services.convictions.outcomes import Heard, Outcome, outcomes
from services.platform.domain.core.duties import Item, Statement
from services.platform.domain.core.escalation import ESCALATION_STEPS, asked_of
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.matter import derived, show
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.linking.references import area_of_case
from services.platform.domain.linking.speaking import speakers
from services.platform.domain.people.ordinary_routes import INSTEAD, Matter, tell
from services.platform.domain.people.victims import Victim, convicted_before
from services.platform.domain.protection.orders import READ_BY_THE_REGISTER
from services.platform.domain.protection.taken_back import ACQUITTALS
from services.platform.policy.policy import Policy

RULE = "offence_unconfirmed"
HEARING = ("references", "hearing", "court_ou", "court_type", "hearing_on", "defendant.name")


def offence_unconfirmed(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Sentenced or acquitted, of an offence that has the sequence of the one charged against her, or its code, and not
    both: a charge that was amended, or another offence (domain 1.2)."""
    hers = HerFile(file, policy)
    for victim, outcome in perhaps_against_her(hers):
        opened = outcome.opened
        if opened is not None and of_another_offence(victim, opened, policy) is None:
            yield from _asked(hers, victim, outcome, opened)


def perhaps_against_her(hers: HerFile) -> Iterator[tuple[Victim, Outcome]]:
    """Each offence that may be against her, at each of her places that it may be about."""
    for outcome in outcomes(hers.file) if hers.matters.places else ():
        heard = outcome.opened or outcome.last
        for victim in hers.matters.perhaps_victims_of(heard.fact, heard.offence):
            yield victim, outcome


def of_another_offence(victim: Victim, heard: Heard, policy: Policy) -> Reason | None:
    """Why it cannot be the one charged against her, or None where it can."""
    if not policy.is_offence(heard.offence.code):
        return Reason.NOT_AN_OFFENCE
    return Reason.CONVICTED_BEFORE_THE_INCIDENT if convicted_before(heard.offence, victim) else None


def _asked(hers: HerFile, victim: Victim, outcome: Outcome, opened: Heard) -> Iterator[Statement]:
    about, areas = subject(victim, outcome), victim.areas(opened.body.court_ou, opened.body.defendant)
    charges = tuple(fact for fact, _ in hers.matters.charges(opened.fact))
    grounds = (opened.fact, victim.fact, *charges)
    met_by, ended = _ended(hers, victim, outcome, opened)
    to_tell = Matter(
        rule=RULE,
        route=RULE,
        subject=about,
        person=victim.place,
        held=victim.held,
        areas=areas,
        on=opened.on,
        recorded_at=opened.fact.at,
        grounds=grounds,
        matter=tuple(_matter(hers, victim, opened)),
        met_by=met_by,
        ended=ended,
    )
    yield from tell(hers.file, hers.policy, to_tell)


def _ended(hers: HerFile, victim: Victim, outcome: Outcome, opened: Heard) -> tuple[tuple[Fact, ...], Reason | None]:
    """A later hearing took the outcome back, a person has linked the case to her, or has decided that it is another
    offence."""
    last = outcome.last
    unchanged = last.verdict in ACQUITTALS if opened.verdict in ACQUITTALS else last.verdict is opened.verdict
    if not unchanged:
        return (last.fact,), Reason.OUTCOME_TAKEN_BACK
    if died := hers.register.death_of(hers.register.men.of(opened.fact)):
        return died, Reason.DEFENDANT_DIED
    if victims_at(hers, outcome):
        return (opened.fact,), Reason.LINK_SETTLED
    decided = tuple(_decided(hers, victim, subject(victim, outcome), opened))
    return decided, Reason.MET if decided else None


def _decided(hers: HerFile, victim: Victim, about: str, opened: Heard) -> Iterator[Fact]:
    """The decisions of those who were asked, or of their manager, as long as they may speak about the incident. Another
    agency that hears of their silence sees to it that they answer; it does not decide in their place."""
    may_speak = speakers(hers.policy.rows)
    cases = frozenset({area_of_case(opened.body.references, opened.body.force_code, opened.body.court_ou)})
    for answer in hers.file.answers:
        asked = asked_of(answer.key)[0] if answer.key.rule in ESCALATION_STEPS else answer.key
        body = answer.fact.body
        decides = isinstance(body, Decided) and body.decision is Decision.NO_FURTHER_ACTION
        own = answer.key.agency == asked.agency and may_speak(asked.agency, victim.incident, cases)
        if decides and own and (asked.rule, asked.subject) == (RULE, about):
            yield answer.fact


def _matter(hers: HerFile, victim: Victim, opened: Heard) -> Iterator[Item]:
    found: Basis = "court_found" if opened.verdict is Verdict.CONVICTED else "alleged"
    for name in HEARING:
        yield from show(opened.fact, name)
    yield from show(opened.fact, f"{opened.path}.sequence")
    for name in ("code", "title"):
        yield from show(opened.fact, f"{opened.path}.{name}", basis=found)
    yield from derived("verdict", opened.verdict, DataClass.O, basis="court_found")
    for one in hers.matters.perhaps_charged(opened.fact, opened.offence, victim):
        yield from derived("charged_as", f"{one.sequence} {one.code}", DataClass.O, basis="alleged")
    yield from victim.named()


RULES = (
    Rule(
        RULE,
        offence_unconfirmed,
        title="Court's offence that may not be the one charged against her",
        routes=(RULE, *INSTEAD),
        reads=(*READ_BY_THE_REGISTER, Decided),
        needs=(HearingResulted,),
    ),
)
