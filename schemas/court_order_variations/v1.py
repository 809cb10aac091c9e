"""Protective orders and what happens to them: imposed, varied, discharged, and the applications to do so (v1)."""

from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import model_validator

from schemas import attachments, matters
from schemas import values as v
from schemas.classes import (
    ALLEGED,
    COURT_RECORD,
    LOCATION,
    OFFENCE,
    ORDER_STATE,
    ORDER_ZONE,
    RECORDED,
    REFERENCE,
    TERMS,
    TIME,
)
from schemas.court_convictions.v1 import OfAHearing
from schemas.doubts import Doubt, DoubtReason
from schemas.fact_types import FactType, Unlinked, Version
from schemas.places import order_place


class OrderAction(StrEnum):
    """`changed_not_stated`: varied or discharged, the court result does not say which."""

    IMPOSED = "imposed"
    VARIED = "varied"
    DISCHARGED = "discharged"
    REPLACED = "replaced"
    CHANGED_NOT_STATED = "changed_not_stated"


class LegalBasis(StrEnum):
    """The power under which the court made it; Acts are replaced, orders made under them stand."""

    SA20_S360 = "SA20_s360"
    PHA97_S5 = "PHA97_s5"
    PHA97_S5A = "PHA97_s5A"
    DAPO = "DAPO"
    SPO = "SPO"
    INTERIM_SPO = "interim_SPO"
    SEXUAL_OFFENCES = "sexual_offences"
    UNKNOWN = "unknown"


class Attribution(StrEnum):
    """How it is known whom an order protects."""

    CODED = "coded"
    NAMED_IN_TEXT_UNCONFIRMED = "named_in_text_unconfirmed"
    CONFIRMED = "confirmed"


class ProtectedPerson(v.Frozen):
    """Somebody whom the order protects, as the court message says; a name in free text identifies nobody yet."""

    role: Annotated[Literal["victim", "child", "other"], REFERENCE]
    party: Annotated[v.PartyRef | None, REFERENCE] = None
    record: Annotated[v.RecordId | None, REFERENCE] = None
    attribution: Annotated[Attribution, REFERENCE]

    def place_in(self, _: v.Body) -> str | None:
        """Whom this part of a body is about."""
        return self.party.place if self.party is not None else None


class Prohibition(v.Frozen):
    """What the defendant must not do. Zone and free text can give an address away."""

    code: Annotated[v.Code, TERMS]
    text: Annotated[v.Text | None, LOCATION] = None
    zone: Annotated[v.Text | None, ORDER_ZONE] = None


class Order(v.Frozen):
    """What this hearing did to one order. `order` names the place of an earlier order that it acted on, if known.

    `length_unclear`: the court said how long it lasts in a way that can be read as more than one length, so no end is
    stated here.
    """

    number: Annotated[v.Number, REFERENCE] = 1
    action: Annotated[OrderAction, ORDER_STATE]
    order: Annotated[v.OrderPlace | None, REFERENCE] = None
    code: Annotated[v.Code, ORDER_STATE]
    legal_basis: Annotated[LegalBasis, TERMS] = LegalBasis.UNKNOWN
    offences: Annotated[tuple[v.Number, ...], REFERENCE] = ()
    made_on: Annotated[v.Day, TIME]
    expires_on: Annotated[v.Day | None, TIME] = None
    until_further_order: Annotated[bool | None, ORDER_STATE] = None
    length_unclear: Annotated[bool | None, ORDER_STATE] = None
    protected_persons: Annotated[tuple[ProtectedPerson, ...], REFERENCE] = ()
    prohibitions: Annotated[tuple[Prohibition, ...], TERMS] = ()
    child_contact_exception: Annotated[bool | None, TERMS] = None
    cause: Annotated[Literal["sentence", "application", "breach_proceedings", "appeal", "unknown"], ORDER_STATE] = (
        "unknown"
    )
    place_term_added: Annotated[bool | None, TERMS] = None

    @property
    def ends_on(self) -> date | None:
        """Its last day, if one is stated that can be right: no order ends before it was made, and an order until
        further order has no end."""
        if self.expires_on is None or self.expires_on < self.made_on or self.until_further_order:
            return None
        return self.expires_on

    @property
    def length_is_doubtful(self) -> bool:
        """Whether a length was stated that cannot be used: then the end that was known before is not used either."""
        return self.length_unclear is True or (self.expires_on is not None and self.ends_on is None)

    def doubted(self) -> Iterator[Doubt]:
        if self.length_unclear:
            yield Doubt("length_unclear", DoubtReason.ORDER_LENGTH_UNCLEAR)
        elif self.length_is_doubtful:
            yield Doubt("expires_on", DoubtReason.ORDER_END_IMPOSSIBLE)


class OrdersResulted(OfAHearing):
    """All orders that one hearing made or touched for one defendant; empty when none. Subject: as hearing-resulted."""

    orders: Annotated[tuple[Order, ...], TERMS]

    @property
    def lists(self) -> tuple[str, ...]:
        """What a later statement of this hearing takes back where it leaves it out."""
        return tuple(f"order {each.code}/{each.number}" for each in self.orders)

    @model_validator(mode="after")
    def _orders_are_numbered(self) -> Self:
        made = [(o.code, o.number) for o in self.orders if o.action in {OrderAction.IMPOSED, OrderAction.REPLACED}]
        if len(made) != len(set(made)):
            raise ValueError("orders of one code that a hearing makes are numbered 1, 2, ...; a number is there twice")
        return self

    def place_of(self, order: Order) -> str:
        """The place of an order that this hearing imposed."""
        return order_place(self.hearing, order.code, order.number)


def _case_orders_and_incidents(result: OrdersResulted) -> Iterator[str]:
    yield from matters.of_case(result.references)
    for order in result.orders:
        yield f"{matters.ORDER}{result.place_of(order)}"
        if order.order:
            yield f"{matters.ORDER}{order.order}"
        yield from (f"{matters.CRIME}{p.party.crime_reference}" for p in order.protected_persons if p.party)


def _actions(result: OrdersResulted) -> Iterator[str]:
    return (str(order.action) for order in result.orders)


ORDERS_RESULTED = FactType(
    name="uk.court.orders-resulted",
    versions=(Version(OrdersResulted),),
    own_reference=matters.under("hearing:"),
    names=_case_orders_and_incidents,
    attachment=attachments.OrdersOfHearing(),
    unlinked=Unlinked("no_charge", clock_by=_actions),
    found_by="court",
)


class ApplicantRole(StrEnum):
    """Who may ask (Sentencing Code s.361(1); PHA 1997 s.5A(2B))."""

    DEFENDANT = "defendant"
    PROSECUTION = "prosecution"
    PROTECTED_PERSON = "protected_person"
    OTHER = "other"


class ApplicationLodged(v.Body):
    """Somebody asks the court to vary, discharge or renew an order (Sentencing Code s.361).

    Subject: the application.
    """

    application: Annotated[v.Reference, REFERENCE]
    references: Annotated[v.References, REFERENCE]
    action: Annotated[Literal["vary", "discharge", "renew"], ORDER_STATE]
    order: Annotated[v.OrderPlace | None, REFERENCE] = None
    mode: Annotated[Literal["written", "oral_in_court"] | None, TIME] = None
    applicant_role: Annotated[ApplicantRole, ORDER_STATE]
    represented: Annotated[bool | None, COURT_RECORD] = None
    same_firm_as_defendant: Annotated[bool | None, COURT_RECORD] = None
    grounds_coded: Annotated[tuple[v.Code, ...] | None, TERMS, ALLEGED] = None
    place_term_proposed: Annotated[bool | None, TERMS] = None
    offence_code: Annotated[v.Code | None, OFFENCE, RECORDED] = None
    lodged_at: Annotated[v.Moment, TIME]
    served_on_prosecutor_at: Annotated[v.Moment | None, TIME] = None
    representations_due_at: Annotated[v.Moment | None, TIME] = None
    hearing_at: Annotated[v.Moment | None, TIME] = None

    @property
    def sender(self) -> tuple[Literal["force", "court", "agency"], str | None]:
        return "court", self.references.court_ou

    @property
    def subject(self) -> str:
        return self.application


def _case_and_order(lodged: ApplicationLodged) -> Iterator[str]:
    yield from matters.of_case(lodged.references)
    if lodged.order:
        yield f"{matters.ORDER}{lodged.order}"


APPLICATION_LODGED = FactType(
    name="uk.court.application-lodged",
    versions=(Version(ApplicationLodged),),
    own_reference=matters.under("application:"),
    names=_case_and_order,
    attachment=attachments.ApplicationMade(),
    unlinked=Unlinked("no_order_or_charge"),
    found_by=None,
)


class ApplicationWithdrawn(v.Body):
    """The applicant took it back. Subject: the application."""

    application: Annotated[v.Reference, REFERENCE]
    references: Annotated[v.References, REFERENCE]

    @property
    def sender(self) -> tuple[Literal["force", "court", "agency"], str | None]:
        return "court", self.references.court_ou

    @property
    def subject(self) -> str:
        return self.application


APPLICATION_WITHDRAWN = FactType(
    name="uk.court.application-withdrawn",
    versions=(Version(ApplicationWithdrawn),),
    own_reference=matters.under("application:"),
    names=matters.of_its_case,
    attachment=attachments.ApplicationFollowed(),
    unlinked=Unlinked("no_application"),
    found_by=None,
)


class ApplicationDecided(v.Body):
    """What the court decided; the new terms come in orders-resulted. Subject: the application."""

    application: Annotated[v.Reference, REFERENCE]
    references: Annotated[v.References, REFERENCE]
    outcome: Annotated[Literal["granted", "part", "refused"], ORDER_STATE]
    decided_on: Annotated[v.Day, TIME]
    reasons_code: Annotated[v.Code | None, TERMS] = None

    @property
    def sender(self) -> tuple[Literal["force", "court", "agency"], str | None]:
        return "court", self.references.court_ou

    @property
    def subject(self) -> str:
        return self.application


def _outcome(decided: ApplicationDecided) -> Iterator[str]:
    yield decided.outcome


APPLICATION_DECIDED = FactType(
    name="uk.court.application-decided",
    versions=(Version(ApplicationDecided),),
    own_reference=matters.under("application:"),
    names=matters.of_its_case,
    attachment=attachments.ApplicationFollowed(),
    unlinked=Unlinked("no_application", clock_by=_outcome),
    found_by="court",
)
