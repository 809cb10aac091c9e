"""The current facts of one closed set of references, indexed once: who is found at an incident, a case, an order."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from schemas.agency_responses.v1 import AttributionConfirmed, LinkMade
from schemas.court_convictions.v1 import Defendant
from schemas.court_order_variations.v1 import ApplicationLodged, OrdersResulted
from schemas.matters import of_case
from schemas.places import Linked, Place, child_place, crime_of, party_place
from schemas.police_incidents.v1 import ChildrenLinked, IncidentReported, Party
from schemas.values import PartyRef, RecordId, References, Role
from services.platform.domain.core.facts import Fact
from services.platform.domain.core.file_keys import FileKey, PlaceFile
from services.platform.domain.linking.defendants import known_by
from services.platform.domain.linking.merged_records import Placeholder, record_key
from services.platform.domain.linking.references import same_case
from services.platform.domain.people.victims import places_of_victims


@dataclass(frozen=True, slots=True)
class Path:
    """One way from a fact to a person, and the ids of the facts that it goes through. `place`: where it finds that
    person, or None where the fact gives a record: whether anybody here has it is not known where links are."""

    person: FileKey
    through: frozenset[str] = frozenset()
    place: Place | None = None

    def after(self, *ids: str) -> "Path":
        return replace(self, through=self.through | frozenset(ids))


@dataclass(slots=True)
class Lead:
    """A charge or a coded link: which parties a defendant's case is about."""

    fact: Fact
    refs: References
    parties: tuple[PartyRef, ...]


def person_of(record: RecordId | None, place: Place, is_placeholder: Placeholder) -> FileKey:
    """The key of a person: the record if the source gives a real one, else the place in the matter."""
    if record is None or is_placeholder(record.id):
        return PlaceFile(place).key
    return record_key(record)


@dataclass
class Matters:
    """The current facts of one closed set. The engine's ways fill the indexes and ask for people."""

    current: tuple[Fact, ...]
    is_placeholder: Placeholder
    incidents: dict[str, tuple[Fact, IncidentReported]] = field(init=False, default_factory=dict)
    children: dict[str, list[tuple[Fact, ChildrenLinked]]] = field(init=False, default_factory=dict)
    leads: dict[str, list[Lead]] = field(init=False, default_factory=dict)
    refused: dict[str, Fact] = field(init=False, default_factory=dict)
    linked: dict[str, tuple[Fact, LinkMade]] = field(init=False, default_factory=dict)
    orders: dict[str, tuple[Fact, OrdersResulted]] = field(init=False, default_factory=dict)
    lines: dict[str, Fact] = field(init=False, default_factory=dict)  # of a result: orders made, and changes
    # Results that made orders, by case.
    made_in: dict[str, list[tuple[Fact, OrdersResulted]]] = field(init=False, default_factory=dict)
    attributions: dict[str, tuple[Fact, AttributionConfirmed]] = field(init=False, default_factory=dict)
    applications: dict[str, tuple[Fact, ApplicationLodged]] = field(init=False, default_factory=dict)
    heard: dict[str, set[tuple[str, str] | None]] = field(init=False, default_factory=dict)  # by URN: name and birth

    def index_lead(self, lead: Lead) -> None:
        """By its own fact and by each reference of its case: a URN, and a man, may have hundreds."""
        for name in (f"fact:{lead.fact.id}", *of_case(lead.refs)):
            self.leads.setdefault(name, []).append(lead)

    def index_heard(self, refs: References, defendant: Defendant) -> None:
        """Who was heard in a case, by name and birth."""
        if (known_as := known_by(defendant)) is not None:
            self.heard.setdefault(refs.leading_urn or "", set()).add(known_as)

    def leads_of(self, names: Iterable[str]) -> Iterable[Lead]:
        return {id(lead): lead for name in names for lead in self.leads.get(name, ())}.values()

    def places(self, crime: str) -> dict[Place, FileKey]:
        return {place: who for place, who, _ in self.people(crime)}

    def people(self, crime: str) -> Iterable[tuple[Place, FileKey, Fact]]:
        """Everyone at a crime reference: place, person, and the fact that says so."""
        if crime in self.incidents:
            fact, body = self.incidents[crime]
            for party in body.parties:
                place = party_place(crime, party.number)
                yield place, person_of(party.record, place, self.is_placeholder), fact
        for fact, stated in self.children.get(crime, ()):
            for child in stated.children:
                place = child_place(crime, child.number, stated.stated_by)
                yield place, person_of(child.record, place, self.is_placeholder), fact

    def at_crime(self, crime: str) -> Iterable[Path]:
        """Everyone at an incident; a child through the statement that names it."""
        for place, person, by in self.people(crime):
            yield Path(person, frozenset({by.id}), place)

    def at_party(self, ref: PartyRef) -> Iterable[Path]:
        if ref.crime_reference in self.incidents:
            yield from (path for path in self.at_crime(ref.crime_reference) if path.place == ref.place)

    def at_parties(self, refs: Iterable[PartyRef]) -> Iterable[Path]:
        return (path for ref in refs for path in self.at_party(ref))

    def knows(self, ref: PartyRef) -> bool:
        return any(True for _ in self.at_party(ref))

    def of_a_victim(self, place: str | None) -> bool:
        known = None if place is None else self.incidents.get(crime_of(place))
        return known is not None and place in places_of_victims(known[1])

    def through(self, lead: Lead) -> Iterable[Path]:
        """The parties that a charge or link names, and the children of those incidents."""
        named = {party.place for party in lead.parties}
        for crime in dict.fromkeys(party.crime_reference for party in lead.parties):
            if crime in self.incidents:
                incident, stated = self.incidents[crime][0], self.children.get(crime, ())
                for place, person, by in self.people(crime):
                    if place in named or any(by is fact for fact, _ in stated):
                        yield Path(person, frozenset({lead.fact.id, incident.id, by.id}), place)

    def at_case(self, refs: References, defendant: Defendant | None) -> Iterable[Path]:
        """Everyone in the matters of a case: by URN and ASN or defendant id; else the single candidate of that URN with
        his name and birth."""
        one_man_s = (name for name in of_case(refs) if not name.startswith(("urn:", "court_case:")))
        leads = [lead for lead in self.leads_of(one_man_s) if same_case(lead.refs, refs)]
        his = [lead for lead in leads if not self.is_another_s(lead, refs, defendant)]
        for lead in his or self.by_candidate(refs, defendant):
            yield from self.through(lead)

    def is_another_s(self, lead: Lead, refs: References, defendant: Defendant | None) -> bool:
        """Whether a charge names, by name and birth, not this defendant but another who was heard in the same case: one
        identifier was given to two people."""
        known_as = known_by(defendant) if defendant is not None else None
        heard = self.heard.get(refs.leading_urn, set()) if refs.leading_urn else set()
        if known_as is None or heard <= {known_as}:
            return False
        charged = {known_by(party) for ref in lead.parties for party in self.charged(ref)}
        return known_as not in charged and not heard.isdisjoint(charged)

    def charged(self, ref: PartyRef) -> Iterable[Party]:
        """The party that a charge names, unless it is its victim."""
        if ref.crime_reference in self.incidents:
            for party in self.incidents[ref.crime_reference][1].parties:
                if party.number == ref.party and party.role != Role.VICTIM:
                    yield party

    def by_candidate(self, refs: References, defendant: Defendant | None) -> list[Lead]:
        wanted = known_by(defendant) if defendant is not None else None
        if wanted is None or refs.leading_urn is None:
            return []
        found: dict[str, list[Lead]] = {}
        for lead in self.leads_of([f"urn:{refs.urn}"]):
            for person in {who for ref in lead.parties for who in self.suspects(ref, wanted)}:
                found.setdefault(person, []).append(lead)
        return next(iter(found.values())) if len(found) == 1 else []

    def suspects(self, ref: PartyRef, wanted: tuple[str, str]) -> Iterable[str]:
        for party in self.charged(ref):
            if known_by(party) == wanted:
                yield person_of(party.record, ref.place, self.is_placeholder)

    def at_orders_of_case(self, refs: References, besides: Fact | None = None) -> Iterable[Path]:
        """Everyone whom an order made in one defendant's case concerns, through the result that made it."""
        made = {fact.id: (fact, body) for name in of_case(refs) for fact, body in self.made_in.get(name, ())}
        for fact, body in made.values():
            if fact is not besides and same_case(body.references, refs):
                yield from (path.after(fact.id) for path in self.at_orders_of_hearing(body))

    def at_orders(self, fact: Fact, body: OrdersResulted) -> Iterable[Path]:
        """The people of the hearing itself, and of the orders that it changed: the orders that it names, else those of
        its case."""
        yield from self.at_orders_of_hearing(body)
        changes = [order for order in body.orders if order.action != "imposed"]
        for earlier, made in filter(None, (self.orders.get(order.order or "") for order in changes)):
            if earlier is not fact:
                yield from (path.after(earlier.id) for path in self.at_orders_of_hearing(made))
        if any(order.order is None for order in changes):
            yield from self.at_orders_of_case(body.references, besides=fact)

    def at_orders_of_hearing(self, body: OrdersResulted) -> Iterable[Path]:
        """Those of its case, those whom its orders protect by a code or a person's word, and those linked to one."""
        yield from self.at_case(body.references, body.defendant)
        for order in body.orders:
            place = body.place_of(order)
            for whom in order.protected_persons:
                if whom.attribution == "coded" and whom.record:
                    yield Path(person_of(whom.record, Place(place), self.is_placeholder))
                if whom.attribution == "coded" and whom.party:
                    yield from self.at_party(whom.party)
            yield from self.at_link("order", place)
            if place in self.attributions:
                by, confirmed = self.attributions[place]
                yield from (path.after(by.id) for path in self.at_parties(confirmed.protects))

    def at_order(self, place: str | None) -> Iterable[Path]:
        """Everyone whom the order at this place concerns, through it."""
        if place and (made := self.orders.get(place)):
            fact, body = made
            yield from (path.after(fact.id) for path in self.at_orders(fact, body))

    def at_application(self, refs: References, application: str) -> Iterable[Path]:
        """By its case, or by a link."""
        yield from self.at_case(refs, None)
        yield from self.at_link("application", application)

    def at_application_made(self, body: ApplicationLodged) -> Iterable[Path]:
        yield from self.at_application(body.references, body.application)
        yield from self.at_order(body.order)

    def at_link(self, what: str, reference: str) -> Iterable[Path]:
        if made := self.linked.get(str(Linked(what, reference))):
            yield from (path.after(made[0].id) for path in self.at_parties(made[1].parties))
