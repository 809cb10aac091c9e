"""Rules in unlinked files: facts that are linked to nobody yet, and orders whose protection nobody has confirmed."""

from collections.abc import Iterator

from schemas.agency_responses.v1 import LinkRefused
from schemas.classes import DataClass
from schemas.court_order_variations.v1 import (
    ApplicationDecided,
    ApplicationLodged,
    ApplicationWithdrawn,
    OrderAction,
    OrdersResulted,
)
from services.order_variations.applications import APPLICATIONS
from services.platform.domain.core.duties import Item, Statement
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.matter import derived, show
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.linking.unlinked import about, areas_of_case, pending
from services.platform.domain.people.ordinary_routes import INSTEAD, Matter, tell
from services.platform.domain.people.victims import held_of
from services.platform.domain.protection.orders import READ_BY_THE_REGISTER, Register, register
from services.platform.policy.clocks import london_day
from services.platform.policy.policy import Policy

# What ends protection comes first: a hearing that did several things is told as the most dangerous of them.
BY_DANGER = (
    OrderAction.DISCHARGED,
    OrderAction.CHANGED_NOT_STATED,
    OrderAction.VARIED,
    OrderAction.REPLACED,
    OrderAction.IMPOSED,
)


def unlinked_order(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Orders made or changed against a defendant who leads to nobody yet: please link, by references alone."""
    for fact, body in file.of(OrdersResulted):
        done = {order.action for order in body.orders}
        for action in BY_DANGER:
            if action in done:
                event = f"order_{action}"
                yield from pending(
                    file, policy, fact, body, rule="unlinked_order", event=event, on=body.hearing_on, variant=action
                )
                break


def unlinked_application(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """An application whose order leads to nobody yet: please link, by references alone."""
    rule = "unlinked_application"
    for fact, lodged in file.of(ApplicationLodged):
        on = london_day(lodged.lodged_at)
        yield from pending(
            file, policy, fact, lodged, rule=rule, event="application_lodged", on=on, variant=lodged.action
        )
    for fact, withdrawn in file.of(ApplicationWithdrawn):
        on = london_day(withdrawn.occurred_at)
        yield from pending(file, policy, fact, withdrawn, rule=rule, event="application_withdrawn", on=on)
    for fact, decided in file.of(ApplicationDecided):
        on, event = decided.decided_on, f"application_{decided.outcome}"
        yield from pending(file, policy, fact, decided, rule=rule, event=event, on=on, variant=decided.outcome)


def attribution_question(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Ask the DAIT whom a hearing's orders protect, or which order it changed, once the hearing is linked. Where the
    incident's ordinary routes wait, ask the desk that policy names: the DAIT may be that of his own force."""
    orders = file.once(register)
    refusals = tuple(fact for fact, _ in file.of(LinkRefused))
    for fact, body in file.of(OrdersResulted):
        links = file.links.get(fact.id, ())
        if fact.id in file.unlinked or not links:
            continue
        open_places, answered = _asked(file, orders, fact)
        refused = tuple(refusal for refusal in refusals if refusal.id in links)
        died = orders.death_of(orders.men.of(fact))
        if open_places or answered:
            to_tell = Matter(
                rule="attribution_question",
                route="attribution_question",
                subject=about(fact),
                person=fact.subject,
                held=held_of(file, links),
                areas=areas_of_case(policy, body),
                on=body.hearing_on,
                recorded_at=fact.at,
                grounds=(fact, *answered),
                matter=(
                    *_whom(open_places),
                    *show(fact, "references"),
                    *show(fact, "court_ou"),
                    *show(fact, "hearing_on"),
                ),
                met_by=(refused or died) if open_places else answered,
                ended=_ended(open_places, refused, died),
                texts=("say_which_order_and_whom_it_protects",),
            )
            yield from tell(file, policy, to_tell)


def _ended(open_places: tuple[str, ...], refused: tuple[Fact, ...], died: tuple[Fact, ...]) -> Reason | None:
    """Ask nobody whom an order protects if a person says that the case concerns nobody here, or if he has died."""
    if not open_places:
        return Reason.ATTRIBUTED
    if refused:
        return Reason.LINK_SETTLED
    return Reason.DEFENDANT_DIED if died else None


def _asked(file: CaseFile, orders: Register, fact: Fact) -> tuple[tuple[str, ...], tuple[Fact, ...]]:
    """The places of this hearing with an open question, and the facts that settle the others. A confirmation for a
    party that is not known may be a typing mistake: it stays open until that incident is known."""
    open_places: list[str] = []
    answered: list[Fact] = []
    for order in orders.orders.values():
        if order.made_by is not None and order.made_by.fact is fact:
            if not order.attributed or any(said.id in file.unlinked for said in order.attributed_by):
                open_places.append(order.place)
            elif not order.attributed_by:
                answered.append(fact)  # its codes may have led to nobody at first
            answered += order.attributed_by
    for change in orders.changes:
        if change.element.fact is fact and change.action is not OrderAction.REPLACED:
            if change.order is None:
                open_places.append(change.element.place)
            elif change.element.order.order is None:
                answered += orders.orders[change.order].facts
    return tuple(sorted(open_places)), tuple(answered)


def _whom(places: tuple[str, ...]) -> Iterator[Item]:
    for place in places:
        yield from derived("say_whom_it_protects", place, DataClass.R, about=place)


RULES = (
    Rule(
        "attribution_question",
        attribution_question,
        title="Court order: not known whom it protects",
        routes=("attribution_question", *INSTEAD),
        reads=(*READ_BY_THE_REGISTER, LinkRefused),
        needs=(OrdersResulted,),
        runs_in="references",
    ),
    Rule(
        "unlinked_order",
        unlinked_order,
        title="Court order that is linked to nobody",
        routes=("unlinked_order_imposed", "unlinked_order_changed"),
        reads=(OrdersResulted,),
        runs_in="references",
    ),
    Rule(
        "unlinked_application",
        unlinked_application,
        title="Application about a court order, linked to nobody",
        routes=("unlinked_application", "unlinked_order_changed"),
        reads=APPLICATIONS,
        runs_in="references",
    ),
)
