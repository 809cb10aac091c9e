"""How facts find their people: whose files each lies in, by which way, and what link is missing."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from schemas.agency_responses.v1 import AgencyBody, AttributionConfirmed, LinkMade, LinkRefused
from schemas.agency_responses.v1 import Answer as AnswerBody
from schemas.court_convictions.v1 import Defendant, HearingResulted
from schemas.court_order_variations.v1 import (
    ApplicationDecided,
    ApplicationLodged,
    ApplicationWithdrawn,
    OrdersResulted,
)
from schemas.doubts import doubts
from schemas.matters import case_of, of_case
from schemas.police_incidents.v1 import (
    ChargePreferred,
    ChildrenLinked,
    IncidentReported,
    Party,
    PersonsMerged,
    RiskAssessed,
)
from schemas.values import Body, PartyRef, RecordId, References, Role, child_place, party_place
from services.platform.domain.core.facts import LINKING, SAID_OF_A_MATTER, CaseFile, Fact, in_the_world
from services.platform.domain.linking.defendants import HEARD, known_by
from services.platform.domain.linking.merged_records import (
    Joined,
    Placeholder,
    coded_records,
    join,
    merged_records,
    of_persons,
    record_key,
)
from services.platform.domain.linking.references import (
    area_of_case,
    case_names,
    crimes,
    same_case,
    unlinked_file,
)
from services.platform.domain.linking.speaking import MAY_NOT_SPEAK, MaySpeak, Said, anybody, that_count
from services.platform.domain.people.victims import held, places_of_victims

CourtFact = HearingResulted | OrdersResulted | ApplicationLodged | ApplicationWithdrawn | ApplicationDecided
COURT = (HearingResulted, OrdersResulted, ApplicationLodged, ApplicationWithdrawn, ApplicationDecided)
LED_BY_CASE = (ChargePreferred, *COURT)
# Whom an order protects is asked at its home, so what answers that lies there as well.
ALSO_IN_UNLINKED_FILE = (*COURT, AttributionConfirmed)
# Every kind of fact that `_Matters.paths` leads to people. Answers are led by the notifications that they answer.
LED = (IncidentReported, RiskAssessed, ChildrenLinked, ChargePreferred, PersonsMerged, LinkMade, LinkRefused,
       AttributionConfirmed, *COURT, AnswerBody)  # fmt: skip
# What leads a court fact to parties of incidents.
LEADS = (ChargePreferred, LinkMade, AttributionConfirmed)

# What a fact waits for that leads to nobody, or a court fact that leads to no victim.
MISSING: Mapping[type[Body], str] = {
    ChargePreferred: "no_incident",
    HearingResulted: "no_charge",
    OrdersResulted: "no_charge",
    ApplicationLodged: "no_order_or_charge",
    ApplicationWithdrawn: "no_application",
    ApplicationDecided: "no_application",
}

UNREADABLE = "unreadable_reference"


def never(_: str) -> bool:
    """No record id is a placeholder."""
    return False


@dataclass(frozen=True, slots=True)
class Path:
    """One way from a fact to a person, and the ids of the facts that it goes through. `place`: where it finds that
    person, or None where the fact gives a record: whether anybody here has it is not known where links are."""

    person: str
    through: frozenset[str] = frozenset()
    place: str | None = None

    def after(self, *ids: str) -> "Path":
        return replace(self, through=self.through | frozenset(ids))


@dataclass(frozen=True, slots=True)
class Linkage:
    """Where the facts of one closed set lie.

    `file_membership`: fact id to file key to the ids of the facts that lead there. `persons`: place to person key, by
    crime reference. `missing`: for a fact that still lacks a link, which one, in one word of the closed list. `joined`:
    the records that merges in the set join.
    """

    membership: Mapping[str, Mapping[str, tuple[str, ...]]]
    persons: Mapping[str, Mapping[str, str]]
    missing: Mapping[str, str]
    joined: Mapping[str, Joined] = field(default_factory=dict)


def person_of(record: RecordId | None, place: str, is_placeholder: Placeholder = never) -> str:
    """A record where the source gives a real one, else the place in the matter."""
    if record is None or is_placeholder(record.id):
        return f"place:{place}"
    return record_key(record)


def stands(facts: Iterable[Fact]) -> list[Fact]:
    """Of each statement its highest version; the order of arrival leaves no trace. Those that were withdrawn are left
    out, but for what agencies say of a matter: what one takes back, another of those who may speak may have said."""
    newest: dict[tuple[str, str], Fact] = {}
    for fact in facts:
        rival = newest.get(fact.statement)
        if rival is None or rival.rank < fact.rank:
            newest[fact.statement] = fact
    return sorted((f for f in newest.values() if not f.withdrawn or f.kind in SAID_OF_A_MATTER), key=in_the_world)


def link(standing: Iterable[Fact], is_placeholder: Placeholder = never, may_speak: MaySpeak = anybody) -> Linkage:
    """Lead every standing fact of a closed set of references to its people; answers are led by their notifications.
    What was withdrawn leads nowhere. What an agency says that may not speak about the matter leads nowhere either; it
    waits, and counts once the matter is one of the agency's."""
    facts = tuple(standing)
    said = [fact for fact in facts if fact.kind in SAID_OF_A_MATTER]
    others = _Matters(tuple(f for f in facts if f.kind not in SAID_OF_A_MATTER and not f.withdrawn), is_placeholder)
    if not said:
        return others.linkage()
    incidents = {crime: body for crime, (_, body) in others.incidents.items()}
    answers, unheard = that_count([others.said(fact) for fact in said], incidents, may_speak)
    counts = {fact.id for fact in answers.values() if not fact.withdrawn}
    linkage = _Matters(
        tuple(f for f in facts if f.id in counts or (f.kind not in SAID_OF_A_MATTER and not f.withdrawn)),
        is_placeholder,
    ).linkage()
    aside = {f.id: {_aside(f): ()} for f in said if f.id not in counts and not f.withdrawn}
    missing = dict.fromkeys(unheard & aside.keys(), MAY_NOT_SPEAK)
    return replace(linkage, membership={**linkage.membership, **aside}, missing={**linkage.missing, **missing})


def _aside(fact: Fact) -> str:
    """Where a statement lies that counts for nothing: by itself, so that no rule reads it."""
    kind, subject = fact.statement
    return f"unlinked:aside:{kind}/{subject}"


def files_of(
    facts: Iterable[Fact], is_placeholder: Placeholder = never, may_speak: MaySpeak = anybody
) -> dict[str, CaseFile]:
    """All case files that these facts make, by key; those of records that are one person's as one."""
    standing = stands(facts)
    linkage = link(standing, is_placeholder, may_speak)
    keys = {key for lies in linkage.membership.values() for key in lies}
    of_records = (file_of(key, standing, linkage) for key in sorted(keys))
    return {file.key: file for file in of_persons(of_records, linkage.joined)}


def file_of(key: str, standing: Sequence[Fact], linkage: Linkage) -> CaseFile:
    """One file out of a linkage."""
    here = [fact for fact in standing if key in linkage.membership.get(fact.id, {})]
    return CaseFile(
        key=key,
        facts=tuple(sorted(here, key=in_the_world)),
        persons={
            place: who
            for fact in here
            for crime in crimes(fact)
            for place, who in linkage.persons.get(crime, {}).items()
        },
        links={fact.id: ids for fact in here if (ids := linkage.membership[fact.id][key])},
        unlinked={fact.id: linkage.missing[fact.id] for fact in here if fact.id in linkage.missing}
        if key.startswith("unlinked:")
        else {},
    )


@dataclass(slots=True)
class _Lead:
    """A charge or a coded link: which parties a defendant's case is about."""

    fact: Fact
    refs: References
    parties: tuple[PartyRef, ...]


@dataclass
class _Matters:
    """The standing facts of one closed set, indexed once."""

    standing: tuple[Fact, ...]
    is_placeholder: Placeholder
    incidents: dict[str, tuple[Fact, IncidentReported]] = field(init=False, default_factory=dict)
    children: dict[str, list[tuple[Fact, ChildrenLinked]]] = field(init=False, default_factory=dict)
    leads: dict[str, list[_Lead]] = field(init=False, default_factory=dict)
    refused: dict[str, Fact] = field(init=False, default_factory=dict)
    linked: dict[str, tuple[Fact, LinkMade]] = field(init=False, default_factory=dict)
    orders: dict[str, Fact] = field(init=False, default_factory=dict)
    lines: dict[str, Fact] = field(init=False, default_factory=dict)  # of a result: orders made, and changes
    made_in: dict[str, list[Fact]] = field(init=False, default_factory=dict)  # results that made orders, by case
    attributions: dict[str, tuple[Fact, AttributionConfirmed]] = field(init=False, default_factory=dict)
    applications: dict[str, Fact] = field(init=False, default_factory=dict)
    heard: dict[str, set[tuple[str, str] | None]] = field(init=False, default_factory=dict)  # by URN: name and birth

    def __post_init__(self) -> None:
        for fact in self.standing:
            self.index_police(fact)
            self.index_courts(fact)
            self.index_links(fact)

    def index_police(self, fact: Fact) -> None:
        match fact.body:
            case IncidentReported() as body:
                self.incidents[body.crime_reference] = (fact, body)
            case ChildrenLinked() as body:
                self.children.setdefault(body.crime_reference, []).append((fact, body))
            case ChargePreferred() as body:
                parties = (
                    PartyRef(crime_reference=o.crime_reference, party=n) for o in body.offences for n in o.parties
                )
                self.index_lead(_Lead(fact, body.references, tuple(dict.fromkeys(parties))))

    def index_courts(self, fact: Fact) -> None:
        if isinstance(fact.body, HEARD) and (known_as := known_by(fact.body.defendant)) is not None:
            self.heard.setdefault(fact.body.references.leading_urn or "", set()).add(known_as)
        match fact.body:
            case OrdersResulted() as body:
                made = {body.place_of(order): fact for order in body.orders if order.action in ("imposed", "replaced")}
                self.orders.update(made)
                for name in of_case(body.references) if made else ():
                    self.made_in.setdefault(name, []).append(fact)
                self.lines.update((body.place_of(order), fact) for order in body.orders)
            case ApplicationLodged() as body:
                self.applications[body.application] = fact

    def index_links(self, fact: Fact) -> None:
        match fact.body:
            case LinkMade() as body:
                self.linked[fact.subject] = (fact, body)
                if body.what == "case":
                    self.index_lead(_Lead(fact, case_of(body.reference), body.parties))
            case LinkRefused():
                self.refused[fact.subject] = fact
            case AttributionConfirmed() as body:
                self.attributions[body.order] = (fact, body)

    def index_lead(self, lead: _Lead) -> None:
        """By its own fact and by each reference of its case: a URN, and a man, may have hundreds."""
        for name in (f"fact:{lead.fact.id}", *of_case(lead.refs)):
            self.leads.setdefault(name, []).append(lead)

    def leads_of(self, names: Iterable[str]) -> Iterable[_Lead]:
        return {id(lead): lead for name in names for lead in self.leads.get(name, ())}.values()

    def linkage(self) -> Linkage:
        membership: dict[str, dict[str, tuple[str, ...]]] = {}
        missing: dict[str, str] = {}
        for fact in self.standing:
            if isinstance(fact.body, AnswerBody):
                continue
            found: dict[str, set[str]] = {}
            paths = tuple(self.paths(fact))
            for path in (*paths, *self.beside(fact)):
                found.setdefault(path.person, set()).update(path.through - {fact.id})
            refusal = self.refusal_of(fact)
            if lacks := self.lacks(fact, paths) if refusal is None else None:
                missing[fact.id] = lacks
            if isinstance(fact.body, ALSO_IN_UNLINKED_FILE) or not found or lacks:
                in_unlinked_file = found.setdefault(self.unlinked_file_of(fact), set())
                in_unlinked_file.update(i for ids in list(found.values()) for i in ids)
                if refusal is not None and refusal is not fact:
                    in_unlinked_file.add(refusal.id)
            membership[fact.id] = {key: tuple(sorted(ids)) for key, ids in found.items()}
        self.lay_refusals_in_unlinked_files(membership)
        self.lay_incidents_in_unlinked_files(membership)
        self.lay_leads_to_the_coded(membership)
        persons = {crime: self.places(crime) for crime in {*self.incidents, *self.children}}
        return Linkage(membership, persons, missing, join(self.standing, self.is_placeholder))

    def unlinked_file_of(self, fact: Fact) -> str:
        """What says whom an order protects lies where the order does, whatever that case is known by."""
        if isinstance(fact.body, AttributionConfirmed) and fact.body.order in self.lines:
            return unlinked_file(self.lines[fact.body.order])
        return unlinked_file(fact)

    def lay_refusals_in_unlinked_files(self, membership: dict[str, dict[str, tuple[str, ...]]]) -> None:
        """A refusal lies where what it refuses does: it ends what is asked there."""
        for fact in self.standing if self.refused else ():
            if (refusal := self.refusal_of(fact)) is not None:
                membership[refusal.id].setdefault(unlinked_file(fact), ())

    def lay_incidents_in_unlinked_files(self, membership: dict[str, dict[str, tuple[str, ...]]]) -> None:
        """Of the incidents that lead to a court fact two sorts lie at its home, too: those whose ordinary routes wait,
        for what is asked there must not reach those who may not know of it; and where the court names somebody by
        record all, for whom that is must not be asked where it is known, or where a merge says so: merges are not known
        where links are."""
        crimes_of = {fact.id: crime for crime, (fact, _) in self.incidents.items()}
        waits = {fact.id for fact, incident in self.incidents.values() if held(incident) is not None}
        for fact in self.standing:
            if isinstance(fact.body, COURT):
                in_unlinked_file, coded = unlinked_file(fact), coded_records(fact.body)
                for led_to in crimes_of.keys() & membership[fact.id].get(in_unlinked_file, ()):
                    if coded or led_to in waits:
                        membership.setdefault(led_to, {}).setdefault(in_unlinked_file, ())

    def lay_leads_to_the_coded(self, membership: dict[str, dict[str, tuple[str, ...]]]) -> None:
        """Where a court names somebody by record, what leads its orders to incidents lies with all whom these concern,
        whomever else it names: who stands there is known to them, too, and a code for one of them says whose it is."""
        facts = {fact.id: fact for fact in self.standing}
        for fact in self.standing:
            if isinstance(fact.body, OrdersResulted) and coded_records(fact.body):
                through = [facts[i] for i in membership[fact.id].get(unlinked_file(fact), ())]
                leads = [led.id for led in through if isinstance(led.body, LEADS)]
                says_who = [led.id for led in through if isinstance(led.body, IncidentReported | ChildrenLinked)]
                for key, ids in membership[fact.id].items():
                    if not key.startswith("unlinked:"):
                        membership[fact.id][key] = tuple(sorted({*ids, *leads, *says_who}))
                        for lead in leads:
                            membership[lead].setdefault(key, tuple(says_who))

    def places(self, crime: str) -> dict[str, str]:
        return {place: who for place, who, _ in self.people(crime)}

    def people(self, crime: str) -> Iterable[tuple[str, str, Fact]]:
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

    def paths(self, fact: Fact) -> Iterable[Path]:
        """Every way from this fact to a person."""
        match fact.body:
            case IncidentReported() | RiskAssessed() | ChildrenLinked() as body:
                yield from self.at_incident(body)
            case ChargePreferred():
                yield from (path for lead in self.leads_of([f"fact:{fact.id}"]) for path in self.through(lead))
            case HearingResulted() as body:
                yield from self.at_case(body.references, body.defendant)
            case OrdersResulted() as body:
                yield from self.at_orders(fact, body)
            case ApplicationLodged() | ApplicationWithdrawn() | ApplicationDecided() as body:
                yield from self.at_application(body)
            case LinkMade() as body:
                yield from (path for party in body.parties for path in self.at_party(party))
            case AttributionConfirmed() as body:
                yield from (path for party in body.protects for path in self.at_party(party))
                yield from self.at_order(body.order)
            case PersonsMerged() as body:
                yield from map(Path, merged_records(body, self.is_placeholder))

    def at_incident(self, body: IncidentReported | RiskAssessed | ChildrenLinked) -> Iterable[Path]:
        """Everyone at the incident: an assessment reaches them only through the incident itself."""
        known = self.incidents.get(body.crime_reference)
        if isinstance(body, RiskAssessed):
            if known is not None:
                yield from (path.after(known[0].id) for path in self.at_crime(body.crime_reference))
        else:
            yield from self.at_crime(body.crime_reference)

    def through(self, lead: _Lead) -> Iterable[Path]:
        """The parties that a charge or link names, and the children of those incidents."""
        named = {party.place for party in lead.parties}
        for crime in dict.fromkeys(party.crime_reference for party in lead.parties):
            if crime in self.incidents:
                incident, stated = self.incidents[crime][0], self.children.get(crime, ())
                for place, person, by in self.people(crime):
                    if place in named or any(by is fact for fact, _ in stated):
                        yield Path(person, frozenset({lead.fact.id, incident.id, by.id}), place)

    def at_case(self, refs: References, defendant: Defendant | None) -> Iterable[Path]:
        """By URN and ASN or defendant id; else by the single candidate of that URN who has his name and birth."""
        one_man_s = (name for name in of_case(refs) if not name.startswith(("urn:", "court_case:")))
        leads = [lead for lead in self.leads_of(one_man_s) if same_case(lead.refs, refs)]
        his = [lead for lead in leads if not self.is_another_s(lead, refs, defendant)]
        for lead in his or self.by_candidate(refs, defendant):
            yield from self.through(lead)

    def is_another_s(self, lead: _Lead, refs: References, defendant: Defendant | None) -> bool:
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

    def by_candidate(self, refs: References, defendant: Defendant | None) -> list[_Lead]:
        wanted = known_by(defendant) if defendant is not None else None
        if wanted is None or refs.leading_urn is None:
            return []
        found: dict[str, list[_Lead]] = {}
        for lead in self.leads_of([f"urn:{refs.urn}"]):
            for person in {who for ref in lead.parties for who in self.suspects(ref, wanted)}:
                found.setdefault(person, []).append(lead)
        return next(iter(found.values())) if len(found) == 1 else []

    def suspects(self, ref: PartyRef, wanted: tuple[str, str]) -> Iterable[str]:
        for party in self.charged(ref):
            if known_by(party) == wanted:
                yield person_of(party.record, ref.place, self.is_placeholder)

    def beside(self, fact: Fact) -> Iterable[Path]:
        """A hearing lies with those whom the orders of its case concern as well: it may take back what they rest on.
        Whom its offences are about is not known by that."""
        if isinstance(fact.body, HearingResulted):
            yield from self.at_orders_of_case(fact.body.references)

    def at_orders_of_case(self, refs: References, besides: Fact | None = None) -> Iterable[Path]:
        """Everyone whom an order made in one defendant's case concerns, through the result that made it."""
        made = {fact.id: fact for name in of_case(refs) for fact in self.made_in.get(name, ())}
        for fact in made.values():
            if fact is not besides and isinstance(fact.body, OrdersResulted) and same_case(fact.body.references, refs):
                yield from (path.after(fact.id) for path in self.at_orders_of_hearing(fact.body))

    def at_orders(self, fact: Fact, body: OrdersResulted) -> Iterable[Path]:
        """Those of the hearing itself, and of the orders that it changed: of those that it names, else of its case."""
        yield from self.at_orders_of_hearing(body)
        changes = [order for order in body.orders if order.action != "imposed"]
        for earlier in filter(None, (self.orders.get(order.order or "") for order in changes)):
            if earlier is not fact and isinstance(earlier.body, OrdersResulted):
                yield from (path.after(earlier.id) for path in self.at_orders_of_hearing(earlier.body))
        if any(order.order is None for order in changes):
            yield from self.at_orders_of_case(body.references, besides=fact)

    def at_orders_of_hearing(self, body: OrdersResulted) -> Iterable[Path]:
        """Those of its case, those whom its orders protect by a code or a person's word, and those linked to one."""
        yield from self.at_case(body.references, body.defendant)
        for order in body.orders:
            place = body.place_of(order)
            for whom in order.protected_persons:
                if whom.attribution == "coded" and whom.record:
                    yield Path(person_of(whom.record, place, self.is_placeholder))
                if whom.attribution == "coded" and whom.party:
                    yield from self.at_party(whom.party)
            yield from self.at_link("order", place)
            if place in self.attributions:
                by, confirmed = self.attributions[place]
                for party in confirmed.protects:
                    yield from (path.after(by.id) for path in self.at_party(party))

    def at_order(self, place: str | None) -> Iterable[Path]:
        """Everyone whom the order at this place concerns, through it."""
        if place and (order := self.orders.get(place)):
            yield from (path.after(order.id) for path in self.paths(order))

    def at_application(self, body: ApplicationLodged | ApplicationWithdrawn | ApplicationDecided) -> Iterable[Path]:
        """By its case, its order or a link; what follows an application also goes where that one went."""
        yield from self.at_case(body.references, None)
        yield from self.at_link("application", body.application)
        if isinstance(body, ApplicationLodged):
            yield from self.at_order(body.order)
        elif lodged := self.applications.get(body.application):
            yield from (path.after(lodged.id) for path in self.paths(lodged))

    def at_link(self, what: str, reference: str) -> Iterable[Path]:
        if made := self.linked.get(f"{what}/{reference}"):
            for party in made[1].parties:
                yield from (path.after(made[0].id) for path in self.at_party(party))

    def refusal_of(self, fact: Fact) -> Fact | None:
        """The standing refusal that says this fact concerns nobody here."""
        return next((self.refused[name] for name in _names_for_people(fact) if name in self.refused), None)

    def said(self, fact: Fact) -> Said:
        """What an agency says of a matter, with all that police and courts say of the same reference."""
        assert isinstance(fact.body, AgencyBody)  # noqa: S101 - agencies alone say it
        reference = fact.subject if fact.kind in LINKING else f"order/{fact.subject}"
        what, _, place = reference.partition("/")
        case = None if what == "application" else case_of(place)
        about = [(f, f.body) for f in self.standing if isinstance(f.body, LED_BY_CASE) and _is_of(f, reference, case)]
        cases = {area_of_case(body.references, body.force_code, getattr(body, "court_ou", None)) for _, body in about}
        match fact.body:
            case LinkMade(parties=named) | AttributionConfirmed(protects=named):
                names = frozenset(party.crime_reference for party in named)
            case _:
                names = frozenset()
        return Said(
            fact=fact,
            agency=fact.body.agency,
            reference=reference,
            leads_to=frozenset(p.place.partition("/")[0] for f, _ in about for p in self.paths(f) if p.place),
            names=names,
            beside=frozenset({reference, *(name for f, _ in about for name in _names_for_people(f))}),
            cases=frozenset(cases or ({area_of_case(case)} if case else ())),
        )

    def knows(self, ref: PartyRef) -> bool:
        return any(True for _ in self.at_party(ref))

    def of_a_victim(self, place: str | None) -> bool:
        known = None if place is None else self.incidents.get(place.partition("/")[0])
        return known is not None and place in places_of_victims(known[1])

    def lacks(self, fact: Fact, paths: Collection[Path]) -> str | None:
        """The link that is missing. A court fact is told in a victim's file: what leads to him alone, or to a record
        that nobody here may have, waits as what leads to nobody does, and is not silent (domain 2.8)."""
        match fact.body:
            case RiskAssessed() | ChildrenLinked() as body:
                return None if body.crime_reference in self.incidents else "no_incident"
            case AttributionConfirmed() as body:
                if body.order not in self.lines:
                    return "no_order"
                return None if all(map(self.knows, body.protects)) else "no_incident"
            case LinkRefused():
                return (
                    None if any(fact.subject in _names_for_people(other) for other in self.standing) else "no_reference"
                )
            case LinkMade() as body:
                return None if body.parties and all(map(self.knows, body.parties)) else "no_incident"
            case OrdersResulted(orders=()):
                return None
            case ChargePreferred() as body if not any(of_case(body.references)):
                return UNREADABLE
            case body if isinstance(body, COURT):
                if any(self.of_a_victim(path.place) for path in paths):
                    return None
                return UNREADABLE if doubts(body.references) else MISSING[type(body)]
            case body:
                return None if paths else MISSING.get(type(body))


def _names_for_people(fact: Fact) -> list[str]:
    """The references by which a person may say what a charge or court fact is about."""
    match fact.body:
        case HearingResulted() | OrdersResulted() | ChargePreferred() as body:
            named = [f"case/{case}" for case in case_names(body.references)]
            if isinstance(body, OrdersResulted):
                named += [f"order/{body.place_of(order)}" for order in body.orders]
            return named
        case ApplicationLodged() | ApplicationWithdrawn() | ApplicationDecided() as body:
            return [f"application/{body.application}", *(f"case/{case}" for case in case_names(body.references))]
        case _:
            return []


def _is_of(fact: Fact, reference: str, case: References | None) -> bool:
    """Whether a charge or court fact is of the reference, or of its case; of the whole case where the reference names
    no defendant."""
    if not isinstance(fact.body, LED_BY_CASE):
        return False
    changed = fact.body.orders if isinstance(fact.body, OrdersResulted) else ()
    if reference in _names_for_people(fact) or reference in {f"order/{order.order}" for order in changed}:
        return True
    if case is None:
        return False
    refs = fact.body.references
    whole = case.defendant_id is None and case.leading_urn is not None and case.leading_urn == refs.leading_urn
    return whole or same_case(case, refs)
