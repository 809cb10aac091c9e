"""A child's schools hear of an order that protects it, each once, whatever the child has of them."""

import pytest

from schemas.court_order_variations.v1 import Attribution, Order, OrderAction, ProtectedPerson
from services.order_variations.children import order_concerning_child
from services.platform.domain.core.duties import Duty
from tests.support import builders as b

CHILD = ProtectedPerson(role="child", record=b.record("child-1"), attribution=Attribution.CODED)


def delivered(*orders: Order, schools: tuple[str, ...] = (b.SCHOOL,)) -> list[str]:
    children = b.children(b.CRIME, b.child(school_urns=schools))
    facts = [b.fact(body) for body in (b.incident(), children, b.charge())]
    hearings = [
        b.fact(b.orders_resulted(order, hearing_on=order.made_on, occurred_at=b.NOON.replace(day=order.made_on.day)))
        for order in orders
    ]
    stated = order_concerning_child(b.linked_file(*facts, *hearings, of=b.CHILD), b.policy())
    return sorted(statement.key.agency for statement in stated if isinstance(statement, Duty))


@pytest.mark.parametrize(
    ("schools", "agencies"),
    [
        (("100001", "100003"), ["mash-866", "school-100001", "school-100003"]),
        (("999998", "999999"), ["la-education-866", "mash-866"]),
        (("999999", "100001"), ["la-education-866", "mash-866", "school-100001"]),
    ],
    ids=["two", "two of one agency", "one of them not known"],
)
def test_each_agency_of_its_schools_is_told_once(schools: tuple[str, ...], agencies: list[str]) -> None:
    assert delivered(b.order(protected_persons=(CHILD,)), schools=schools) == agencies


def test_an_order_that_takes_the_place_of_another_for_the_same_child_is_told_once() -> None:
    made = b.order(protected_persons=(CHILD,))
    instead = b.order(
        action=OrderAction.REPLACED, order=b.order_at(), protected_persons=(CHILD,), made_on=b.TODAY.replace(day=20)
    )
    assert delivered(made, instead) == ["mash-866", "mash-866", "school-100001", "school-100001"]
