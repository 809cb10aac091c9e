"""The register of protective orders: each order that a file knows of, what later hearings did to it, whom it protects.

Protection is believed only when it is known: an order protects whom a code or a person's confirmation names, and a
change that the court result does not state counts as lost protection until a person says otherwise.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum

from schemas.agency_responses.v1 import AttributionConfirmed
from schemas.court_convictions.v1 import HearingResulted, Verdict
from schemas.court_order_variations.v1 import (
    ApplicationDecided,
    ApplicationLodged,
    Attribution,
    LegalBasis,
    Order,
    OrderAction,
    OrdersResulted,
)
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Bodies
from services.platform.domain.linking.merged_records import record_key
from services.platform.domain.linking.references import case_number, case_of_hearing
from services.platform.domain.linking.same_man import Man, Men
from services.platform.domain.people.victims import READ_OF_MATTERS
from services.platform.domain.protection.measures import Kind, Known, lasts
from services.platform.domain.protection.taken_back import Undoing, deaths, undoings
from services.platform.policy.clocks import london_day

KNOWN = frozenset({Attribution.CODED, Attribution.CONFIRMED})
MAKES = frozenset({OrderAction.IMPOSED, OrderAction.REPLACED})
ONE_DAY = timedelta(days=1)
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

# By `register`, with all that says which man and which victim a court fact is about.
READ_BY_THE_REGISTER: Bodies = (
    *READ_OF_MATTERS,
    HearingResulted,
    OrdersResulted,
    ApplicationLodged,
    ApplicationDecided,
    AttributionConfirmed,
)


class State(StrEnum):
    """What the last hearing that touched an order made of it. Expiry is a date, not a state: rules have no clock."""

    LIVE = "live"
    VARIED = "varied"
    DISCHARGED = "discharged"
    REPLACED = "replaced"
    UNKNOWN_CHANGE = "unknown_change"


ENDED = frozenset({State.DISCHARGED, State.REPLACED})
IN_FORCE = frozenset({State.LIVE, State.VARIED})
BECOMES = {
    OrderAction.VARIED: State.VARIED,
    OrderAction.DISCHARGED: State.DISCHARGED,
    OrderAction.REPLACED: State.REPLACED,
    OrderAction.CHANGED_NOT_STATED: State.UNKNOWN_CHANGE,
}
NO_LONGER = {
    State.DISCHARGED: Reason.ORDER_DISCHARGED,
    State.REPLACED: Reason.ORDER_REPLACED,
    State.UNKNOWN_CHANGE: Reason.ORDER_CHANGED_NOT_STATED,
}
# Of several losses the one that is told.
GRAVEST = (
    Reason.DEFENDANT_DIED,
    Reason.ORDER_MAY_NOT_STAND,
    Reason.DISCHARGE_NOT_ARRIVED,
    Reason.WHICH_ORDER_NOT_KNOWN,
)
ON_CONVICTION = frozenset({LegalBasis.SA20_S360, LegalBasis.PHA97_S5, LegalBasis.SEXUAL_OFFENCES})


@dataclass(frozen=True, slots=True)
class Element:
    """One line of a hearing's orders. `place`: the hearing and the line; of an order, when this line made it."""

    place: str
    fact: Fact
    body: OrdersResulted
    order: Order
    index: int

    @property
    def on(self) -> date:
        return self.body.hearing_on

    @property
    def path(self) -> str:
        """Where it stands in its fact's body."""
        return f"orders.{self.index}"

    def shown(self, names: Iterable[str]) -> Iterator[str]:
        """The paths of these fields, without an end that cannot be right."""
        return (f"{self.path}.{name}" for name in names if name != "expires_on" or self.order.ends_on)


@dataclass(frozen=True, slots=True)
class Change:
    """What a hearing did to an order made earlier. `order` None: it is not known which of the `candidates`, if any."""

    element: Element
    order: str | None
    candidates: tuple[str, ...] = ()

    @property
    def action(self) -> OrderAction:
        return self.element.order.action


@dataclass(frozen=True, slots=True)
class Loss:
    """Why an order is not known to protect any more, though no hearing is known to have changed it. `since`: from that
    day on. A person's later confirmation says that the order still stands, and undoes it."""

    fact: Fact
    since: date
    why: Reason


@dataclass(frozen=True, slots=True)
class Standing:
    """One order. `made_by` None: known only by a later change, as every order is that was made before go-live.

    `protects`: places of the persons known to be protected, or `record:<system>:<id>` where no place is known for one;
    `coded`: those whom the court's own result names, which a person's confirmation may set aside.
    `attributed`: somebody has said, by a confirmation or by codes that all lead to somebody, whom it protects.
    `man`: the defendant whom it was made against, or changed for. `losses`: what else took its protection, or may have.
    `expired_first`: the last day as it was when the order was made.
    """

    place: str
    code: str
    made_by: Element | None
    made_on: date | None
    expires_on: date | None
    expired_first: date | None
    state: State
    coded: frozenset[str]
    protects: frozenset[str]
    attributed: bool
    attributed_by: tuple[Fact, ...]
    man: Man
    changes: tuple[Change, ...] = ()
    losses: tuple[Loss, ...] = ()

    @property
    def kind(self) -> Kind:
        return Kind.ORDER

    @property
    def known(self) -> Known:
        """How it is known whom it protects, and whether it does still."""
        unsure = self.state is State.UNKNOWN_CHANGE or self.losses
        if unsure and not any(loss.why is Reason.DEFENDANT_DIED for loss in self.losses):
            return Known.NOT_KNOWN
        if self.attributed_by:
            return Known.CONFIRMED
        return Known.STATED if self.attributed else Known.UNCONFIRMED

    @property
    def since(self) -> date | None:
        return self.made_by.on if self.made_by is not None else None

    @property
    def until(self) -> date | None:
        return self.expires_on

    @property
    def stated_by(self) -> Fact:
        return self.heard[0].fact

    @property
    def court(self) -> str:
        """The court that made it: `<urn>/<asn or defendant id>/<court>/<date>` is the hearing in its place, and
        empty where a place that a result named has no such form."""
        return "".join(hearing_of(self.place).split("/")[-2:-1])

    @property
    def in_force(self) -> bool:
        """Nothing known has ended it or may have ended it; look at `expires_on` for the day on which you ask."""
        return self.state in IN_FORCE and not self.losses

    @property
    def lost_its_ground(self) -> bool:
        """The outcome that it was made on was taken back, and nobody has said that it stands."""
        return any(loss.why is Reason.ORDER_MAY_NOT_STAND for loss in self.losses)

    @property
    def no_longer(self) -> tuple[Reason, tuple[Fact, ...]] | None:
        """Why it is not known to protect any more, and the facts that say so; None while it is in force."""
        if self.in_force:
            return None
        if self.state in NO_LONGER:
            return NO_LONGER[self.state], (self.changes[-1].element.fact,)
        gravest = min(self.losses, key=lambda loss: GRAVEST.index(loss.why))
        return gravest.why, tuple(loss.fact for loss in self.losses if loss.why is gravest.why)

    def covers(self, places: frozenset[str], on: date) -> bool:
        """Known to protect one of these places on that day, whatever hearings did to it later."""
        then = self.as_of(on)
        return then.in_force and bool(self.protects & places) and lasts(then.expires_on, on)

    def as_of(self, on: date) -> "Standing":
        """The order as the hearings up to and on that day had left it."""
        if all(change.element.on <= on for change in self.changes) and all(loss.since <= on for loss in self.losses):
            return self
        first = replace(self, state=State.LIVE, expires_on=self.expired_first, changes=(), losses=())
        for change in self.changes:
            first = first.after(change) if change.element.on <= on else first
        losses = tuple(loss for loss in self.losses if loss.since <= on)
        return _settled(replace(first, losses=losses))

    def open_to_change(self, on: date) -> bool:
        """Whether a court could vary or discharge it on that day, as the hearings of earlier days had left it."""
        if self.made_by is not None and self.made_by.on > on:
            return False
        before = self.as_of(on - ONE_DAY)
        return before.state not in ENDED and lasts(before.expires_on, on)

    def changed_since(self, on: date) -> bool:
        """Whether it is known what a hearing on that day or later did to it."""
        return any(change.element.on >= on for change in self.changes)

    def after(self, change: Change) -> "Standing":
        """A variation may move the end; one that says nothing of it leaves it, and after one that is not clear about it
        no end is known."""
        order, end = change.element.order, self.expires_on
        if order.action is OrderAction.VARIED:
            no_end_known = order.until_further_order or order.length_is_doubtful
            end = None if no_end_known else order.ends_on or end
        return replace(self, state=BECOMES[order.action], expires_on=end, changes=(*self.changes, change))

    @property
    def heard(self) -> tuple[Element, ...]:
        """What hearings said of it: the one that made it, where that is known, and those that changed it."""
        return (*((self.made_by,) if self.made_by else ()), *(change.element for change in self.changes))

    def binds(self, man: Man) -> bool:
        """Known to have been made against him, or changed for him."""
        return self.man.is_same(man)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """All that it rests on."""
        made = (self.made_by.fact,) if self.made_by else ()
        changed = (change.element.fact for change in self.changes)
        return (*made, *self.attributed_by, *changed, *(loss.fact for loss in self.losses))

    @property
    def made_on_day(self) -> str:
        """The day of the hearing in its place, as it is written there; empty where the place has no such form."""
        day = hearing_of(self.place).rpartition("/")[2]
        return day if DAY.fullmatch(day) else ""

    @property
    def urn(self) -> str:
        """Of the case in which it was made, empty where its place has none."""
        return hearing_of(self.place).partition("/")[0].removeprefix("-")


@dataclass(frozen=True, slots=True)
class Register:
    """Every order and change of a file, in the order of the hearings. `fallen`: by order, the later hearings that took
    back what it was made on. `died`: the defendants who have died, each with the fact that says so."""

    orders: Mapping[str, Standing]
    changes: tuple[Change, ...]
    men: Men = field(compare=False, repr=False)
    fallen: Mapping[str, tuple[Undoing, ...]] = field(default_factory=dict)
    died: tuple[tuple[Man, Fact], ...] = ()

    def death_of(self, man: Man) -> tuple[Fact, ...]:
        """The facts that say that this man has died."""
        return tuple(fact for dead, fact in self.died if man.is_same(dead))

    def sought(self, application: ApplicationLodged) -> Standing | None:
        """The order that an application names, else the only live one of its defendant and court."""
        if named := application.order or application.references.order:
            return self.orders.get(named)
        found = self.may_be_sought(application)
        return found[0] if len(found) == 1 and application.references.court_ou else None

    def may_be_sought(self, application: ApplicationLodged) -> tuple[Standing, ...]:
        """Where an application names no order: each live one of its defendant and court, or of his at any court where
        it states none. None of the file's is the order of another court: an application goes to the court that made
        it (Sentencing Code s.361(1))."""
        if application.order or application.references.order:
            return ()
        him, court = self.men.of_application(application), application.references.court_ou
        on = london_day(application.lodged_at)
        his = (order for order in self.orders.values() if order.binds(him) and order.open_to_change(on))
        return tuple(order for order in his if court in (None, order.court))

    def about(self, application: ApplicationLodged) -> tuple[Standing, ...]:
        """The order that an application is about; where it is not known which, each that it may be about."""
        order = self.sought(application)
        return (order,) if order is not None else self.may_be_sought(application)


@dataclass(slots=True)
class _Building:
    """The register while it is worked out, one hearing after another."""

    confirmed: Mapping[str, tuple[Fact, AttributionConfirmed]]
    places_of: Mapping[str, frozenset[str]]
    places: AbstractSet[str]
    men: Men
    orders: dict[str, Standing] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)


def register(file: CaseFile) -> Register:
    """What stands of the orders in this file."""
    confirmed = {body.order: (fact, body) for fact, body in file.of(AttributionConfirmed)}
    building = _Building(confirmed, _places_of_records(file), file.persons.keys(), file.once(Men))
    for element in sorted(_elements(file), key=_in_order_of_hearings):
        if element.order.action is not OrderAction.IMPOSED:
            _change(building, element)
        if element.order.action in MAKES:
            building.orders[element.place] = _made(building, element)
    orders = {place: replace(order, losses=tuple(_doubts(building, place))) for place, order in building.orders.items()}
    so_far = Register(orders, tuple(building.changes), building.men)
    for loss, places in _discharges_not_arrived(file, so_far):
        for place in places:
            orders[place] = replace(orders[place], losses=(*orders[place].losses, loss))
    died = tuple((building.men.of(fact), fact) for fact, _ in deaths(file))
    fallen: dict[str, tuple[Undoing, ...]] = {}
    for place, order in orders.items():
        if undone := tuple(each for each in file.once(undoings) if _falls(order, each, building.men)):
            fallen[place] = undone
        orders[place] = replace(order, losses=(*order.losses, *_grounds_lost(order, undone), *_lost_by(order, died)))
    settled = {place: _settled(order) for place, order in orders.items()}
    return Register(settled, so_far.changes, so_far.men, fallen, died)


def _falls(order: Standing, undone: Undoing, men: Men) -> bool:
    """Whether a hearing took back what an order of an earlier hearing of the same case was made on."""
    body, made = undone.body, order.made_by
    if hearing_of(order.place) == body.hearing or order.made_on_day > body.hearing_on.isoformat():
        return False
    own_case = case_of_hearing(hearing_of(order.place)) == case_of_hearing(body.hearing)
    if not own_case and not (order.urn == case_number(body.hearing) and order.binds(men.of(undone.fact))):
        return False
    if undone.how == "replaced" and undone.before is None:
        # What stood before is not known here; the power under which it was made says it (Sentencing Code s.360).
        basis = made.order.legal_basis if made is not None else LegalBasis.UNKNOWN
        on_acquittal = basis is LegalBasis.PHA97_S5A and undone.verdict is Verdict.CONVICTED
        if not on_acquittal and not (basis in ON_CONVICTION and undone.verdict is not Verdict.CONVICTED):
            return False
    return undone.touches(made.order.offences if made is not None else ())


def _grounds_lost(order: Standing, undone: Iterable[Undoing]) -> Iterator[Loss]:
    """From the beginning: what was taken back never was. A court that dealt with the order then or later has said what
    stands of it."""
    for each in undone:
        if not order.changed_since(each.body.hearing_on):
            yield Loss(each.fact, date.min, Reason.ORDER_MAY_NOT_STAND)


def _lost_by(order: Standing, died: Iterable[tuple[Man, Fact]]) -> Iterator[Loss]:
    for man, fact in died:
        if order.binds(man):
            yield Loss(fact, london_day(fact.body.occurred_at), Reason.DEFENDANT_DIED)


def _doubts(building: _Building, place: str) -> Iterator[Loss]:
    """Changes of which it is not known whose they are, and that may be this order's."""
    for change in building.changes:
        if change.order is None and place in change.candidates:
            yield Loss(change.element.fact, change.element.on, Reason.WHICH_ORDER_NOT_KNOWN)


def _discharges_not_arrived(file: CaseFile, known: Register) -> Iterator[tuple[Loss, tuple[str, ...]]]:
    """Discharges that a court granted, with the orders of which no result of that day or later says anything yet."""
    lodged = {body.application: body for _, body in file.of(ApplicationLodged)}
    for fact, decided in file.of(ApplicationDecided):
        asked = lodged.get(decided.application)
        if asked is None or asked.action != "discharge" or decided.outcome != "granted":
            continue
        about = known.about(asked)
        if not any(order.changed_since(decided.decided_on) for order in about):
            loss = Loss(fact, decided.decided_on, Reason.DISCHARGE_NOT_ARRIVED)
            yield loss, tuple(order.place for order in about)


def hearing_of(place: str) -> str:
    """The hearing that imposed the order of this place: `<urn>/<asn or defendant id>/<court>/<date>`."""
    return place.rpartition("/order/")[0]


def code_of(place: str) -> str:
    """The result code with which the order of this place was imposed."""
    return place.rpartition("/order/")[2].split("/")[0]


def protected_by(order: Order, places_of: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Places of the persons whom the court's code or a desk's confirmation names; a name in free text names nobody."""
    found: set[str] = set()
    for person in order.protected_persons:
        if person.attribution not in KNOWN:
            continue
        if person.party:
            found.add(person.party.place)
        elif person.record:
            key = record_key(person.record)
            found |= places_of.get(key, frozenset({key}))
    return frozenset(found)


def _elements(file: CaseFile) -> Iterator[Element]:
    for fact, body in file.of(OrdersResulted):
        for index, order in enumerate(body.orders):
            yield Element(body.place_of(order), fact, body, order, index)


def _in_order_of_hearings(element: Element) -> tuple[date, bool, str, str]:
    # Within a day what made an order goes before what changed one: hearings state no time of day.
    return (element.on, element.order.action is not OrderAction.IMPOSED, element.body.hearing, element.place)


def _places_of_records(file: CaseFile) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for place, person in file.persons.items():
        found.setdefault(person, set()).add(place)
    joined = {record: found[person] for record, person in file.joined.items() if person in found}
    return {record: frozenset(places) for record, places in (found | joined).items()}


def _made(building: _Building, element: Element) -> Standing:
    coded = protected_by(element.order, building.places_of)
    protects, by = _confirmed(building, element.place, coded)
    end = element.order.ends_on
    return Standing(
        place=element.place,
        code=element.order.code,
        made_by=element,
        made_on=element.order.made_on,
        expires_on=end,
        expired_first=end,
        state=State.LIVE,
        coded=coded,
        protects=protects,
        attributed=_attributed(building, coded, by),
        attributed_by=by,
        man=building.men.of(element.fact),
    )


def _confirmed(building: _Building, place: str, coded: frozenset[str]) -> tuple[frozenset[str], tuple[Fact, ...]]:
    """A person's confirmation says all whom an order protects, and stands before the court's code."""
    if place not in building.confirmed:
        return coded, ()
    fact, body = building.confirmed[place]
    return frozenset(party.place for party in body.protects), (fact,)


def _attributed(building: _Building, coded: frozenset[str], by: tuple[Fact, ...]) -> bool:
    """A code that leads to nobody does not say whom an order protects: she may be the one."""
    return bool(by) or (bool(coded) and coded <= building.places)


def _change(building: _Building, element: Element) -> None:
    change = _found(building, element)
    building.changes.append(change)
    if change.order is None:
        return
    before = building.orders.get(change.order) or _known_by_its_change(building, change.order, element)
    after = before.after(change)
    man = building.men.of(*(heard.fact for heard in after.heard), place=change.order)
    building.orders[change.order] = replace(after, man=man)


def _found(building: _Building, element: Element) -> Change:
    """The order a change names; else the only live one of that defendant and court; else a person must say.

    A court that deals with a breach or an appeal may change an order that another made (s.363(6); PHA 1997 s.5A). Where
    none of its own is live, each of his at any court is in doubt, and even the only one until a person says.
    """
    if element.order.order:
        return Change(element, element.order.order)
    him = building.men.of(element.fact)
    his = [
        order
        for order in building.orders.values()
        if order.man.may_be(him)
        and order.state not in ENDED
        and lasts(order.expires_on, element.on)
        and hearing_of(order.place) != element.body.hearing
    ]
    of_this_court = [order for order in his if order.court == element.body.court_ou]
    about, _ = _confirmed(building, element.place, protected_by(element.order, building.places_of))
    candidates = tuple(o.place for o in of_this_court or his if not about or o.protects & about)
    known = len(candidates) == 1 and (of_this_court or about) and building.orders[candidates[0]].binds(him)
    return Change(element, candidates[0]) if known else Change(element, None, candidates)


def _known_by_its_change(building: _Building, place: str, element: Element) -> Standing:
    coded = protected_by(element.order, building.places_of)
    protects, by = _confirmed(building, place, coded)
    said = _attributed(building, coded, by)
    man = building.men.of(element.fact, place=place)
    return Standing(place, code_of(place), None, None, None, None, State.LIVE, coded, protects, said, by, man)


def _settled(order: Standing) -> Standing:
    """A confirmation recorded after a change that was not stated is a person saying that the order still protects."""
    if not order.attributed_by or not order.protects:
        return order
    said_at = max(fact.at for fact in order.attributed_by)
    unstated = order.state is State.UNKNOWN_CHANGE and order.changes[-1].element.fact.at < said_at
    losses = tuple(loss for loss in order.losses if loss.why is Reason.DEFENDANT_DIED or loss.fact.at >= said_at)
    return replace(order, state=State.VARIED if unstated else order.state, losses=losses)
