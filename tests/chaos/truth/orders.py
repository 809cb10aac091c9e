"""The register of orders: what each hearing made and changed, and whom each order protects (domain 2.4, 2.8)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import NamedTuple

from tests.chaos.truth.facts import Body, Fact, case_of, heard_on
from tests.chaos.truth.world import World


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


@dataclass(frozen=True)
class Register:
    """Every order, what was done to it, and in whose files it lies."""

    world: World

    @cached_property
    def lines(self) -> list[Line]:
        """Every line of every hearing, in the order of the hearings, what made an order before what changed one."""
        lines = [
            Line(fact, fact.body, order, f"{fact.subject}/order/{order['code']}{numbered(order)}", heard_on(fact))
            for fact in self.world.facts["orders-resulted"]
            for order in fact.body["orders"]
        ]
        lines.sort(key=lambda line: (line.on, line.action != "imposed", line.fact.subject, line.place))
        return lines

    @property
    def orders(self) -> dict[str, Order]:
        """What stands of each, by its place."""
        return self._orders_and_changes[0]

    @property
    def changes(self) -> list[Line]:
        """What was done to orders, each with the one that it is about."""
        return self._orders_and_changes[1]

    @cached_property
    def _orders_and_changes(self) -> tuple[dict[str, Order], list[Line]]:
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
                coded |= self.world.places.get(name, set()) or {name}
        confirmed = [f for f in self.world.facts["attribution-confirmed"] if f.subject == place]
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
        found = self.world.linked(case_of(fact))
        for line in self.lines:
            if line.fact is fact:
                own = self.order(line.place, None, line)
                found |= {
                    self.world.person.get(place, place) for place in own.coded if "/child/" in place or "/" not in place
                }
                found |= {self.world.person[place] for place in own.coded | own.protects if place in self.world.person}
                earlier = self.orders[named].made if (named := line.order.get("order")) in self.orders else None
                if earlier is not None and earlier.fact is not fact:
                    found |= self.reaches(earlier.fact)
        return found

    def lies_with(self, order: Order, person: str) -> bool:
        return any(person in self.reaches(line.fact) for line in (order.made, *order.changes) if line)


def numbered(order: Body) -> str:
    number = order.get("number", 1)
    return "" if number == 1 else f"/{number}"
