"""What the order_variations service owes: orders made and changed, and applications (domain 2.6, orders)."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from tests.chaos.truth.facts import Content, Fact, Key, as_said, case_of, heard_on
from tests.chaos.truth.orders import Line, Order, Register
from tests.chaos.truth.policy import Areas, Lives
from tests.chaos.truth.world import DESKS, World, lives

CHANGED = {
    "varied": "order_varied",
    "discharged": "order_discharged",
    "changed_not_stated": "order_changed_not_stated",
}
MOST_DANGEROUS = ("discharged", "changed_not_stated", "varied", "replaced", "imposed")


def orders_owe(world: World, register: Register) -> Iterator[tuple[Key, Content]]:
    for order in register.orders.values():
        if order.made is not None:
            yield from of_line(world, register, order.made, order, "order_imposed")
    for change in register.changes:
        yield from of_line(world, register, change, register.orders.get(change.about or ""), CHANGED[change.action])
    for order in register.orders.values():
        yield from of_fallen(world, register, order)
    for fact in world.facts["orders-resulted"]:
        yield from of_hearing_orders(world, register, fact)
    yield from of_applications(world, register)


def concerned(world: World, register: Register, order: Order | None, fact: Fact) -> Iterator[tuple[str, str]]:
    """Her places in a matter, each with what is known: it is hers, another's, or nobody has said whose."""
    hers: dict[str, set[str]] = defaultdict(set)
    coded = order.coded if order is not None and order.made is not None else set()
    protects = order.protects if order is not None else set()
    led = world.named(case_of(fact))
    for place in led | coded | protects:
        if world.victim_at(place):
            hers[world.person[place]].add(place)
    for person, found in hers.items():
        own = {p for p in world.places[person] if world.victim_at(p)}
        if protects & own:
            yield world.speaks(protects & own, led, fact), "hers"
        elif order is None or not order.attributed(world.crimes_known_to(person) | register.crimes_of(order)):
            for place in sorted(found):
                yield place, "not_confirmed"


def of_line(
    world: World, register: Register, line: Line, order: Order | None, rule: str
) -> Iterator[tuple[Key, Content]]:
    """What a hearing did, to those who protect her: as hers where it is known, else as not confirmed."""
    court, his, about = line.body["court_ou"], lives(line.body["defendant"]), line.about or line.place
    reached = register.reaches(line.fact)
    for place, how in concerned(world, register, order, line.fact):
        if world.person[place] not in reached:
            continue
        subject = f"{line.place}/{place}"
        over = order is not None and not register.stands(order)
        terms = line.order.get("prohibitions", ())
        place_in_words = any(term.get("zone") or world.policy.says_a_place(term.get("text", "")) for term in terms)
        adds_a_place = line.action in ("imposed", "varied", "changed_not_stated") and (
            place_in_words or line.order.get("place_term_added")
        )
        if how == "not_confirmed":
            if adds_a_place:
                unsure = {"order_whose_protection_is_not_confirmed": about, "orders.action": line.action}
                yield from world.tell_hers("place_term_made", subject, place, court, his, unsure)
            if over and rule == "order_imposed":
                continue
            route = "order_unconfirmed" if rule == "order_imposed" else "order_change_unconfirmed"
            said = {"order_whose_protection_is_not_confirmed": about, "orders.action": line.action}
            yield from world.tell_hers("order_unconfirmed", subject, place, court, his, said, route=route)
            continue
        said = {"order": about, "orders.action": line.action}
        but = None if in_custody(world, register, line, world.person[place]) else "prison"
        if not (over and line.action in ("imposed", "varied")):
            yield from world.tell_hers(rule, subject, place, court, his, said, but=but)
        if adds_a_place:
            yield from world.tell_hers("place_term_made", subject, place, court, his, said)
    if order is not None and (register.stands(order) or line.action not in ("imposed", "varied")):
        yield from of_protected_child(world, register, line, order)


def of_fallen(world: World, register: Register, order: Order) -> Iterator[tuple[Key, Content]]:
    """An order of hers whose case was opened again: whether it stands is to be found out."""
    again, first = register.fell(order), order.made or order.changes[0]
    if not again or not order.live_on(date.max):
        return
    body = again[0].body
    for place, how in concerned(world, register, order, first.fact):
        if how == "hers" and world.person[place] in register.reaches(first.fact):
            subject, said = f"{order.place}/{place}", {"order": order.place}
            his, court = lives(body["defendant"]), body["court_ou"]
            yield from world.tell_hers("order_ground_fell", subject, place, court, his, said, but="prison")


def in_custody(world: World, register: Register, line: Line, person: str) -> bool:
    """As the last hearing of the case up to that day left him."""
    case = case_of(line.fact)
    heard = [f for f in world.facts["hearing-resulted"] if case_of(f) == case and heard_on(f) <= line.on]
    if not heard or not (person in world.linked(case) or register.lies_with_orders_of(case, person)):
        return False
    last = max(heard, key=lambda f: (f.body["hearing_on"], f.subject)).body
    return last.get("custody") is True or last.get("remand") == "custody"


def of_protected_child(world: World, register: Register, line: Line, order: Order) -> Iterator[tuple[Key, Content]]:
    """The front door and the school of a child whom an order protects, at one of its places."""
    children = {world.person[place] for place in order.protects if "/child/" in place and place in world.person}
    for person in children & register.reaches(line.fact):
        own = {place for place in order.protects if world.person.get(place) == person}
        crimes = {led_to.partition("/")[0] for led_to in world.led_to(case_of(line.fact))}
        place = world.speaks(own, {place for place in own if place.partition("/")[0] in crimes}, line.fact)
        crime, _, number = place.partition("/child/")
        child = next(c for f, c in world.children if f.subject == crime and str(c["number"]) == number)
        incident, stated = world.incidents.get(crime), next(f for f, _ in world.children if f.subject == crime)
        force = incident.force if incident else stated.body.get("force_code")
        said = {"order": order.place, "children.name": child["name"]}
        subject, held = f"{line.place}/{place}", incident.held if incident else None
        his = next((lives(s) for s in incident.in_role("suspect")), Lives()) if incident else Lives()
        found: dict[str, list[str]] = {}
        for school in child["school_urns"] or [None]:
            areas = Areas(force, line.body["court_ou"], child=lives(child), suspect=his, school=school)
            route = "order_concerning_child" if held in (None, "roles") else DESKS[held]
            found.update(world.policy.told(route, areas))
        for agency, asks in found.items():
            yield ("order_concerning_child", subject, agency), said | {"asks": asks}


def of_hearing_orders(world: World, register: Register, fact: Fact) -> Iterator[tuple[Key, Content]]:
    """Orders that lead to nobody; and those of whom nobody has said whom they protect, or which was changed."""
    case, done = case_of(fact), {order["action"] for order in fact.body["orders"]}
    if not done:
        return
    if not register.leads_to_a_victim(fact):
        if not world.refused(case):
            worst = next(action for action in MOST_DANGEROUS if action in done)
            yield from world.of_unlinked("unlinked_order", fact, f"order_{worst}", worst)
        return
    known = {place.partition("/")[0] for place in register.leads(fact)}
    asked = [o.place for o in register.orders.values() if o.made and o.made.fact is fact and not o.attributed(known)]
    asked += [change.place for change in register.changes if change.fact is fact and change.about is None]
    if asked and not world.refused(case):
        areas = Areas(fact.body.get("force_code") or fact.body["references"]["urn"][:2], fact.body["court_ou"])
        said = {"say_whom_it_protects": as_said(sorted(asked))}
        subject = f"{fact.kind}:{fact.subject}"
        held = {world.incidents[crime].held for crime in known}
        route = next((desk for why, desk in DESKS.items() if why in held), "attribution_question")
        yield from world.tell("attribution_question", route, subject, areas, said)


def of_applications(world: World, register: Register) -> Iterator[tuple[Key, Content]]:
    """Lodged, withdrawn, decided: to those who protect her where the order is hers, else to those who can say."""
    lodged = {f.subject: f for f in world.facts["application-lodged"]}
    ended = {f.subject for kind in ("application-withdrawn", "application-decided") for f in world.facts[kind]}
    for kind in ("application-lodged", "application-decided", "application-withdrawn"):
        for fact in world.facts[kind]:
            asked, case = lodged.get(fact.subject), case_of(fact)
            order = register.orders.get(asked.body.get("order", "")) if asked else None
            over = kind == "application-lodged" and (fact.subject in ended or (order is not None and order.gone))
            first = order.made or order.changes[0] if order else None
            word = f"application_{fact.body.get('outcome', kind.rpartition('-')[2])}"
            led = order is not None and order.made is not None and register.leads_to_a_victim(order.made.fact)
            if not led and not world.leads_to_a_victim(case):
                if not world.refused(case):
                    variant = fact.body.get("outcome") or fact.body.get("action")
                    yield from world.of_unlinked("unlinked_application", fact, word, variant)
                continue
            court = fact.body["references"]["court_ou"]
            said = {"application": fact.subject}
            if kind == "application-decided":
                said["outcome"] = fact.body["outcome"]
            for place, how in concerned(world, register, order if first else None, fact):
                subject = f"{fact.subject}/{place}"
                if how == "hers" and not over:
                    rule = kind.replace("-", "_")
                    yield from world.tell_hers(rule, subject, place, court, Lives(), said)
                elif how == "not_confirmed" and not over:
                    # What came of it is another matter than that somebody asks.
                    about = subject if kind == "application-lodged" else f"{fact.subject}/{word}/{place}"
                    unsure = {"application": fact.subject, "event": word}
                    yield from world.tell_hers("application_unconfirmed", about, place, court, Lives(), unsure)
