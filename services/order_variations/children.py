"""Orders that protect a child by name of a record: the child's own school and the front door hear what concerns it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from schemas.classes import DataClass
from schemas.court_order_variations.v1 import OrderAction, OrdersResulted
from schemas.places import Place, child_place
from schemas.police_incidents.v1 import Child, ChildrenLinked, IncidentReported
from schemas.values import Residence, Role
from services.order_variations.said import while_it_stands
from services.platform.domain.core import subjects
from services.platform.domain.core.duties import Item, Statement, Withheld
from services.platform.domain.core.facts import CaseFile, Fact, Key
from services.platform.domain.core.matter import derived, show
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.people.ordinary_routes import INSTEAD, Matter, tell
from services.platform.domain.people.victims import held, speaks_for
from services.platform.domain.protection.orders import MAKES, READ_BY_THE_REGISTER, Element, Standing, register
from services.platform.policy.clocks import london_day
from services.platform.policy.model import Areas
from services.platform.policy.policy import Policy

STAND = MAKES | {OrderAction.VARIED}
SCHOOL, FRONT_DOOR = frozenset({"dsl"}), frozenset({"mash"})
STATE = ("action", "code", "made_on", "expires_on", "until_further_order", "length_unclear", "child_contact_exception")


@dataclass(frozen=True, slots=True)
class Protected:
    """The child of a file, at one of its places. `since`: when what happened there was reported."""

    place: Place
    since: datetime
    fact: Fact
    index: int
    child: Child
    force: str | None
    suspect: Residence
    incident: Fact | None
    held: Reason | None

    @property
    def waits(self) -> Reason | None:
        """Why its routes wait for a specialist: for the roles of adults to be resolved they do not (1.12 rule 7)."""
        return None if self.held is Reason.ROLES_UNRESOLVED else self.held


def order_concerning_child(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """An order known to protect this child was made or changed. Applications are never told. What says that an order
    protects the child ends with the order."""
    orders = file.once(register)
    touched = [(order, order.made_by) for order in orders.orders.values() if order.made_by is not None]
    touched += [(orders.orders[change.order], change.element) for change in orders.changes if change.order is not None]
    known: dict[str, Protected] = {child.place: child for child in _children(file)}
    stated: set[Key] = set()
    for order, element in touched:
        places = sorted(order.protects & set(known))
        speaks = _speaks(file, element.fact, [known[place] for place in places])
        for place in (*places, *sorted((order.coded & set(known)).difference(places))):
            why_not = Reason.STATED_TWICE if place in places else Reason.PROTECTS_ANOTHER
            # Two schools may be one agency's, and what replaces an order is made and changes in one line.
            for statement in _of_order(file, policy, known[place], order, element):
                if statement.key not in stated:
                    stated.add(statement.key)
                    yield statement if place == speaks else _not_here(statement, why_not)


def _not_here(statement: Statement, reason: Reason) -> Withheld:
    """Why this place is not told: another place of the child is, or a person has said that the order is not for the
    child. Before that was known, it may have been told here."""
    return Withheld(statement.key, statement.kind, statement.grounds, reason, statement.why)


def _speaks(file: CaseFile, fact: Fact, children: list[Protected]) -> str | None:
    """Of the child's places the one that speaks for it."""
    links = file.links.get(fact.id, ())
    led_to = {child.place: child.held for child in children if child.fact.id in links}
    speaks = max(children, key=lambda child: speaks_for(fact, child.place, child.since, led_to), default=None)
    return speaks.place if speaks else None


def _of_order(
    file: CaseFile, policy: Policy, child: Protected, order: Standing, element: Element
) -> Iterator[Statement]:
    schools = child.child.school_urns or (None,)
    for number, school in enumerate(schools):
        to_tell = Matter(
            rule="order_concerning_child",
            route="order_concerning_child" if element.order.action in MAKES else "order_change_concerning_child",
            subject=subjects.of_person(element.place, child.place),
            person=child.place,
            held=child.waits,
            areas=Areas(
                child=child.child.residence,
                suspect=child.suspect,
                case_force=child.force,
                court_ou=element.body.court_ou,
                school_urn=school,
            ),
            on=element.on,
            recorded_at=element.fact.at,
            grounds=tuple(f for f in (element.fact, child.fact, child.incident, *order.facts) if f is not None),
            matter=tuple(_matter(child, order, element)),
            only_kinds=SCHOOL | FRONT_DOOR if number == 0 else SCHOOL,
        )
        to_tell = _until_it_ends(to_tell, order, element)
        if number == 0 or child.waits is None:
            yield from tell(file, policy, to_tell)


def _until_it_ends(to_tell: Matter, order: Standing, element: Element) -> Matter:
    """What says that the order protects the child ends with the order. Of his death no school hears here."""
    gone = order.no_longer
    if gone is not None and gone[0] is Reason.DEFENDANT_DIED:
        return replace(to_tell, met_by=gone[1], ended=Reason.ORDER_HAS_ENDED)
    return while_it_stands(to_tell, order) if element.order.action in STAND else to_tell


def _matter(child: Protected, order: Standing, element: Element) -> Iterator[Item]:
    yield from show(child.fact, f"children.{child.index}.name")
    if child.child.born_by(london_day(child.since)) is not None:
        yield from show(child.fact, f"children.{child.index}.date_of_birth")
    yield from show(element.fact, "hearing_on")
    yield from derived("order", order.place, DataClass.R)
    for path in element.shown(STATE):
        yield from show(element.fact, path, about=child.place)


def _children(file: CaseFile) -> Iterator[Protected]:
    incidents = {body.crime_reference: (fact, body) for fact, body in file.of(IncidentReported)}
    for fact, stated in file.of(ChildrenLinked):
        incident = incidents.get(stated.crime_reference)
        suspects = (p.residence for p in incident[1].parties if p.role is Role.SUSPECT) if incident else iter(())
        suspect = next(suspects, Residence())
        for index, child in enumerate(stated.children):
            place = child_place(stated.crime_reference, child.number, stated.stated_by)
            if place in file.own_places:
                force = incident[1].force_code if incident else stated.force_code
                reason = held(incident[1]) if incident else None
                since = incident[1].reported_at if incident else stated.occurred_at
                of = incident[0] if incident else None
                yield Protected(place, since, fact, index, child, force, suspect, of, reason)


RULES = (
    Rule(
        "order_concerning_child",
        order_concerning_child,
        title="Court order that protects a child",
        routes=("order_concerning_child", "order_change_concerning_child", *INSTEAD),
        reads=(*READ_BY_THE_REGISTER, ChildrenLinked),
        needs=(OrdersResulted,),
    ),
)
