"""Who may speak about an incident: an agency of its area or of hers; where ordinary routes wait, only the desk that
policy names in their place."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.attachments import OrdersOfHearing, ProtectedByOrder
from schemas.matters import case_of
from schemas.police_incidents.v1 import IncidentReported
from schemas.streams import REGISTRY
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.linking.references import CaseArea, area_of_case
from services.platform.domain.people.victims import DESKS_OF_HELD, held, places_of_victims
from services.platform.policy.clocks import london_day
from services.platform.policy.model import Areas
from services.platform.policy.policy import PolicySet

MAY_NOT_SPEAK = "may_not_speak"
SAY_WHOM, WITH_ORDERS = REGISTRY.bodies(ProtectedByOrder), REGISTRY.bodies(OrdersOfHearing)
UNKNOWN_NOTIFICATION, NOT_THE_RECIPIENT = "unknown_notification", "not_the_recipient"
Cases = frozenset[CaseArea]
MaySpeak = Callable[[str, IncidentReported, Cases], bool]


def anybody(_agency: str, _incident: IncidentReported, _cases: Cases) -> bool:
    """Every agency may speak about every incident: where no policy says who may not."""
    return True


def speakers(policies: PolicySet) -> MaySpeak:
    """Who may speak under this policy. A statement stays valid when its agency has ended."""
    policy = policies.of_all_times

    def may_speak(agency: str, incident: IncidentReported, cases: Cases) -> bool:
        """`cases`: the court cases that lead to the incident. Ordinary agencies serve the area of the incident, of the
        case or of the victim. Where a suspect is police, the abuse honour-based or roles unresolved, only the desks
        that are told in their place may speak (domain 1.12 rules 5, 7 and 11)."""
        areas = tuple(_areas(incident, cases, policies.force_codes))
        reason = held(incident)
        if reason is None:
            return any(policy.serves(agency, each) for each in areas)
        desks = policy.route(DESKS_OF_HELD[reason], london_day(incident.reported_at))
        return any(chosen.is_able(agency) for each in areas for chosen in policy.chosen(desks, each))

    return may_speak


def _areas(incident: IncidentReported, cases: Cases, known: Collection[str]) -> Iterator[Areas]:
    """The areas of each party who may be a victim: with the incident's own force, and with that of each case."""
    of_cases = ((next((f for f in case.forces if f in known), None), case.court_ou) for case in sorted(cases, key=str))
    places = dict.fromkeys([(incident.force_code, None), *of_cases])
    for index in places_of_victims(incident).values():
        for force, court_ou in places:
            yield Areas(victim=incident.parties[index].residence, case_force=force, court_ou=court_ou)


def as_anybody_hears(kind: str, missing: str) -> str:
    """The missing link of a statement, as it is told to those who may not know of the matter: the one that it would
    lack if nobody knew the matter. Otherwise its sender would learn of a matter that is not for it."""
    if missing == NOT_THE_RECIPIENT:
        return UNKNOWN_NOTIFICATION
    known_to_nobody = REGISTRY.facts[kind].unlinked.missing
    return known_to_nobody if missing == MAY_NOT_SPEAK and known_to_nobody is not None else missing


@dataclass(frozen=True, slots=True)
class Said:
    """What an agency says of a matter. `leads_to`: the incidents that police and courts connect with its reference;
    `names`: those that it names itself. `beside`: its reference, and all others of the same court facts."""

    fact: Fact
    agency: str
    reference: str
    leads_to: frozenset[str]
    names: frozenset[str]
    beside: frozenset[str]
    cases: Cases


def that_count(
    said: Sequence[Said], incidents: Mapping[str, IncidentReported], may_speak: MaySpeak
) -> tuple[dict[tuple[str, str], Fact], frozenset[str]]:
    """For each question, the fact that answers it: the highest version from an agency that may speak. Also the ids of
    statements from agencies that may not.

    If a desk that acts in place of the ordinary routes links a reference to such an incident, nobody else may speak
    about that reference either.
    """

    def may(one: Said, crimes: Iterable[str]) -> bool:
        return all(may_speak(one.agency, incidents[crime], one.cases) for crime in crimes if crime in incidents)

    heard = [one for one in said if may(one, one.leads_to | one.names)]
    waits = {crime for crime, incident in incidents.items() if held(incident) is not None}
    linked_to = [(one.reference, one.names & waits) for one in heard if one.names & waits]
    heard = [
        one for one in heard if all(may(one, crimes) for reference, crimes in linked_to if reference in one.beside)
    ]
    answers: dict[tuple[str, str], Fact] = {}
    for one in heard:
        before = answers.get(one.fact.about)
        if before is None or before.rank < one.fact.rank:
            answers[one.fact.about] = one.fact
    return answers, frozenset(one.fact.id for one in said) - {one.fact.id for one in heard}


def without_those_who_may_not_speak(file: CaseFile, may_speak: MaySpeak) -> CaseFile:
    """A person's file as rules read it. A court may name her by her record alone: then only her file knows about which
    of her incidents an order is, and who may say whom it protects."""
    unheard = {fact.id for fact in file.with_bodies(SAY_WHOM) if not _may(file, fact, fact.body, may_speak)}
    return file.without(unheard) if unheard else file


def _may(file: CaseFile, fact: Fact, said: Any, may_speak: MaySpeak) -> bool:
    results: list[tuple[Fact, Any]] = [(result, result.body) for result in file.with_bodies(WITH_ORDERS)]
    made = [result for result, body in results if said.order in map(body.place_of, body.orders)]
    through = {i for each in (fact, *made) for i in file.links.get(each.id, ())}
    incidents = [(each.id in through, body) for each, body in file.of(IncidentReported)]
    hers = [body for _, body in incidents if not file.own_places.isdisjoint(places_of_victims(body))]
    about = [body for led, body in incidents if led] or hers
    cases = frozenset({area_of_case(case_of(said.order))})
    return all(may_speak(said.agency, incident, cases) for incident in about)
