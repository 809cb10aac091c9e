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
    """One order: whom it protects, by code or by a person's word. `named`: of each whom the court codes the places."""

    place: str
    made: "Line | None"
    named: list[set[str]]
    protects: set[str]
    confirmed: bool
    changes: list["Line"] = field(default_factory=list)

    @property
    def coded(self) -> set[str]:
        return {place for places in self.named for place in places}

    def attributed(self, crimes: set[str]) -> bool:
        """Whether somebody has said whom it protects, as far as these incidents tell who is coded: a code that leads to
        nobody says nothing."""
        if self.confirmed:
            return True
        return bool(self.named) and all(any(_crime(place) in crimes for place in places) for places in self.named)

    def live_on(self, on: date) -> bool:
        """Discharged or changed nobody knows how, it protects no more."""
        done = [line.action for line in self.changes if line.on <= on]
        return not done or done[-1] == "varied"

    @property
    def gone(self) -> bool:
        """Discharged, as all hearings that are known left it."""
        return bool(self.changes) and self.changes[-1].action == "discharged"


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
        named: list[set[str]] = []
        for person in line.order.get("protected_persons", ()):
            if person["attribution"] in ("coded", "confirmed") and (party := person.get("party")):
                named.append({f"{party['crime_reference']}/party/{party['party']}"})
            elif person["attribution"] in ("coded", "confirmed") and (record := person.get("record")):
                name = f"{record['system']}:{record['id']}"
                named.append(self.world.places.get(self.world.one_with.get(name, name), set()) or {name})
        confirmed = [f for f in self.world.facts["attribution-confirmed"] if f.subject == place]
        protects = {who for places in named for who in places}
        if confirmed:
            protects = {f"{p['crime_reference']}/party/{p['party']}" for p in confirmed[0].body["protects"]}
        return Order(place, made, named, protects, bool(confirmed))

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
                for earlier in self.changed_by(line):
                    found |= self.reaches(earlier)
        return found

    def leads(self, fact: Fact) -> set[str]:
        """The places that lead to a hearing's orders: of its case, of parties that the court codes or a person
        confirms, and whatever leads to an order that they name. No record does: perhaps nobody has it."""
        found = self.world.led_to(case_of(fact))
        for line in self.lines:
            if line.fact is fact:
                own = self.order(line.place, None, line)
                found |= own.protects if own.confirmed else set()
                for person in line.order.get("protected_persons", ()):
                    if person["attribution"] == "coded" and (party := person.get("party")):
                        found.add(f"{party['crime_reference']}/party/{party['party']}")
                for earlier in self.changed_by(line):
                    found |= self.leads(earlier)
        return found & set(self.world.person)

    def stands(self, order: Order) -> bool:
        """As far as all that is known says; the load states no end and confirms nothing after a change. A discharge
        that was granted counts before its result comes."""
        lodged = {fact.subject: fact.body for fact in self.world.facts["application-lodged"]}
        for decided in self.world.facts["application-decided"]:
            asked = lodged.get(decided.subject, {})
            if asked.get("order") == order.place and (asked["action"], decided.body["outcome"]) == (
                "discharge",
                "granted",
            ):
                on = date.fromisoformat(decided.body["decided_on"])
                if not any(line.on >= on for line in order.changes):
                    return False
        return order.live_on(date.max) and not self.fell(order)

    def fell(self, order: Order) -> list[Fact]:
        """The hearings that opened the case of an order again, if no court has dealt with the order since."""
        again = self.opened_again(order)
        return [] if any(line.on >= heard_on(fact) for fact in again for line in order.changes) else again

    def opened_again(self, order: Order) -> list[Fact]:
        urn, asn, _, made_on = order.place.partition("/order/")[0].split("/")
        return [
            fact
            for fact in self.world.facts["hearing-resulted"]
            if opens_again(fact) and case_of(fact) == f"{urn}/{asn}" and fact.body["hearing_on"] > made_on
        ]

    def changed_by(self, line: Line) -> list[Fact]:
        """The results that made the order which a line changed: of the one that it names, else of all in its case."""
        if line.action == "imposed":
            return []
        named, case = line.order.get("order"), case_of(line.fact)
        made = [order.made.fact for order in self.orders.values() if order.made and named in (None, order.place)]
        return [fact for fact in made if fact is not line.fact and (named is not None or case_of(fact) == case)]

    def lies_with_orders_of(self, case: str, person: str) -> bool:
        """Whether an order made in this case concerns this person: then its hearings lie in that file, too."""
        made = [order.made.fact for order in self.orders.values() if order.made]
        return any(person in self.reaches(fact) for fact in made if case_of(fact) == case)

    def crimes_of(self, order: Order) -> set[str]:
        """The incidents to which the hearings of an order lead: who stands there is known to all whom it concerns."""
        lines = [line for line in (order.made, *order.changes) if line]
        return {_crime(place) for line in lines for place in self.leads(line.fact)}

    def leads_to_a_victim(self, fact: Fact) -> bool:
        return any(map(self.world.victim_at, self.leads(fact)))

    def lies_with(self, order: Order, person: str) -> bool:
        return any(person in self.reaches(line.fact) for line in (order.made, *order.changes) if line)


def _crime(place: str) -> str:
    return place.partition("/")[0]


def opens_again(fact: Fact) -> bool:
    return any(offence["code"] == "MC80524" for offence in fact.body["offences"])


def numbered(order: Body) -> str:
    number = order.get("number", 1)
    return "" if number == 1 else f"/{number}"
