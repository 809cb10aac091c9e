"""The words of an order are shown as soon as it is known that they are about her and her children alone."""

from itertools import permutations

import pytest

from schemas.court_order_variations.v1 import Attribution, Prohibition, ProtectedPerson
from services.order_variations.rules import RULES
from services.platform.domain.core.facts import Fact
from tests.support import builders as b
from tests.unit.domain.small import World

ZONE = Prohibition(code="3047", zone="an example zone")
HER_CHILD = ProtectedPerson(role="child", record=b.record("child-1"), attribution=Attribution.CODED)
ORDER = b.order(protected_persons=(b.protected(), HER_CHILD), prohibitions=(ZONE,))
# The child is stated at an earlier incident of hers, not at the one that the case is about.
FACTS = (
    b.fact(b.incident()),
    b.fact(b.charge()),
    b.fact(b.incident("CR2")),
    b.fact(b.children("CR2")),
    b.fact(b.orders_resulted(ORDER)),
)


def zones(world: World) -> set[object]:
    held = (n for key, n in world.delivered.items() if key.rule == "order_imposed" and n.state == "live")
    return {
        value for n in held if n.key.agency == "dait-54" for what, _, value, _ in n.content if what.endswith("zone")
    }


@pytest.mark.parametrize("facts", list(permutations(FACTS)))
def test_they_are_shown_in_whatever_order_it_becomes_known(facts: tuple[Fact, ...]) -> None:
    world = World(b.shipped(), RULES)
    for fact in facts:
        world.evaluate(fact, now=b.NOON)
    assert zones(world) == {ZONE.zone}


def test_they_are_not_shown_while_somebody_named_is_not_known_to_be_hers() -> None:
    world = World(b.shipped(), RULES)
    world.evaluate(*(fact for fact in FACTS if fact is not FACTS[3]), now=b.NOON)
    assert zones(world) == set()
