"""Keep a support service from hearing of two people who accuse each other (domain 1.12 rule 7)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.places import Place, party_place
from schemas.police_incidents.v1 import IncidentReported, Party
from services.platform.domain.core.duties import Duty, Statement
from services.platform.domain.core.facts import CaseFile, Key
from services.platform.domain.core.file_keys import is_record
from services.platform.domain.people.victims import kept_for_specialist
from services.platform.policy.clocks import london_day
from services.platform.policy.model import Agency, Areas, Chosen, Route
from services.platform.policy.policy import Policy

APART = "high_risk_roles_unresolved"


@dataclass(frozen=True, slots=True)
class Share:
    """One party's own services of one kind, the first to be asked first. `chosen`: as policy chooses for that party."""

    chosen: Chosen
    services: tuple[Agency, ...]


def shares(file: CaseFile, incident: IncidentReported, policy: Policy, row: Route) -> Mapping[int, Sequence[Share]]:
    """The able services of each party, by its number, for each kind of agency on the route. Each service belongs to one
    party.

    The service to which any other incident of a party goes is kept for that party. A service to which incidents of two
    parties go is nobody's. The others are shared out in turn. Only areas and the order of the parties decide: no other
    incident, later view of a risk, answer, or beginning or end of an agency moves a service from one party to another.
    """
    parties = sorted(incident.parties, key=lambda party: _turn(file, incident, party))
    areas = [Areas(victim=party.residence, case_force=incident.force_code) for party in parties]
    ordinary = [policy.rows.ever_chosen(row, each) for each in areas]
    of_each = [policy.rows.of_all_times.chosen(row, each) for each in areas]
    found: dict[int, list[Share]] = {party.number: [] for party in parties}
    for recipient in row.recipients:
        wanted = [next(chosen for chosen in of_one if chosen.recipient == recipient) for of_one in of_each]
        able = [
            [agency for agency in (chosen.agency, *chosen.next_able) if agency.id not in _of_others(ordinary, n)]
            for n, chosen in enumerate(wanted)
        ]
        for party, chosen, services in zip(parties, wanted, _in_turn(able), strict=True):
            found[party.number].append(Share(chosen, services))
    return found


def answered_about_others(file: CaseFile) -> frozenset[str]:
    """The agencies that took on or declined another party of this person's incidents."""
    if not file.undertakings:
        return frozenset()
    others = {
        party_place(incident.crime_reference, party.number)
        for _, incident in file.of(IncidentReported)
        if _own_numbers(file, incident)
        for party in incident.parties
    } - file.own_places
    return frozenset(
        word.key.agency
        for word in file.undertakings
        if word.place in others and file.persons[word.place] in (word.file, file.joined.get(word.file))
    )


def asked_in_no_place_of(file: CaseFile, policy: Policy) -> frozenset[str]:
    """The services that are not asked to take on the person of this file in another's place: those of another party
    where each accuses the other, and those that have answered about another party."""
    found = set(answered_about_others(file))
    for _, incident in file.of(IncidentReported):
        if each_accuses_the_other(incident) and (own := _own_numbers(file, incident)):
            row = policy.route(APART, london_day(incident.reported_at))
            of_others = (of for number, of in shares(file, incident, policy, row).items() if number not in own)
            found |= {agency.id for of_one in of_others for share in of_one for agency in share.services}
    return frozenset(found)


def each_accuses_the_other(incident: IncidentReported) -> bool:
    """Whether its parties are, or may have been, referred apart: once the roles are resolved, that there was a counter-
    allegation is all that still says so."""
    in_doubt = incident.roles_unresolved or incident.counter_allegation is True
    return in_doubt and len(incident.parties) > 1 and kept_for_specialist(incident) is None


def with_separate_services(
    stated: Sequence[Statement], files: Iterable[CaseFile], delivered: Collection[Key], policy: Policy
) -> list[Statement]:
    """The same duties, without passing a person on to a support service that another party has or may have. A service
    that was already told of this person goes on."""
    passed_over = {
        place: services
        for file in files
        if (services := asked_in_no_place_of(file, policy))
        for place in file.own_places
    }
    if not passed_over:
        return list(stated)
    return [_without(statement, passed_over, delivered, policy) for statement in stated]


def _without(
    statement: Statement, passed_over: Mapping[Place, frozenset[str]], delivered: Collection[Key], policy: Policy
) -> Statement:
    if not isinstance(statement, Duty) or not statement.next_able or statement.person not in passed_over:
        return statement
    if not policy.kind(statement.kind).supports_victims:
        return statement
    services = passed_over[Place(statement.person)]
    rule, subject, _ = statement.key
    left = (a for a in statement.next_able if a not in services or Key(rule, subject, a) in delivered)
    return statement.but(next_able=tuple(left))


def _own_numbers(file: CaseFile, incident: IncidentReported) -> frozenset[int]:
    places = {party.number: party_place(incident.crime_reference, party.number) for party in incident.parties}
    return frozenset(number for number, place in places.items() if place in file.own_places)


def _turn(file: CaseFile, incident: IncidentReported, party: Party) -> tuple[bool, str, int]:
    """The turn of a party: by the record that is stated there, so that the next incident of the same people gives each
    the same service, whoever called. Parties without a record follow, by number. No merge changes it."""
    place = party_place(incident.crime_reference, party.number)
    record = file.records.get(place) or file.persons.get(place)
    known = record is not None and is_record(record)
    return not known, record if record is not None and known else "", party.number


def _of_others(of_each: Sequence[frozenset[str]], n: int) -> frozenset[str]:
    return frozenset[str]().union(*of_each[:n], *of_each[n + 1 :])


def _in_turn(able: Sequence[Sequence[Agency]]) -> list[tuple[Agency, ...]]:
    """Share services out: in turn each party takes the first free one that it may have, until nothing is left."""
    taken: list[list[Agency]] = [[] for _ in able]
    nobody_has = {agency.id for agencies in able for agency in agencies}
    before = len(nobody_has) + 1
    while len(nobody_has) < before:
        before = len(nobody_has)
        for own, agencies in zip(taken, able, strict=True):
            if (first := next((agency for agency in agencies if agency.id in nobody_has), None)) is not None:
                own.append(first)
                nobody_has.remove(first.id)
    return [tuple(own) for own in taken]
