"""What waits is listed by danger, which policy gives as the time in which it should be linked."""

from datetime import timedelta

from schemas.values import Body
from services.ops.pending import Fact, by_danger, link_by, unexplained
from tests.support import builders as b
from tests.unit.domain.small import World
from tests.unit.domain.test_real_rules import POLICY, SERVICES


def hours(body: Body) -> float:
    found = link_by(b.kind_of(type(body)), body, b.NOON, b.policy())
    assert found is not None
    return (found[0] - b.NOON).total_seconds() / 3600


def test_an_order_that_ended_is_more_dangerous_than_an_application_and_that_than_an_order_made() -> None:
    ended = b.orders_resulted(b.order(action="discharged", order=b.order_at()))
    applied = b.application()
    made = b.orders_resulted(b.order())
    assert hours(ended) < hours(applied) < hours(made)


def test_a_hearing_that_did_several_things_is_as_dangerous_as_the_worst_of_them() -> None:
    both = b.orders_resulted(b.order(), b.order(number=2, action="discharged", order=b.order_at()))
    assert hours(both) == hours(b.orders_resulted(b.order(action="discharged", order=b.order_at())))


def test_what_policy_gives_no_clock_has_none() -> None:
    assert link_by("uk.agency.link-made", b.link_made(), b.NOON, b.policy()) is None


def test_of_equal_danger_the_oldest_comes_first_and_the_most_dangerous_before_older_ones() -> None:
    def fact(name: str, age: int) -> Fact:
        return Fact(
            name,
            "event",
            "source",
            "kind",
            "what",
            "subject",
            "no_charge",
            b.NOON - timedelta(hours=age),
            None,
            False,
            (),
            (),
            (),
        )

    young, old, calm = fact("young", 1), fact("old", 2), fact("calm", 900)
    assert by_danger([(calm, float("inf")), (young, 1.0), (old, 1.0)]) == (old, young, calm)


def test_what_nothing_explains_names_no_matter_in_which_a_suspect_is_police() -> None:
    of_police = b.incident("CR2", parties=(b.victim(), b.suspect(is_police=True)))
    world = World(POLICY, SERVICES["incidents"])
    sent = world.evaluate(b.fact(b.incident()), b.fact(of_police), now=b.NOON)
    listed = [unexplained("incidents", b.NOON, notification, b.policy()) for notification in sent]
    assert {one.subject for one in listed} == {b.VICTIM, "not shown here"}
    assert not [one for one in listed if "CR2" in str(one) or "standards" in str(one)]
