"""Records that a merge joins are one person, for as long as it stands; merging by itself tells nobody anything."""

import random
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.court_order_variations.v1 import Attribution, ProtectedPerson
from schemas.police_incidents.v1 import Grade
from services.incidents.rules import RULES as INCIDENTS
from services.platform.domain.core.facts import Fact, Key
from services.platform.domain.linking.links import files_of
from services.platform.domain.protection.orders import register
from tests.support import builders as b
from tests.unit.domain.small import D, World

NOW = b.NOON + 25 * D
A, B, C = (f"record:{b.SYSTEM}:woman-{name}" for name in "abc")


def incident(n: int, her: str, him: str = "suspect-2", version: int = 1, grade: Grade = Grade.HIGH) -> Fact:
    at = b.NOON - timedelta(days=10 * n)
    parties = (b.victim(record=b.record(her)), b.suspect(record=b.record(him)))
    body = b.incident(f"CR{n}", occurred_at=at, reported_at=at, parties=parties, risk=b.risk(grade))
    return b.fact(body, version=version)


def children(n: int, child: str) -> Fact:
    return b.fact(b.children(f"CR{n}", b.child(record=b.record(child), school_urns=("900002",))))


AB, BC, OTHER = (
    b.fact(b.merged("woman-a", "woman-b")),
    b.fact(b.merged("woman-c", "woman-b")),
    b.fact(b.merged("child-1", "child-2")),
)
MERGES = (
    AB,
    b.withdrawal(AB),
    b.fact(b.merged("woman-a", "woman-b", "woman-c"), version=3),
    b.fact(b.merged("woman-a"), version=4),
    BC,
    b.withdrawal(BC),
    OTHER,
    b.withdrawal(OTHER),
)
MATTERS = (
    incident(1, "woman-a"),
    incident(2, "woman-b"),
    incident(3, "woman-a"),
    incident(4, "woman-b", grade=Grade.STANDARD),
    incident(4, "woman-b", version=2),
    incident(5, "woman-c"),
    b.withdrawal(incident(2, "woman-b")),
    children(1, "child-1"),
    children(2, "child-2"),
    b.fact(b.charge(b.charged(crime="CR1"), b.charged(2, crime="CR2"))),
)
matters = st.lists(st.sampled_from(MATTERS), unique_by=lambda fact: fact.id, max_size=8)
everything = st.lists(st.sampled_from(MATTERS + MERGES), unique_by=lambda fact: fact.id, max_size=12)
lives = settings(max_examples=60)


def told_one_by_one(facts: list[Fact]) -> World:
    world = World()
    for fact in facts:
        world.evaluate(fact, now=NOW)
    return world


def withdrawn(merges: list[Fact]) -> list[Fact]:
    return [b.withdrawal(merge, version=99) for merge in {merge.subject: merge for merge in merges}.values()]


@lives
@given(everything, st.randoms(use_true_random=False))
def test_whenever_a_merge_comes_what_is_held_at_the_end_is_the_same(facts: list[Fact], rng: random.Random) -> None:
    other = list(facts)
    rng.shuffle(other)
    one, two, fresh = told_one_by_one(facts), told_one_by_one(other), World()
    fresh.evaluate(*facts, now=NOW)
    assert one.held() == two.held() == fresh.held()
    assert not one.unexplained
    assert not two.unexplained


@lives
@given(everything)
def test_merges_that_are_withdrawn_leave_what_is_held_as_if_they_had_never_been(facts: list[Fact]) -> None:
    merges = [fact for fact in facts if fact.kind == AB.kind]
    world = told_one_by_one([*facts, *withdrawn(merges)])
    assert world.held() == told_one_by_one([fact for fact in facts if fact not in merges]).held()
    assert not world.unexplained


@lives
@given(matters, st.lists(st.sampled_from(MERGES), min_size=1, max_size=4, unique_by=lambda fact: fact.id))
def test_merging_and_taking_it_back_tells_nobody_again_what_they_hold(facts: list[Fact], merges: list[Fact]) -> None:
    """Only what counts over her records changes: here the third incident."""
    world = told_one_by_one(facts)
    before = len(world.sent)
    for merge in (*merges, *withdrawn(merges)):
        world.evaluate(merge, now=NOW)
    assert {notification.key.rule for notification in world.sent[before:]} <= {"pattern"}
    assert len({notification.id for notification in world.sent}) == len(world.sent)


@lives
@given(everything)
def test_every_key_is_stated_once_whatever_is_merged(facts: list[Fact]) -> None:
    world = told_one_by_one(facts)
    assert not [fault for evaluation in world.evaluations for fault in evaluation.faults]


def test_merges_join_through_others_and_part_again_where_one_is_withdrawn() -> None:
    facts = [incident(1, "woman-a"), incident(2, "woman-b"), incident(5, "woman-c"), AB, BC]
    files = files_of(facts)
    assert files[A].own_places == {"CR1/party/1", "CR2/party/1", "CR5/party/1"}
    assert not {B, C} & files.keys()
    parted = files_of([*facts, b.withdrawal(AB)])
    assert parted[A].own_places == {"CR1/party/1"}
    assert parted[B].own_places == {"CR2/party/1", "CR5/party/1"}


def test_a_placeholder_joins_nobody() -> None:
    facts = [incident(1, "woman-a"), incident(2, "woman-b"), b.fact(b.merged("woman-a", "unknown"))]
    again = b.fact(b.merged("woman-b", "unknown"))
    assert {A, B} <= files_of([*facts, again], lambda written: written == "unknown").keys()


def test_an_equal_name_and_birth_merge_nobody() -> None:
    assert {A, B} <= files_of([incident(1, "woman-a"), incident(2, "woman-b")]).keys()


def test_whoever_was_told_because_of_a_merge_is_corrected_when_it_is_withdrawn_and_nobody_else() -> None:
    world = World()
    world.evaluate(incident(1, "woman-a"), incident(2, "woman-b"), incident(3, "woman-a"), now=NOW)
    (counted,) = world.evaluate(AB, now=NOW)
    assert (counted.kind, counted.key.rule) == ("notify", "pattern")
    assert AB.id in counted.grounds
    (corrected,) = world.evaluate(b.withdrawal(AB), now=NOW)
    assert (corrected.kind, corrected.key) == ("correct", counted.key)


def test_callouts_are_counted_over_the_records_of_her_and_of_him() -> None:
    """Three within the year, for a victim and a suspect whom two records each know."""
    facts = [incident(1, "woman-a", "man-1"), incident(2, "woman-b", "man-2"), incident(3, "woman-a", "man-2")]
    his = b.fact(b.merged("man-1", "man-2"))
    world = World(b.shipped(), INCIDENTS)
    world.evaluate(*facts, now=NOW)
    for merge in (AB, his):
        assert "escalation" not in {notification.key.rule for notification in world.sent}
        world.evaluate(merge, now=NOW)
    (delivered,) = [notification for notification in world.sent if notification.key.rule == "escalation"]
    assert {AB.id, his.id} <= set(delivered.grounds)
    (corrected,) = [
        notification for notification in world.evaluate(b.withdrawal(his), now=NOW) if notification.key == delivered.key
    ]
    assert corrected.kind == "correct"


def test_a_child_s_school_is_not_told_again_when_its_records_are_merged_and_parted() -> None:
    world = World()
    world.evaluate(
        incident(1, "woman-a"), incident(2, "woman-a"), children(1, "child-1"), children(2, "child-2"), now=NOW
    )
    school = {key for key in world.delivered if key.rule == "child_told"}
    assert school == {Key("child_told", f"CR{n}/child/1", "second-school") for n in (1, 2)}
    for merge in (OTHER, b.withdrawal(OTHER)):
        assert world.evaluate(merge, now=NOW) == []
    assert world.membership[Key("child_told", "CR2/child/1", "second-school")] == f"record:{b.SYSTEM}:child-2"


def test_an_order_that_protects_one_of_her_records_protects_her() -> None:
    coded = ProtectedPerson(role="victim", attribution=Attribution.CODED, record=b.record("woman-b"))
    orders = b.fact(b.orders_resulted(b.order(protected_persons=(coded,))))
    apart = files_of([incident(1, "woman-a"), orders])
    assert orders.id not in {fact.id for fact in apart[A].facts}
    file = files_of([incident(1, "woman-a"), orders, AB])[A]
    (order,) = register(file).orders.values()
    assert order.protects == {"CR1/party/1"}
    assert AB.id in file.grounds(orders)
