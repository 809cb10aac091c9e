"""What agencies must hold once all that was published has been judged, stated anew from the domain's rules.

Of each duty: rule, subject, agency, and of its content what would do harm if it were another's. It reads JSON and YAML
and shares no code with the relay. Left out are the ladder (no rung can open while a load is judged: whoever is told
late has at least half an hour to answer), fixed texts, times, and the content of what no rule here speaks of.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from tests.chaos.policy_files import Areas, Lives, Policy, within

Key = tuple[str, str, str]  # rule, subject, agency
Content = dict[
    str, Any
]  # what is said, by its name, a list where it is said more than once; under `asks` what is asked
Held = dict[Key, Content]
Body = Mapping[str, Any]

LONDON = ZoneInfo("Europe/London")
HONOUR = {"hba", "fm", "fgm"}
DESKS = {"police": "held_suspect_is_police", "honour": "held_honour_based_abuse", "roles": "held_roles_unresolved"}
SAID_OF_HELD = {"police": "suspect_is_police", "honour": "honour_based_abuse", "roles": "roles_unresolved"}
ACQUITTALS = {"acquitted", "no_evidence_offered", "dismissed", "ngri"}
LEVELS = ("idva_with_consent", "idva_without_consent", "marac")
CHANGED = {
    "varied": "order_varied",
    "discharged": "order_discharged",
    "changed_not_stated": "order_changed_not_stated",
}
MOST_DANGEROUS = ("discharged", "changed_not_stated", "varied", "replaced", "imposed")


class Published(Protocol):
    """A record as it was sent."""

    @property
    def topic(self) -> str: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Fact(NamedTuple):
    """One statement as it stands."""

    kind: str
    subject: str
    at: datetime
    id: str
    body: Body


def expected(published: Iterable[Published], now: datetime, policy: Policy | None = None) -> Held:
    """What must be held; `published`: what may be believed, in any order and however often."""
    world = World(standing(published), policy or Policy(), now)
    held: Held = {}
    for key, content in (*world.incidents_owe(), *world.convictions_owe(), *world.orders_owe(), *world.responses_owe()):
        assert key not in held or held[key] == content, f"{key} is stated twice"
        held[key] = content
    return held


def standing(published: Iterable[Published]) -> list[Fact]:
    """Of each statement the highest version; of one version the latest, then the greatest id; withdrawn ones fall."""
    newest: dict[tuple[str, str], tuple[tuple[int, datetime, str], Fact]] = {}
    for record in published:
        said = {name: value.decode() for name, value in record.headers}
        kind, at = said["ce_type"].rpartition(".")[0], datetime.fromisoformat(said["ce_time"])
        fact = Fact(kind, said["ce_subject"], at, said["ce_id"], json.loads(record.value or b""))
        rank = (int(said["ce_factversion"]), at, fact.id)
        statement = ("link" if kind in ("uk.agency.link-made", "uk.agency.link-refused") else kind, fact.subject)
        if statement not in newest or newest[statement][0] < rank:
            newest[statement] = (rank, fact)
    return [fact for _, fact in newest.values() if not fact.body.get("withdrawn")]


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

    def between_adults(self, victim: Body) -> bool:
        """Both 16 or more, and personally connected as far as anybody says (DA Act 2021 s.1, s.2)."""
        suspects = self.in_role("suspect")
        if _young(victim, 16) or (suspects and all(_young(suspect, 16) for suspect in suspects)):
            return False
        numbers = {suspect["number"] for suspect in suspects}
        ties = [c for c in victim.get("relationships", ()) if c["to_party"] in numbers]
        ties += [c for s in suspects for c in s.get("relationships", ()) if c["to_party"] == victim["number"]]
        return not ties or any(tie["relationship"] != "not_connected" for tie in ties)

    def areas(self, victim: Body | None = None, **more: Any) -> Areas:
        his = next((_lives(suspect) for suspect in self.in_role("suspect")), Lives())
        return replace(Areas(case=self.force, suspect=his, victim=_lives(victim or {})), **more)


@dataclass
class Order:
    """One order: whom it protects, by code or by a person's word."""

    place: str
    made: "Line | None"
    coded: set[str]
    protects: set[str]
    attributed: bool
    changes: list["Line"] = field(default_factory=list)

    def live_on(self, on: date) -> bool:
        """Discharged or changed nobody knows how, it protects no more."""
        done = [line.action for line in self.changes if line.on <= on]
        return not done or done[-1] == "varied"


class Line(NamedTuple):
    """What one hearing did to one order. `about`: the order, or None where it cannot be told which."""

    fact: Fact
    body: Body
    order: Body
    place: str
    on: date
    about: str | None = None

    @property
    def action(self) -> str:
        return str(self.order["action"])


class Hearing(NamedTuple):
    """One offence at one hearing, with the verdict as it stood then."""

    fact: Fact
    offence: Body
    verdict: str | None
    on: date

    @property
    def final(self) -> bool:
        return self.verdict == "convicted" and bool(self.offence["final"])


class World:
    """All that stands."""

    def __init__(self, facts: Sequence[Fact], policy: Policy, now: datetime) -> None:
        self.policy, self.now = policy, now
        self.facts: dict[str, list[Fact]] = defaultdict(list)
        for fact in facts:
            self.facts[fact.kind.rpartition(".")[2]].append(fact)
        self.incidents = {f.subject: Incident(f, policy) for f in self.facts["incident-reported"]}
        self.children = [(f, c) for f in self.facts["children-linked"] for c in f.body["children"]]
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

    def who(self, of: Body, place: str) -> str:
        record = of.get("record")
        return place if record is None or self.policy.is_nobody(record["id"]) else f"{record['system']}:{record['id']}"

    # What incidents owe.

    def incidents_owe(self) -> Iterator[tuple[Key, Content]]:
        for incident in self.incidents.values():
            yield from self.of_specialist(incident)
            for victim in incident.in_role("victim"):
                yield from self.of_risk(incident, victim)
            for party in incident.body["parties"]:
                yield from self.of_young_party(incident, party)
        yield from self.of_escalation()
        yield from self.of_children()

    def tell(
        self, rule: str, route: str, subject: str, areas: Areas, said: Content, but: str | None = None
    ) -> Iterator[tuple[Key, Content]]:
        for agency, asks in self.policy.told(route, areas, but).items():
            yield (rule, subject, agency), said | {"asks": asks}

    def of_specialist(self, incident: Incident) -> Iterator[tuple[Key, Content]]:
        """The desk that policy names, by references alone (domain 1.12 rules 5, 7, 11)."""
        if incident.held is None:
            return
        first = (incident.in_role("victim") or incident.in_role("unresolved") or incident.in_role("suspect"))[0]
        yield from self.tell(
            "held_for_specialist",
            DESKS[incident.held],
            incident.place(first),
            incident.areas(first),
            {"crime_reference": incident.crime, "held_because": SAID_OF_HELD[incident.held]},
        )

    def views(self, incident: Incident, victim: Body) -> list[tuple[Fact, Body]]:
        """Every assessment of her, the first one first."""
        place = incident.place(victim)
        own = [(incident.fact, incident.body["risk"])]
        own += [(f, f.body["risk"]) for f in self.facts["risk-assessed"] if f.subject.startswith(f"{place}/")]
        return sorted(own, key=lambda view: (view[0].at, view[0].id))

    def level(self, incident: Incident, victim: Body, risk: Body) -> "Level":
        lives = _lives(victim)
        force = lives.force or self.policy.force_of(lives.la) or incident.force
        steps = self.policy.thresholds(risk["tool"], force)
        answers = [answer["answer"] for answer in risk.get("answers", ())]
        yes = max(answers.count("yes"), risk.get("tick_count") or 0)
        possible = yes + answers.count("unknown") + answers.count("not_asked")
        return Level(
            risk["grade"] == "high" or bool(risk.get("professional_judgement_high")),
            max((n for n, step in enumerate(LEVELS, 1) if (least := steps.get(step)) and yes >= least), default=0),
            [n for n, step in enumerate(LEVELS, 1) if (least := steps.get(step)) and yes < least <= possible],
        )

    def of_risk(self, incident: Incident, victim: Body) -> Iterator[tuple[Key, Content]]:
        """Domain 2.6, incident and risk: the higher of grade, judgement and ticks decides; she agrees below high."""
        place, areas = incident.place(victim), incident.areas(victim)
        views = [(self.level(incident, victim, risk), fact, risk) for fact, risk in self.views(incident, victim)]
        level, _, risk = max(views, key=lambda view: view[0].route)
        agreed = incident.body["support_referral"] == "agreed"
        adult = incident.held is None and incident.between_adults(victim)
        suspects = incident.in_role("suspect")
        by_child = (
            incident.held is None
            and not _young(victim, 16)
            and bool(suspects)
            and all(_young(suspect, 16) for suspect in suspects)
        )
        said = {"crime_reference": incident.crime, "risk.grade": risk["grade"]}
        route = ("", "idva_with_consent", "idva_without_consent", "high_risk")[level.route]
        if adult and route and (agreed or route != "idva_with_consent"):
            yield from self.tell(route, route, place, areas, said)
        if agreed and (by_child or (adult and level.route == 0)):
            yield from self.tell("victim_support", "victim_support", place, areas, said)
        if not agreed and (by_child or (adult and level.route < 2)):
            yield from self.tell("ask_safely", "ask_safely", place, areas, said)
        if not adult:
            return
        below = [risk for level, _, risk in views if level.ticks == 3 and not level.graded_high]
        if below:
            said["risk.grade"] = below[0]["grade"]
            yield from self.tell("ticks_above_grade", "ticks_above_grade", place, areas, said)
        unfinished = [risk for level, _, risk in views if level.meanwhile]
        if unfinished and views[-1][0].meanwhile:
            said["risk.grade"] = unfinished[0]["grade"]
            yield from self.tell("possible_above_threshold", "possible_above_threshold", place, areas, said)
        markers = {name: value for name, value in incident.body.get("markers", {}).items() if value}
        if markers:
            said = {"crime_reference": incident.crime, "markers.strangulation": markers.get("strangulation", False)}
            yield from self.tell("grade_review", "grade_review", place, areas, said)

    def of_young_party(self, incident: Incident, party: Body) -> Iterator[tuple[Key, Content]]:
        """Social care for whoever is under 18, in whatever role; police child abuse for victims under 16."""
        if incident.held is None and _young(party, 18):
            route = "young_suspect_referral" if party["role"] == "suspect" else "young_victim_referral"
            areas = incident.areas(child=_lives(party))
            said = {"crime_reference": incident.crime, "parties.name": party["name"]}
            but = None if _young(party, 16) else "child_abuse_unit"
            yield from self.tell("young_person_referral", route, incident.place(party), areas, said, but)

    def of_escalation(self) -> Iterator[tuple[Key, Content]]:
        """So many callouts for one victim and one suspect within twelve months; those that follow belong to them."""
        pairs: dict[tuple[str, str], dict[str, tuple[Incident, Body, str]]] = defaultdict(dict)
        for incident in self.incidents.values():
            for victim in incident.in_role("victim"):
                if incident.between_adults(victim):
                    for suspect in incident.in_role("suspect"):
                        his = incident.place(suspect)
                        pair = self.person[incident.place(victim)], self.person[his]
                        pairs[pair].setdefault(incident.crime, (incident, victim, his))
        reached: dict[str, list[tuple[str, list[Incident]]]] = defaultdict(list)
        hers: dict[str, tuple[Incident, Body]] = {}
        for of in pairs.values():
            for group in self.groups("escalation", [incident for incident, _, _ in of.values()]):
                incident, victim, his = of[group.reached_at.crime]
                reached[incident.place(victim)].append((his, group.all))
                hers[incident.place(victim)] = (incident, victim)
        for place, found in reached.items():
            if not any(one.held for _, group in found for one in group):
                incident, victim = hers[place]
                crimes = [[one.crime for one in group] for _, group in found]
                said = {"count.incidents": _one([len(c) for c in crimes]), "count.crime_references": _one(crimes)}
                yield from self.tell("escalation", "escalation", place, incident.areas(victim), said)

    def counted(self, incidents: Iterable[Incident]) -> list[Incident]:
        """One for each log of a force, by the day on which it was reported; what is long past does not count."""
        logs: dict[tuple[str, str], Incident] = {}
        for incident in sorted(incidents, key=lambda one: (one.reported, one.crime)):
            if not incident.body.get("historic"):
                logs.setdefault((incident.force, incident.body["incident_log"]), incident)
        return list(logs.values())

    def groups(self, window: str, incidents: Iterable[Incident]) -> list["Group"]:
        counted, groups = self.counted(incidents), list[Group]()
        for place, incident in enumerate(counted):
            row = self.policy.window(window, incident.force)
            if groups and within(groups[-1].window, groups[-1].reached_at.on, incident.on):
                groups[-1].all.append(incident)
                continue
            recent = [one for one in counted[: place + 1] if within(row, one.on, incident.on)]
            if len(recent) >= row["n"]:
                groups.append(Group(incident, row, recent))
        return groups

    def of_children(self) -> Iterator[tuple[Key, Content]]:
        """Each child of an incident: education, and the front door where it must decide (domain 2.6, children)."""
        seen: dict[str, list[Incident]] = defaultdict(list)
        for fact, child in self.children:
            if fact.subject in self.incidents:
                place = f"{fact.subject}/child/{child['number']}"
                incident = self.incidents[fact.subject]
                if incident not in seen[self.person[place]]:
                    seen[self.person[place]].append(incident)
        done: set[tuple[str, str, str]] = set()
        for fact, child in self.children:
            if (known := self.incidents.get(fact.subject)) is not None:
                place = f"{known.crime}/child/{child['number']}"
                if known.held is None and not _young_born(child, 18, known.on, unknown=True):
                    continue
                if known.held is None:
                    yield from self.of_child(known, child, place, seen[self.person[place]], done)

    def of_child(
        self, incident: Incident, child: Body, place: str, incidents: list[Incident], done: set[tuple[str, str, str]]
    ) -> Iterator[tuple[Key, Content]]:
        victims, lives, name = incident.in_role("victim"), _lives(child), child["name"]
        if any(incident.between_adults(victim) for victim in victims):
            areas, schools, asked = (
                incident.areas(victims[0], child=lives),
                dict[str, list[str]](),
                dict[str, list[str]](),
            )
            for urn in child["school_urns"]:
                for agency, asks in self.policy.told("child_school", replace(areas, school=urn)).items():
                    schools.setdefault(agency, []).append(urn)
                    asked[agency] = asks
            for agency, urns in schools.items():
                if (self.person[place], incident.crime, agency) not in done:
                    done.add((self.person[place], incident.crime, agency))
                    said = {"schools": urns, "children.name": name, "crime_reference": incident.crime}
                    yield ("child_school", place, agency), said | {"asks": asked[agency]}
            if child.get("home_educated") and not child["school_urns"]:
                said = {"children.name": name, "crime_reference": incident.crime}
                yield from self.tell("child_home_educated", "child_home_educated", place, areas, said)
        why = self.referred_for(incident, child, incidents)
        if why and (self.person[place], incident.crime, "front door") not in done:
            done.add((self.person[place], incident.crime, "front door"))
            areas = incident.areas(child=lives)
            said = {"referred_for": why, "children.name": name, "crime_reference": incident.crime}
            yield from self.tell("front_door_referral", "front_door_referral", place, areas, said)

    def referred_for(self, incident: Incident, child: Body, incidents: list[Incident]) -> list[str]:
        levels = [
            self.level(incident, victim, risk)
            for victim in incident.in_role("victim")
            for _, risk in self.views(incident, victim)
        ]
        row, counted = self.policy.window("child_incidents", incident.force), self.counted(incidents)
        before = counted[: counted.index(incident) + 1] if incident in counted else []
        mounting = [one for one in before if within(row, one.on, incident.on)]
        markers = incident.body.get("markers", {})
        holds = {
            "high_risk": any(level.route == 3 for level in levels),
            "strangulation": markers.get("strangulation"),
            "weapon": markers.get("weapon"),
            "child_injured": child.get("injured"),
            "child_intervened": child.get("intervened"),
            "child_target": child.get("target"),
            "unborn": child.get("unborn"),
            "under_1": _young_born(child, 1, incident.on, unknown=False),
            "incidents_mount_up": len(mounting) >= row["n"],
        }
        return [why for why, held in holds.items() if held]

    # What links courts to people.

    def leads(self, case: str) -> list[Fact]:
        """The charge of a case, or a person's link."""
        charges = [f for f in self.facts["charge-preferred"] if f.subject == case]
        return charges + [f for f in self.facts["link-made"] if f.subject == f"case/{case}"]

    def named(self, case: str, sequence: int | None = None) -> set[str]:
        """Places of those whom a case, or one offence of it, is about: a person's link speaks of the whole case, and of
        each person by the first place."""
        by_charge: set[str] = set()
        whole: set[str] = set()
        for lead in self.leads(case):
            if lead.kind.endswith("charge-preferred"):
                for offence in lead.body["offences"]:
                    if sequence in (None, offence["sequence"]):
                        by_charge |= {f"{offence['crime_reference']}/party/{n}" for n in offence["parties"]}
            else:
                whole |= {f"{p['crime_reference']}/party/{p['party']}" for p in lead.body["parties"]}
        charged = by_charge & set(self.person)
        known = sorted(whole & set(self.person))
        first = {next(p for p in known if self.person[p] == who) for who in {self.person[p] for p in known}}
        return charged | {p for p in first if self.person[p] not in {self.person[c] for c in charged}}

    def linked(self, case: str) -> set[str]:
        """Persons in whose files the facts of a case lie: those named, and the children of these incidents."""
        named: set[str] = set()
        for lead in self.leads(case):
            if lead.kind.endswith("charge-preferred"):
                named |= {f"{o['crime_reference']}/party/{n}" for o in lead.body["offences"] for n in o["parties"]}
            else:
                named |= {f"{p['crime_reference']}/party/{p['party']}" for p in lead.body["parties"]}
        crimes = {place.partition("/")[0] for place in named} & set(self.incidents)
        children = {place for place in self.person if "/child/" in place and place.partition("/")[0] in crimes}
        return {self.person[place] for place in (named | children) & set(self.person)}

    def refused(self, case: str) -> bool:
        return any(f.subject == f"case/{case}" for f in self.facts["link-refused"])

    def victim_at(self, place: str) -> tuple[Incident, Body] | None:
        """The incident and the party at a place where somebody is, or while roles are unresolved may be, a victim."""
        incident = self.incidents.get(place.partition("/")[0])
        for party in incident.body["parties"] if incident else ():
            if incident is not None and incident.place(party) == place and party["role"] != "suspect":
                return incident, party
        return None

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

    # What convictions owe.

    def convictions_owe(self) -> Iterator[tuple[Key, Content]]:
        cases: dict[str, list[Fact]] = defaultdict(list)
        for fact in self.facts["hearing-resulted"]:
            cases[_case(fact)].append(fact)
            yield from self.of_unlinked_result(fact)
        for case, hearings in cases.items():
            hearings.sort(key=lambda fact: (fact.body["hearing_on"], fact.subject))
            offences: dict[int, list[Hearing]] = defaultdict(list)
            for fact in hearings:
                for offence in fact.body["offences"]:
                    heard = offences[offence["sequence"]]
                    verdict = offence.get("verdict") or (heard[-1].verdict if heard else None)
                    on = date.fromisoformat(offence.get("sentenced_on") or fact.body["hearing_on"])
                    heard.append(Hearing(fact, offence, verdict, on))
            for sequence, heard in offences.items():
                for place in sorted(self.named(case, sequence)):
                    if self.victim_at(place):
                        yield from self.of_outcome(case, sequence, heard, place)

    def of_outcome(self, case: str, sequence: int, heard: list[Hearing], place: str) -> Iterator[tuple[Key, Content]]:
        """The missed order (domain 2.7): on final sentence or acquittal; closed by an order known to protect her."""
        last = heard[-1].verdict
        for rule in ("missed_order", "missed_order_on_acquittal"):
            convicted = rule == "missed_order"
            opened = next((h for h in heard if (h.final if convicted else h.verdict in ACQUITTALS)), None)
            undone = last != "convicted" if convicted else last not in ACQUITTALS
            if opened is None or undone or self.protected(place, opened):
                continue
            route = rule
            if convicted:
                if opened.offence["code"] in self.policy.no_offences:
                    continue
                sort = opened.fact.body["court_type"]
                route = {
                    "crown": "missed_order_crown",
                    "magistrates": "missed_order_magistrates",
                    "youth": "missed_order_magistrates",
                }.get(sort, "missed_order_limit_not_known")
                # Sentencing Code s.385: 56 days that begin with the day of sentence.
                if sort == "crown" and self.now.astimezone(LONDON).date() > opened.on + timedelta(days=55):
                    continue
            body = opened.fact.body
            yield from self.tell_hers(
                rule,
                f"{place}/{case}/{sequence}",
                place,
                body["court_ou"],
                _lives(body["defendant"]),
                {"hearing": opened.fact.subject, "offences.sequence": sequence},
                route=route,
            )

    def protected(self, place: str, opened: Hearing) -> bool:
        """Whether an order against him is known to protect her: made since, or in force on that day."""
        hers = {p for p in self.places[self.person[place]] if self.victim_at(p)}
        asn, day = opened.fact.body["references"]["asn"], date.fromisoformat(opened.fact.body["hearing_on"])
        return any(
            order.protects & hers
            and any(line.body["references"]["asn"] == asn for line in (order.made, *order.changes) if line)
            and ((order.made is not None and order.made.on >= day) or order.live_on(opened.on))
            for order in self.orders.values()
            if self.lies_with(order, self.person[place])
        )

    def of_unlinked_result(self, fact: Fact) -> Iterator[tuple[Key, Content]]:
        body, offences = fact.body, fact.body["offences"]
        marked = (
            any(o["code"] in self.policy.da_offences for o in offences)
            or any("LG" in result.get("qualifiers", ()) for o in offences for result in o["results"])
            or {"DA", "DV"} & set(body.get("case_markers", ()))
            or body.get("da_finding_s56a") == "stated"
        )
        if marked and not self.linked(_case(fact)) and not self.refused(_case(fact)):
            yield from self.of_unlinked("unlinked_result", fact, "hearing_resulted", None)

    def of_unlinked(self, rule: str, fact: Fact, event: str, variant: str | None) -> Iterator[tuple[Key, Content]]:
        """By references alone, to those who can link it (domain 2.8)."""
        route, refs = self.policy.unlinked_route(fact.kind, variant), fact.body["references"]
        if route is not None:
            areas = Areas(fact.body.get("force_code") or refs["urn"][:2], fact.body.get("court_ou") or refs["court_ou"])
            said = {"event": event, "references.urn": refs["urn"]}
            yield from self.tell(rule, route, f"{fact.kind}:{fact.subject}", areas, said)

    # What order_variations owe.

    @cached_property
    def lines(self) -> list[Line]:
        """Every line of every hearing, in the order of the hearings, what made an order before what changed one."""
        lines = [
            Line(fact, fact.body, order, f"{fact.subject}/order/{order['code']}{_numbered(order)}", _heard_on(fact))
            for fact in self.facts["orders-resulted"]
            for order in fact.body["orders"]
        ]
        lines.sort(key=lambda line: (line.on, line.action != "imposed", line.fact.subject, line.place))
        return lines

    @cached_property
    def orders(self) -> dict[str, Order]:
        return self.register[0]

    @cached_property
    def register(self) -> tuple[dict[str, Order], list[Line]]:
        """What stands of each order, and each change with the order that it is about."""
        orders: dict[str, Order] = {}
        changes: list[Line] = []
        for line in self.lines:
            if line.action == "imposed":
                orders[line.place] = self.order(line.place, line, line)
                continue
            about = line.order.get("order") or self.only_live(orders.values(), line)
            changes.append(line._replace(about=about))
            if about is not None:
                orders.setdefault(about, self.order(about, None, line)).changes.append(line)
        return orders, changes

    def order(self, place: str, made: Line | None, line: Line) -> Order:
        coded: set[str] = set()
        for person in line.order.get("protected_persons", ()):
            if person["attribution"] in ("coded", "confirmed") and (party := person.get("party")):
                coded.add(f"{party['crime_reference']}/party/{party['party']}")
            elif person["attribution"] in ("coded", "confirmed") and (record := person.get("record")):
                name = f"{record['system']}:{record['id']}"
                coded |= self.places.get(name, set()) or {name}
        confirmed = [f for f in self.facts["attribution-confirmed"] if f.subject == place]
        protects = coded
        if confirmed:
            protects = {f"{p['crime_reference']}/party/{p['party']}" for p in confirmed[0].body["protects"]}
        return Order(place, made, coded, protects, bool(coded or confirmed))

    def only_live(self, orders: Iterable[Order], line: Line) -> str | None:
        """The one order of that defendant and court that is live, if there is just one."""
        live = [
            order.place
            for order in orders
            if order.made is not None
            and order.made.body["references"]["asn"] == line.body["references"]["asn"]
            and order.made.body["court_ou"] == line.body["court_ou"]
            and order.made.fact.subject != line.fact.subject
            and "discharged" not in {change.action for change in order.changes}
        ]
        return live[0] if len(live) == 1 else None

    def reaches(self, fact: Fact) -> set[str]:
        """In whose files a hearing's orders lie: of the case, those protected, and those of the orders named."""
        found = self.linked(_case(fact))
        for line in self.lines:
            if line.fact is fact:
                own = self.order(line.place, None, line)
                found |= {
                    self.person.get(place, place) for place in own.coded if "/child/" in place or "/" not in place
                }
                found |= {self.person[place] for place in own.coded | own.protects if place in self.person}
                earlier = self.orders[named].made if (named := line.order.get("order")) in self.orders else None
                if earlier is not None and earlier.fact is not fact:
                    found |= self.reaches(earlier.fact)
        return found

    def lies_with(self, order: Order, person: str) -> bool:
        return any(person in self.reaches(line.fact) for line in (order.made, *order.changes) if line)

    def orders_owe(self) -> Iterator[tuple[Key, Content]]:
        _, changes = self.register
        for order in self.orders.values():
            if order.made is not None:
                yield from self.of_line(order.made, order, "order_imposed")
        for change in changes:
            yield from self.of_line(change, self.orders.get(change.about or ""), CHANGED[change.action])
        for fact in self.facts["orders-resulted"]:
            yield from self.of_hearing_orders(fact, changes)
        yield from self.of_applications()

    def concerned(self, order: Order | None, case: str) -> Iterator[tuple[str, str]]:
        """Her places in a matter, each with what is known: it is hers, another's, or nobody has said whose."""
        hers: dict[str, set[str]] = defaultdict(set)
        coded = order.coded if order is not None and order.made is not None else set()
        protects = order.protects if order is not None else set()
        for place in self.named(case) | coded | protects:
            if self.victim_at(place):
                hers[self.person[place]].add(place)
        for person, found in hers.items():
            own = {p for p in self.places[person] if self.victim_at(p)}
            if protects & own:
                yield min(protects & own), "hers"
            elif order is None or not order.attributed:
                for place in sorted(found):
                    yield place, "not_confirmed"

    def of_line(self, line: Line, order: Order | None, rule: str) -> Iterator[tuple[Key, Content]]:
        """What a hearing did, to those who protect her: as hers where it is known, else as not confirmed."""
        court, his, about = line.body["court_ou"], _lives(line.body["defendant"]), line.about or line.place
        reached = self.reaches(line.fact)
        for place, how in self.concerned(order, _case(line.fact)):
            if self.person[place] not in reached:
                continue
            subject = f"{line.place}/{place}"
            if how == "not_confirmed":
                route = "order_unconfirmed" if rule == "order_imposed" else "order_change_unconfirmed"
                said = {"order_whose_protection_is_not_confirmed": about, "orders.action": line.action}
                yield from self.tell_hers("order_unconfirmed", subject, place, court, his, said, route=route)
                continue
            said = {"order": about, "orders.action": line.action}
            but = None if self.in_custody(line, self.person[place]) else "prison"
            yield from self.tell_hers(rule, subject, place, court, his, said, but=but)
            zones = any(term.get("zone") for term in line.order.get("prohibitions", ()))
            if line.action in ("imposed", "varied") and (zones or line.order.get("place_term_added")):
                yield from self.tell_hers("place_term_made", subject, place, court, his, said)
        if order is not None:
            yield from self.of_protected_child(line, order)

    def in_custody(self, line: Line, person: str) -> bool:
        """As the last hearing of the case up to that day left him."""
        case = _case(line.fact)
        heard = [f for f in self.facts["hearing-resulted"] if _case(f) == case and _heard_on(f) <= line.on]
        if not heard or person not in self.linked(case):
            return False
        last = max(heard, key=lambda f: (f.body["hearing_on"], f.subject)).body
        return last.get("custody") is True or last.get("remand") == "custody"

    def of_protected_child(self, line: Line, order: Order) -> Iterator[tuple[Key, Content]]:
        """The front door and the school of a child whom an order protects, at the first of its places."""
        children = {self.person[place] for place in order.protects if "/child/" in place and place in self.person}
        for person in children & self.reaches(line.fact):
            place = min(place for place in order.protects if self.person.get(place) == person)
            crime, _, number = place.partition("/child/")
            child = next(c for f, c in self.children if f.subject == crime and str(c["number"]) == number)
            incident, stated = self.incidents.get(crime), next(f for f, _ in self.children if f.subject == crime)
            force = incident.force if incident else stated.body.get("force_code")
            said = {"order": order.place, "children.name": child["name"]}
            subject, held = f"{line.place}/{place}", incident.held if incident else None
            his = next((_lives(s) for s in incident.in_role("suspect")), Lives()) if incident else Lives()
            found: dict[str, list[str]] = {}
            for school in child["school_urns"] or [None]:
                areas = Areas(force, line.body["court_ou"], child=_lives(child), suspect=his, school=school)
                found.update(self.policy.told("order_concerning_child" if held is None else DESKS[held], areas))
            for agency, asks in found.items():
                yield ("order_concerning_child", subject, agency), said | {"asks": asks}

    def of_hearing_orders(self, fact: Fact, changes: list[Line]) -> Iterator[tuple[Key, Content]]:
        """Orders that lead to nobody; and those of whom nobody has said whom they protect, or which was changed."""
        case, done = _case(fact), {order["action"] for order in fact.body["orders"]}
        if not done:
            return
        if not self.reaches(fact):
            if not self.refused(case):
                worst = next(action for action in MOST_DANGEROUS if action in done)
                yield from self.of_unlinked("unlinked_order", fact, f"order_{worst}", worst)
            return
        asked = [o.place for o in self.orders.values() if o.made and o.made.fact is fact and not o.attributed]
        asked += [change.place for change in changes if change.fact is fact and change.about is None]
        if asked and not self.refused(case):
            areas = Areas(fact.body.get("force_code") or fact.body["references"]["urn"][:2], fact.body["court_ou"])
            said = {"say_whom_it_protects": _one(sorted(asked))}
            subject = f"{fact.kind}:{fact.subject}"
            yield from self.tell("attribution_question", "attribution_question", subject, areas, said)

    def of_applications(self) -> Iterator[tuple[Key, Content]]:
        """Lodged, withdrawn, decided: to those who protect her where the order is hers, else to those who can say."""
        lodged = {f.subject: f for f in self.facts["application-lodged"]}
        ended = {f.subject for kind in ("application-withdrawn", "application-decided") for f in self.facts[kind]}
        unconfirmed: set[tuple[str, str]] = set()
        for kind in ("application-lodged", "application-decided", "application-withdrawn"):
            for fact in self.facts[kind]:
                asked, case = lodged.get(fact.subject), _case(fact)
                order = self.orders.get(asked.body.get("order", "")) if asked else None
                first = order.made or order.changes[0] if order else None
                word = f"application_{fact.body.get('outcome', kind.rpartition('-')[2])}"
                if not self.linked(case) and not (order and order.made and self.reaches(order.made.fact)):
                    if not self.refused(case):
                        variant = fact.body.get("outcome") or fact.body.get("action")
                        yield from self.of_unlinked("unlinked_application", fact, word, variant)
                    continue
                court = fact.body["references"]["court_ou"]
                said = {"application": fact.subject}
                if kind == "application-decided":
                    said["outcome"] = fact.body["outcome"]
                for place, how in self.concerned(order if first else None, case):
                    subject = f"{fact.subject}/{place}"
                    if how == "hers" and not (kind == "application-lodged" and fact.subject in ended):
                        rule = kind.replace("-", "_")
                        yield from self.tell_hers(rule, subject, place, court, Lives(), said)
                    elif how == "not_confirmed" and (fact.subject, place) not in unconfirmed:
                        unconfirmed.add((fact.subject, place))
                        yield from self.tell_hers("application_unconfirmed", subject, place, court, Lives(), said)

    # What responses owe.

    def responses_owe(self) -> Iterator[tuple[Key, Content]]:
        """Whoever answered a notification that was never sent hears so."""
        answered: dict[tuple[str, str], list[str]] = defaultdict(list)
        for kind in ("acknowledged", "accepted", "declined", "decided"):
            for fact in self.facts[kind]:
                answered[fact.subject, fact.body["agency"]].append(kind)
        for (notification, agency), kinds in answered.items():
            said = {"notification": notification, "answered": sorted(kinds), "asks": []}
            yield ("answer_without_notice", f"unknown-notification:{notification}", agency), said


class Level(NamedTuple):
    """One assessment. `ticks`: the highest threshold that they reach, from 1; `meanwhile`: those that unanswered
    questions could reach."""

    graded_high: bool
    ticks: int
    could_reach: list[int]

    @property
    def recorded(self) -> int:
        return 3 if self.graded_high else self.ticks

    @property
    def meanwhile(self) -> list[int]:
        return [level for level in self.could_reach if level > self.recorded]

    @property
    def route(self) -> int:
        return min(self.meanwhile, default=self.recorded)


class Group(NamedTuple):
    """Incidents that belong to one count; `reached_at`: the one that made it full."""

    reached_at: Incident
    window: Mapping[str, Any]
    all: list[Incident]


def _lives(of: Body) -> Lives:
    residence = of.get("residence") or {}
    return Lives(residence.get("force"), residence.get("la_code"))


def _young(party: Body, years: int) -> bool:
    """By age: the load gives no party's date of birth. Somebody of unknown age is not."""
    return party.get("age") is not None and party["age"] < years


def _young_born(child: Body, years: int, on: date, *, unknown: bool) -> bool:
    """Whether a child is younger on that day; `unknown` where no birth is stated."""
    if (stated := child.get("date_of_birth")) is None:
        return unknown
    born = date.fromisoformat(stated)
    return (born.year + years, born.month, born.day) > (on.year, on.month, on.day)


def _case(fact: Fact) -> str:
    """`<urn>/<asn>`: the load names every defendant by both."""
    return f"{fact.body['references']['urn']}/{fact.body['references']['asn']}"


def _heard_on(fact: Fact) -> date:
    return date.fromisoformat(fact.body["hearing_on"])


def _numbered(order: Body) -> str:
    number = order.get("number", 1)
    return "" if number == 1 else f"/{number}"


def _one(values: list[Any]) -> Any:
    """A thing that is said once as itself, one that is said for each of several as all of them."""
    return values[0] if len(values) == 1 else sorted(values)
