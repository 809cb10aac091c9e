"""What the incidents service owes: risk, escalation, young parties and children (domain 2.6)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, NamedTuple

from tests.chaos.truth.facts import Body, Content, Fact, Key, as_said, as_written
from tests.chaos.truth.policy import Areas, within
from tests.chaos.truth.world import DESKS, Incident, World, lives, young

SAID_OF_HELD = {"police": "suspect_is_police", "honour": "honour_based_abuse", "roles": "roles_unresolved"}
LEVELS = ("idva_with_consent", "idva_without_consent", "marac")


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


def incidents_owe(world: World) -> Iterator[tuple[Key, Content]]:
    for incident in world.incidents.values():
        yield from of_specialist(world, incident)
        yield from of_unresolved_roles(world, incident)
        for victim in incident.in_role("victim"):
            yield from of_risk(world, incident, victim)
        for party in incident.body["parties"]:
            yield from of_young_party(world, incident, party)
    yield from of_escalation(world)
    yield from of_children(world)
    yield from of_doubtful_births(world)


def of_specialist(world: World, incident: Incident) -> Iterator[tuple[Key, Content]]:
    """The desk that policy names, by references alone (domain 1.12 rules 5 and 11), and when there was more to read."""
    if not incident.kept:
        return
    said = {"held_because": SAID_OF_HELD[incident.held or ""], **to_read(world, incident)}
    first = (incident.in_role("victim") or incident.in_role("unresolved") or incident.in_role("suspect"))[0]
    route = DESKS[incident.held or ""]
    yield from world.tell("held_for_specialist", route, incident.place(first), incident.areas(first), said)


def of_unresolved_roles(world: World, incident: Incident) -> Iterator[tuple[Key, Content]]:
    """Each at high risk to an IDVA service of its own, else to the DAIT supervisor, who resolves it (1.12 rule 7)."""
    if incident.held != "roles":
        return
    before = victims_before(world, incident)
    parties = sorted(incident.body["parties"], key=lambda p: (incident.place(p) not in before, p["number"]))
    able = [world.policy.able("idva", lives(party), incident.force) for party in parties]
    taken: set[str] = set()
    high = False
    for party, services in zip(parties, able, strict=True):
        views = [(level_of(world, incident, party, risk), risk) for _, risk in views_of(world, incident, party)]
        own = next((service for service in services if service not in taken), None)
        taken |= {own} if own else set()
        level, risk = max(views, key=lambda view: view[0].route)
        high = high or level.route == 3
        if level.route == 3 and incident.between_adults(party):
            place, areas = incident.place(party), incident.areas(party)
            said: Content = {"crime_reference": incident.crime, "risk.grade": risk["grade"]}
            said |= {"parties.name": party["name"], "roles": "not_resolved"}
            if own is None:
                yield from world.tell("high_risk_roles_unresolved", "no_second_service", place, areas, said)
            else:
                yield ("high_risk_roles_unresolved", place, own), said | {"asks": ["accept"]}
    first = (incident.in_role("victim") or incident.in_role("unresolved"))[0]
    said = {"roles": "not_resolved", **to_read(world, incident)}
    route = "resolve_roles_high" if high else "resolve_roles"
    yield from world.tell("resolve_roles", route, incident.place(first), incident.areas(first), said)


def victims_before(world: World, incident: Incident) -> set[str]:
    """The places here of whoever was a victim in an earlier incident of all of them, its roles resolved."""
    here = {world.person[incident.place(party)]: incident.place(party) for party in incident.body["parties"]}
    found: set[str] = set()
    for other in world.incidents.values():
        unresolved = other.body.get("primary_perpetrator") == "unresolved" or other.in_role("unresolved")
        of_it = {world.person[other.place(p)]: p["role"] for p in other.body["parties"]}
        earlier = (other.reported, other.crime) < (incident.reported, incident.crime)
        if earlier and not unresolved and of_it.keys() >= here.keys():
            found |= {here[who] for who, role in of_it.items() if who in here and role == "victim"}
    return found


def to_read(world: World, incident: Incident) -> Content:
    said: Content = {"crime_reference": incident.crime}
    if of_it := [f for f in world.facts["risk-assessed"] if f.body["crime_reference"] == incident.crime]:
        said["risk_assessed_at"] = sorted(as_written(f.at) for f in of_it)
    if of_it := [f for f in world.facts["children-linked"] if f.subject == incident.crime and f.body["children"]]:
        said["children_linked_at"] = sorted(as_written(f.at) for f in of_it)
    return said


def views_of(world: World, incident: Incident, victim: Body) -> list[tuple[Fact, Body]]:
    """Every assessment of her, the first one first."""
    place = incident.place(victim)
    own = [(incident.fact, incident.body["risk"])]
    own += [(f, f.body["risk"]) for f in world.facts["risk-assessed"] if f.subject.startswith(f"{place}/")]
    return sorted(own, key=lambda view: (view[0].at, view[0].id))


def level_of(world: World, incident: Incident, victim: Body, risk: Body) -> Level:
    home = lives(victim)
    force = home.force or world.policy.force_of(home.la) or incident.force
    steps = world.policy.thresholds(risk["tool"], force)
    answers = [answer["answer"] for answer in risk.get("answers", ())]
    yes = max(answers.count("yes"), risk.get("tick_count") or 0)
    possible = yes + answers.count("unknown") + answers.count("not_asked")
    return Level(
        risk["grade"] == "high" or bool(risk.get("professional_judgement_high")),
        max((n for n, step in enumerate(LEVELS, 1) if (least := steps.get(step)) and yes >= least), default=0),
        [n for n, step in enumerate(LEVELS, 1) if (least := steps.get(step)) and yes < least <= possible],
    )


def of_risk(world: World, incident: Incident, victim: Body) -> Iterator[tuple[Key, Content]]:
    """Domain 2.6, incident and risk: the higher of grade, judgement and ticks decides; she agrees below high."""
    place, areas = incident.place(victim), incident.areas(victim)
    views = [(level_of(world, incident, victim, risk), fact, risk) for fact, risk in views_of(world, incident, victim)]
    level, _, risk = max(views, key=lambda view: view[0].route)
    agreed = incident.body["support_referral"] == "agreed"
    adult = incident.held is None and incident.between_adults(victim)
    suspects = incident.in_role("suspect")
    by_child = (
        incident.held is None
        and not young(victim, 16)
        and bool(suspects)
        and all(young(suspect, 16) for suspect in suspects)
    )
    said = {"crime_reference": incident.crime, "risk.grade": risk["grade"]}
    route = ("", "idva_with_consent", "idva_without_consent", "high_risk")[level.route]
    if adult and route and (agreed or route != "idva_with_consent"):
        yield from world.tell(route, route, place, areas, said)
    if agreed and (by_child or (adult and level.route == 0)):
        yield from world.tell("victim_support", "victim_support", place, areas, said)
    if not agreed and (by_child or (adult and level.route < 2)):
        yield from world.tell("ask_safely", "ask_safely", place, areas, said)
    if not adult:
        return
    below = [risk for level, _, risk in views if level.ticks == 3 and not level.graded_high]
    if below:
        said["risk.grade"] = below[0]["grade"]
        yield from world.tell("ticks_above_grade", "ticks_above_grade", place, areas, said)
    unfinished = [risk for level, _, risk in views if level.meanwhile]
    if unfinished and views[-1][0].meanwhile:
        said["risk.grade"] = unfinished[0]["grade"]
        yield from world.tell("possible_above_threshold", "possible_above_threshold", place, areas, said)
    markers = incident.body.get("markers", {})
    if any(markers.values()):
        stated = {"markers.strangulation": markers["strangulation"]} if "strangulation" in markers else {}
        said = {"crime_reference": incident.crime, **stated}
        yield from world.tell("grade_review", "grade_review", place, areas, said)


def of_young_party(world: World, incident: Incident, party: Body) -> Iterator[tuple[Key, Content]]:
    """Social care for whoever is under 18, in whatever role; police child abuse for victims under 16."""
    if not incident.kept and young(party, 18):
        suspect = party["role"] == "suspect" and incident.held is None
        route = "young_suspect_referral" if suspect else "young_victim_referral"
        areas = incident.areas(child=lives(party))
        said = {"crime_reference": incident.crime, "parties.name": party["name"]}
        but = None if young(party, 16) else "child_abuse_unit"
        yield from world.tell("young_person_referral", route, incident.place(party), areas, said, but)


def of_escalation(world: World) -> Iterator[tuple[Key, Content]]:
    """So many callouts for one victim and one suspect within twelve months; those that follow belong to them. What a
    specialist holds is none of them."""
    pairs: dict[tuple[str, str], dict[str, tuple[Incident, Body, str]]] = defaultdict(dict)
    for incident in world.incidents.values():
        for victim in incident.in_role("victim"):
            if incident.held is None and incident.between_adults(victim):
                for suspect in incident.in_role("suspect"):
                    his = incident.place(suspect)
                    pair = world.person[incident.place(victim)], world.person[his]
                    pairs[pair].setdefault(incident.crime, (incident, victim, his))
    reached: dict[str, list[tuple[str, list[Incident]]]] = defaultdict(list)
    hers: dict[str, tuple[Incident, Body]] = {}
    for of in pairs.values():
        for group in mounting(world, "escalation", [incident for incident, _, _ in of.values()]):
            incident, victim, his = of[group.reached_at.crime]
            reached[incident.place(victim)].append((his, group.all))
            hers[incident.place(victim)] = (incident, victim)
    for place, found in reached.items():
        incident, victim = hers[place]
        crimes = [[one.crime for one in group] for _, group in found]
        said = {"count.incidents": as_said([len(c) for c in crimes]), "count.crime_references": as_said(crimes)}
        yield from world.tell("escalation", "escalation", place, incident.areas(victim), said)


def in_order(incidents: Iterable[Incident]) -> list[Incident]:
    """One for each log of a force, by the day on which it was reported; what is long past does not count."""
    logs: dict[tuple[str, str], Incident] = {}
    for incident in sorted(incidents, key=lambda one: (one.reported, one.crime)):
        if not incident.body.get("historic"):
            logs.setdefault((incident.force, incident.body["incident_log"]), incident)
    return list(logs.values())


def mounting(world: World, window: str, incidents: Iterable[Incident]) -> list[Group]:
    counted, groups = in_order(incidents), list[Group]()
    for place, incident in enumerate(counted):
        row = world.policy.window(window, incident.force)
        if groups and within(groups[-1].window, groups[-1].reached_at.on, incident.on):
            groups[-1].all.append(incident)
            continue
        recent = [one for one in counted[: place + 1] if within(row, one.on, incident.on)]
        if len(recent) >= row["n"]:
            groups.append(Group(incident, row, recent))
    return groups


def of_children(world: World) -> Iterator[tuple[Key, Content]]:
    """Each child of an incident: education, and the front door where it must decide (domain 2.6, children)."""
    seen: dict[str, list[Incident]] = defaultdict(list)
    for fact, child in world.children:
        if fact.subject in world.incidents:
            place = f"{fact.subject}/child/{child['number']}"
            incident = world.incidents[fact.subject]
            if incident not in seen[world.person[place]]:
                seen[world.person[place]].append(incident)
    done: set[tuple[str, str, str]] = set()
    for fact, child in world.children:
        if (known := world.incidents.get(fact.subject)) is not None:
            place = f"{known.crime}/child/{child['number']}"
            if not known.kept and young_born(child, 18, known.on, unknown=True):
                yield from of_child(world, known, child, place, seen[world.person[place]], done)


def of_child(
    world: World,
    incident: Incident,
    child: Body,
    place: str,
    incidents: list[Incident],
    done: set[tuple[str, str, str]],
) -> Iterator[tuple[Key, Content]]:
    victims, home, name = incident.victims, lives(child), child["name"]
    if any(incident.between_adults(victim) for victim in victims):
        areas = incident.areas(victims[0], child=home)
        yield from of_schools(world, incident, child, place, areas, done)
        if child.get("home_educated") and not child["school_urns"]:
            said = {"children.name": name, "crime_reference": incident.crime}
            yield from world.tell("child_home_educated", "child_home_educated", place, areas, said)
    why = referred_for(world, incident, child, incidents)
    if why and (world.person[place], incident.crime, "front door") not in done:
        done.add((world.person[place], incident.crime, "front door"))
        areas = incident.areas(child=home)
        said = {"referred_for": why, "children.name": name, "crime_reference": incident.crime}
        yield from world.tell("front_door_referral", "front_door_referral", place, areas, said)


def of_schools(
    world: World, incident: Incident, child: Body, place: str, areas: Areas, done: set[tuple[str, str, str]]
) -> Iterator[tuple[Key, Content]]:
    """Each establishment; of one in its holidays the authority as well, and the school again in term (domain 2.6)."""
    schools: dict[str, list[str]] = {}
    for urn in child["school_urns"]:
        for agency in world.policy.told("child_school", replace(areas, school=urn)):
            schools.setdefault(agency, []).append(urn)
    stated = next(fact for fact, of in world.children if fact.subject == incident.crime and of is child)
    at = max(incident.reported, datetime.fromisoformat(stated.body["occurred_at"]))
    closed: list[list[str]] = []
    said = {"children.name": child["name"], "crime_reference": incident.crime}
    for agency, urns in schools.items():
        if (world.person[place], incident.crime, agency) in done:
            continue
        done.add((world.person[place], incident.crime, agency))
        mornings = [world.policy.reopens(at, urn, lives(child).la) for urn in urns]
        shut = [morning for morning in mornings if morning is not None]
        own = agency.startswith("school-")
        asks = [] if len(shut) == len(urns) and own else ["acknowledge"]
        yield ("child_school", place, agency), said | {"schools": urns, "asks": asks}
        if len(shut) == len(urns):
            closed += [urns] if own else []
            if min(shut) <= world.now:
                yield ("child_school_reopens", place, agency), said | {"schools": urns, "asks": ["acknowledge"]}
    if closed and (world.person[place], incident.crime, "closed") not in done:
        done.add((world.person[place], incident.crime, "closed"))
        said["schools"] = as_said(closed)
        yield from world.tell("child_school_closed", "child_school_closed", place, areas, said)


def referred_for(world: World, incident: Incident, child: Body, incidents: list[Incident]) -> list[str]:
    levels = [
        level_of(world, incident, victim, risk)
        for victim in incident.victims
        for _, risk in views_of(world, incident, victim)
    ]
    row, counted = world.policy.window("child_incidents", incident.force), in_order(incidents)
    before = counted[: counted.index(incident) + 1] if incident in counted else []
    recent = [one for one in before if within(row, one.on, incident.on)]
    markers = incident.body.get("markers", {})
    holds = {
        "high_risk": any(level.route == 3 for level in levels),
        "strangulation": markers.get("strangulation"),
        "weapon": markers.get("weapon"),
        "child_injured": child.get("injured"),
        "child_intervened": child.get("intervened"),
        "child_target": child.get("target"),
        "unborn": child.get("unborn"),
        "under_1": young_born(child, 1, incident.on, unknown=False),
        "incidents_mount_up": len(recent) >= row["n"],
    }
    return [why for why, held in holds.items() if held]


def of_doubtful_births(world: World) -> Iterator[tuple[Key, Content]]:
    """The DAIT, or the desk in its place, checks a date of birth after the incident (domain 2.2)."""
    for incident in world.incidents.values():
        first = (incident.in_role("victim") or incident.in_role("unresolved"))[0]
        parties = [party for party in incident.body["parties"] if later(party, incident.on)]
        doubted = [(incident.place(party), incident.areas(first)) for party in parties]
        for fact, child in world.children:
            if fact.subject == incident.crime and later(child, incident.on):
                doubted.append((f"{incident.crime}/child/{child['number']}", areas_of_child(incident, child)))
        route = DESKS.get(incident.held or "", "birth_date_doubtful")
        for place, areas in doubted:
            said = {"crime_reference": incident.crime, "doubtful_date_of_birth": "birth_date_impossible"}
            yield from world.tell("birth_date_doubtful", route, place, areas, said)


def areas_of_child(incident: Incident, child: Body) -> Areas:
    victim = next(iter(incident.victims), {})
    return incident.areas(victim, child=lives(child))


def later(born: Body, on: date) -> bool:
    """The load states no other date that cannot be right."""
    return date.fromisoformat(born.get("date_of_birth") or "1900-01-01") > on


def young_born(child: Body, years: int, on: date, *, unknown: bool) -> bool:
    """Whether a child is younger on that day; `unknown` where no birth is stated that can be right."""
    if (stated := child.get("date_of_birth")) is None or later(child, on):
        return unknown
    born = date.fromisoformat(stated)
    return (born.year + years, born.month, born.day) > (on.year, on.month, on.day)
