"""People, places and matters, and who is told by which route: what the rules of all services ask of what stands."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any

from tests.chaos.truth.facts import LONDON, Body, Content, Fact, Key
from tests.chaos.truth.policy import Areas, Lives, Policy

HONOUR = {"hba", "fm", "fgm"}
DESKS = {"police": "held_suspect_is_police", "honour": "held_honour_based_abuse", "roles": "held_roles_unresolved"}


@dataclass
class Incident:
    """One incident and its parties."""

    fact: Fact
    policy: Policy

    @property
    def body(self) -> Body:
        return self.fact.body

    @property
    def crime(self) -> str:
        return str(self.body["crime_reference"])

    @property
    def force(self) -> str:
        return str(self.body["force_code"])

    @cached_property
    def reported(self) -> datetime:
        return datetime.fromisoformat(self.body["reported_at"])

    @cached_property
    def on(self) -> date:
        return self.reported.astimezone(LONDON).date()

    def in_role(self, *roles: str) -> list[Body]:
        return [party for party in self.body["parties"] if party["role"] in roles]

    def place(self, party: Body) -> str:
        return f"{self.crime}/party/{party['number']}"

    @cached_property
    def held(self) -> str | None:
        """Why only a specialist may route it."""
        if any(party.get("is_police") and party["role"] != "victim" for party in self.body["parties"]):
            return "police"
        if HONOUR & set(self.body["abuse_types"]):
            return "honour"
        unresolved = self.body.get("primary_perpetrator") == "unresolved" or self.in_role("unresolved")
        return "roles" if unresolved else None

    @cached_property
    def kept(self) -> bool:
        """Whether a child's routes wait, too."""
        return self.held in ("police", "honour")

    @property
    def victims(self) -> list[Body]:
        """While roles are unresolved, whoever may be one."""
        return list(self.body["parties"]) if self.held == "roles" else self.in_role("victim")

    def between_adults(self, victim: Body) -> bool:
        """Both 16 or more, unless every suspect is said not to be personally connected (DA Act 2021 s.1, s.2)."""
        others = self.body["parties"] if self.held == "roles" else self.in_role("suspect")
        suspects = [party for party in others if party is not victim]
        if young(victim, 16) or (suspects and all(young(suspect, 16) for suspect in suspects)):
            return False
        strangers = 0
        for suspect in suspects:
            ties = [c for c in victim.get("relationships", ()) if c["to_party"] == suspect["number"]]
            ties += [c for c in suspect.get("relationships", ()) if c["to_party"] == victim["number"]]
            strangers += bool(ties) and all(tie["relationship"] == "not_connected" for tie in ties)
        return not suspects or strangers < len(suspects)

    def areas(self, victim: Body | None = None, **more: Any) -> Areas:
        his = next((lives(suspect) for suspect in self.in_role("suspect")), Lives())
        return replace(Areas(case=self.force, suspect=his, victim=lives(victim or {})), **more)


class World:
    """All that stands."""

    def __init__(self, facts: Sequence[Fact], policy: Policy, now: datetime) -> None:
        self.policy, self.now = policy, now
        self.facts: dict[str, list[Fact]] = defaultdict(list)
        for fact in facts:
            self.facts[fact.kind.rpartition(".")[2]].append(fact)
        self.incidents = {f.subject: Incident(f, policy) for f in self.facts["incident-reported"]}
        for said in ("link-made", "link-refused", "attribution-confirmed"):
            self.facts[said] = [fact for fact in self.facts[said] if self.may_speak(fact)]
        self.children = [(f, c) for f in self.facts["children-linked"] for c in f.body["children"]]
        self.one_with = one_person(self.facts["persons-merged"])
        self.person: dict[str, str] = {}
        for incident in self.incidents.values():
            for party in incident.body["parties"]:
                self.person[incident.place(party)] = self.who(party, incident.place(party))
        for fact, child in self.children:
            place = f"{fact.subject}/child/{child['number']}"
            self.person[place] = self.who(child, place)
        self.places: dict[str, set[str]] = defaultdict(set)
        for place, person in self.person.items():
            self.places[person].add(place)

    def may_speak(self, said: Fact) -> bool:
        """Whether its agency is a desk that is told of each incident that it speaks about, where ordinary routes wait;
        else a team of the case or of the place where she lives."""
        case = "/".join(said.subject.removeprefix("case/").removeprefix("order/").split("/")[:2])
        about = [*said.body.get("parties", ()), *said.body.get("protects", ())]
        about += [
            o for charge in self.facts["charge-preferred"] if charge.subject == case for o in charge.body["offences"]
        ]
        for result in self.facts["orders-resulted"]:
            if result.subject.startswith(f"{case}/"):
                persons = [person for order in result.body["orders"] for person in order.get("protected_persons", ())]
                about += [person["party"] for person in persons if person.get("party")]
        incidents = {crime: self.incidents[crime] for o in about if (crime := o["crime_reference"]) in self.incidents}
        return all(self._speaks_for(said.body["agency"], incident, case[:2]) for incident in incidents.values())

    def _speaks_for(self, agency: str, incident: Incident, force: str) -> bool:
        route = DESKS.get(incident.held or "", "attribution_question")
        areas = [Areas(case, victim=lives(v)) for v in incident.victims for case in (incident.force, force)]
        return any(agency in self.policy.told(route, each) for each in areas)

    def who(self, of: Body, place: str) -> str:
        record = of.get("record")
        if record is None or self.policy.is_nobody(record["id"]):
            return place
        named = _record(record)
        return self.one_with.get(named, named)

    def tell(
        self, rule: str, route: str, subject: str, areas: Areas, said: Content, but: str | None = None
    ) -> Iterator[tuple[Key, Content]]:
        for agency, asks in self.policy.told(route, areas, but).items():
            yield (rule, subject, agency), said | {"asks": asks}

    def leads(self, case: str) -> list[Fact]:
        """The charge of a case, or a person's link."""
        charges = [f for f in self.facts["charge-preferred"] if f.subject == case]
        return charges + [f for f in self.facts["link-made"] if f.subject == f"case/{case}"]

    def named(self, case: str, of: Body | None = None) -> set[str]:
        """Places of those whom a case, or one offence of it, is about: a charge names the offence by sequence and code,
        a person's link speaks of the whole case, and of each person by the first place."""
        by_charge: set[str] = set()
        whole: set[str] = set()
        for lead in self.leads(case):
            if lead.kind.endswith("charge-preferred"):
                for offence in lead.body["offences"]:
                    if of is None or all(of[name] == offence[name] for name in ("sequence", "code")):
                        by_charge |= {f"{offence['crime_reference']}/party/{n}" for n in offence["parties"]}
            else:
                whole |= {f"{p['crime_reference']}/party/{p['party']}" for p in lead.body["parties"]}
        charged = by_charge & set(self.person)
        known = sorted(whole & set(self.person))
        first = {next(p for p in known if self.person[p] == who) for who in {self.person[p] for p in known}}
        return charged | {p for p in first if self.person[p] not in {self.person[c] for c in charged}}

    def perhaps(self, case: str, of: Body) -> dict[str, list[str]]:
        """Places of those whom an offence may be about that no charge names: it has the sequence of a charged one or
        its code, and he was not convicted before the incident. With what was charged."""
        charged = [o for lead in self.leads(case) for o in lead.body.get("offences", ())]
        if any(all(of[name] == o[name] for name in ("sequence", "code")) for o in charged):
            return {}
        found: dict[str, list[str]] = defaultdict(list)
        for o in charged:
            incident = self.incidents.get(o["crime_reference"])
            if incident is None or not any(of[name] == o[name] for name in ("sequence", "code")):
                continue
            since = datetime.fromisoformat(incident.body["occurred_from"]).astimezone(LONDON).date()
            if of.get("verdict") != "convicted" or date.fromisoformat(of["verdict_date"]) >= since:
                for number in o["parties"]:
                    found[f"{o['crime_reference']}/party/{number}"].append(f"{o['sequence']} {o['code']}")
        return found

    def linked(self, case: str) -> set[str]:
        """Persons in whose files the facts of a case lie: those named, and the children of these incidents."""
        named = self.led_to(case)
        crimes = {place.partition("/")[0] for place in named} & set(self.incidents)
        children = {place for place in self.person if "/child/" in place and place.partition("/")[0] in crimes}
        return {self.person[place] for place in (named | children) & set(self.person)}

    def led_to(self, case: str) -> set[str]:
        """The places that a charge or a person's link names for a case."""
        parties = (p for lead in self.leads(case) for p in lead.body.get("parties", ()))
        charged = (o for lead in self.leads(case) for o in lead.body.get("offences", ()))
        named = {f"{p['crime_reference']}/party/{p['party']}" for p in parties}
        return named | {f"{o['crime_reference']}/party/{n}" for o in charged for n in o["parties"]}

    def leads_to_a_victim(self, case: str) -> bool:
        """Whether a case leads to somebody in whose file it is told: a charge of him alone does not."""
        return any(map(self.victim_at, self.led_to(case)))

    def crimes_known_to(self, person: str) -> set[str]:
        """The incidents of which a file knows who stands there: its person's, and those of charges that name her."""
        crimes = {place.partition("/")[0] for place in self.places[person]}
        for charge in self.facts["charge-preferred"]:
            named = {f"{o['crime_reference']}/party/{n}" for o in charge.body["offences"] for n in o["parties"]}
            if named & self.places[person]:
                crimes |= {offence["crime_reference"] for offence in charge.body["offences"]}
        return crimes & set(self.incidents)

    def refused(self, case: str) -> bool:
        return any(f.subject == f"case/{case}" for f in self.facts["link-refused"])

    def victim_at(self, place: str) -> tuple[Incident, Body] | None:
        """The incident and the party at a place where somebody is, or while roles are unresolved may be, a victim."""
        incident = self.incidents.get(place.partition("/")[0])
        for party in incident.body["parties"] if incident else ():
            if incident is not None and incident.place(party) == place and party["role"] != "suspect":
                return incident, party
        return None

    def speaks(self, places: set[str], led: set[str], fact: Fact) -> str:
        """Of somebody's places the one at which a court fact is told: that its case leads to, first one that only a
        specialist may route; of several the newest of which police had heard, else that of which they heard first."""
        about = sorted(places & led) or sorted(places)
        incidents = {place: self.incidents.get(place.partition("/")[0]) for place in about}
        held = {place: incident.held for place, incident in incidents.items() if incident and place in led}
        gravest = next((why for why in DESKS if why in held.values()), None)
        since = {place: self.since(place) for place in about if gravest is None or held.get(place) == gravest}
        then = datetime.fromisoformat(fact.body["occurred_at"])
        before = [place for place in since if since[place] <= then]
        return max(before, key=since.__getitem__) if before else min(since, key=since.__getitem__)

    def since(self, place: str) -> datetime:
        crime = place.partition("/")[0]
        if crime in self.incidents:
            return self.incidents[crime].reported
        return next(datetime.fromisoformat(f.body["occurred_at"]) for f, _ in self.children if f.subject == crime)

    def tell_hers(
        self,
        rule: str,
        subject: str,
        place: str,
        court: str,
        his: Lives,
        said: Content,
        *,
        route: str | None = None,
        but: str | None = None,
    ) -> Iterator[tuple[Key, Content]]:
        """The route of a matter of hers, or the desk that stands in its place."""
        found = self.victim_at(place)
        assert found is not None
        incident, victim = found
        areas = incident.areas(victim, court=court)
        if his.known:
            areas = replace(areas, suspect=his)
        own = route or rule if incident.held is None else DESKS[incident.held]
        yield from self.tell(rule, own, subject, areas, said | {"crime_reference": incident.crime}, but)

    def of_unlinked(self, rule: str, fact: Fact, event: str, variant: str | None) -> Iterator[tuple[Key, Content]]:
        """By references alone, to those who can link it (domain 2.8)."""
        route, refs = self.policy.unlinked_route(fact.kind, variant), fact.body["references"]
        if route is not None:
            areas = Areas(fact.body.get("force_code") or refs["urn"][:2], fact.body.get("court_ou") or refs["court_ou"])
            said = {"event": event, "references.urn": refs["urn"]}
            yield from self.tell(rule, route, f"{fact.kind}:{fact.subject}", areas, said)


def one_person(merges: Sequence[Fact]) -> dict[str, str]:
    """Of each record that a merge names, the least of those that are one person's, directly or through others."""
    groups = list[set[str]]()
    for fact in merges:
        joined = {_record(record) for record in (fact.body["record"], *fact.body["merged"])}
        joined = joined.union(*(group for group in groups if group & joined))
        groups = [group for group in groups if not group & joined] + [joined]
    return {record: min(group) for group in groups for record in group}


def _record(record: Body) -> str:
    return f"{record['system']}:{record['id']}"


def lives(of: Body) -> Lives:
    residence = of.get("residence") or {}
    return Lives(residence.get("force"), residence.get("la_code"))


def young(party: Body, years: int) -> bool:
    """By age: the load gives no party's date of birth. Somebody of unknown age is not."""
    return party.get("age") is not None and party["age"] < years
