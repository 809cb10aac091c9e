"""When somebody else stands at a place: what was told of the one before is taken back, the other is told of as new."""

from dataclasses import replace
from typing import Any

import pytest

from schemas.agency_responses.v1 import Accepted
from schemas.police_incidents.v1 import Grade
from services.platform.domain.core.escalation import MANAGER, OUTDATED, STRATEGIC
from services.platform.domain.core.facts import Fact, Key
from services.platform.domain.core.reasons import Reason
from tests.support import builders as b
from tests.unit.domain.small import D, H, World
from tests.unit.domain.test_real_rules import POLICY, SERVICES

LARKMEAD = Key("high_risk", b.VICTIM, "idva-larkmead")
DOWNLAND = LARKMEAD._replace(agency="idva-downland")
DAIT = LARKMEAD._replace(agency="dait-54")
WRONG: dict[str, Any] = {"name": "Wanda Wrongtest", "residence": b.residence(la_code="866")}
RIGHT: dict[str, Any] = {"name": "Rita Righttest", "residence": b.residence(la_code="865"), "record": b.record("right")}


def incident(version: int, victim: dict[str, Any], **over: Any) -> Fact:
    return b.fact(b.incident(parties=(b.victim(**victim), b.suspect()), **over), version=version)


def life() -> World:
    return World(POLICY, SERVICES["incidents"])


def names_of_her(world: World, agency: str) -> set[Any]:
    said = {line[:3] for n in world.sent if n.key.agency == agency for line in n.content}
    return {value for what, about, value in said if (what, about) == ("parties.name", b.VICTIM)}


def test_after_eighteen_silent_hours_the_wrong_womans_service_reads_nothing_of_the_right_one() -> None:
    world = life()
    world.evaluate(incident(1, WRONG), now=b.NOON)
    for hours in (6, 12, 18):
        world.evaluate(now=b.NOON + hours * H)
    delivered = {key for key in world.delivered if key.agency == "idva-larkmead"}
    assert {key.rule for key in delivered} >= {"high_risk", MANAGER, STRATEGIC}  # desk, manager, strategic contact
    sent = world.evaluate(incident(2, RIGHT, risk=b.risk(Grade.HIGH, tick_count=17)), now=b.NOON + 18.5 * H)
    assert names_of_her(world, "idva-larkmead") == {"Wanda Wrongtest"}
    theirs = [n for n in sent if n.key.agency == "idva-larkmead"]
    assert {n.key for n in theirs} >= delivered
    assert {(n.kind, n.state, n.content, n.reason) for n in theirs} == {
        ("correct", "withdrawn", (), Reason.ANOTHER_PERSON)
    }
    anew = world.delivered[DOWNLAND]
    assert (anew.kind, anew.state, anew.reason, anew.first_told_at) == (
        "notify",
        "live",
        Reason.ANOTHER_PERSON,
        b.NOON + 18.5 * H,
    )


def test_whoever_took_on_the_wrong_woman_has_not_taken_on_the_right_one() -> None:
    world = life()
    world.evaluate(incident(1, WRONG), now=b.NOON)
    world.answer(Accepted, LARKMEAD, b.NOON + H)
    world.evaluate(now=b.NOON + H)
    world.evaluate(incident(2, RIGHT), now=b.NOON + 2 * H)
    assert {asked.met_by for asked in world.delivered[DOWNLAND].asks} == {None}
    assert world.delivered[LARKMEAD].state == "withdrawn"


def test_an_agency_that_serves_both_is_told_of_the_other_as_new_and_that_it_replaces_what_it_heard() -> None:
    world = life()
    world.evaluate(incident(1, WRONG), now=b.NOON)
    world.answer(Accepted, DAIT, b.NOON + H)
    world.evaluate(now=b.NOON + H)
    world.evaluate(incident(2, RIGHT), now=b.NOON + 2 * H)
    delivered = world.delivered[DAIT]
    assert (delivered.kind, delivered.reason, delivered.revision) == ("notify", Reason.ANOTHER_PERSON, 2)
    assert {asked.met_by for asked in delivered.asks} == {None}
    assert {asked.since for asked in delivered.asks} == {b.NOON + 2 * H}
    world.evaluate(incident(3, {**RIGHT, "name": "Rita Righttested"}), now=b.NOON + 3 * H)
    assert (world.delivered[DAIT].kind, world.delivered[DAIT].reason) == ("update", None)


def test_what_is_known_of_her_later_does_not_make_her_another() -> None:
    world = life()
    world.evaluate(incident(1, {**RIGHT, "record": None}), now=b.NOON)
    world.evaluate(incident(2, RIGHT), now=b.NOON + H)
    world.evaluate(incident(3, {**RIGHT, "name": "Rita Married-Righttest"}), now=b.NOON + 2 * H)
    assert not [n for n in world.sent if n.kind == "correct" or n.reason]


def test_a_merge_and_its_end_make_nobody_another() -> None:
    world = life()
    merge = b.fact(b.merged("right", "victim-1"), version=1)
    world.evaluate(incident(1, RIGHT), now=b.NOON)
    world.evaluate(merge, now=b.NOON + H)
    world.evaluate(b.withdrawal(merge), now=b.NOON + 2 * H)
    assert not [n for n in world.sent if n.reason == Reason.ANOTHER_PERSON]


def test_within_records_that_are_one_a_place_may_move() -> None:
    world = life()
    world.evaluate(incident(1, RIGHT), b.fact(b.merged("right", "victim-1"), version=1), now=b.NOON)
    world.evaluate(incident(2, {**RIGHT, "record": b.record("victim-1")}), now=b.NOON + H)
    assert not [n for n in world.sent if n.reason == Reason.ANOTHER_PERSON]


@pytest.mark.parametrize("born", [{}, {"date_of_birth": b.TODAY.replace(year=1990)}])
def test_without_records_she_is_another_where_nothing_that_is_known_of_her_is_the_same(born: dict[str, Any]) -> None:
    world = life()
    world.evaluate(incident(1, {**WRONG, "record": None, **born}), now=b.NOON)
    world.answer(Accepted, LARKMEAD, b.NOON + H)
    world.evaluate(now=b.NOON + H)
    world.evaluate(incident(2, {**RIGHT, "record": None}), now=b.NOON + 2 * H)
    assert (world.delivered[LARKMEAD].kind, world.delivered[LARKMEAD].reason) == ("correct", Reason.ANOTHER_PERSON)
    assert {asked.met_by for asked in world.delivered[DOWNLAND].asks} == {None}


def test_what_had_ended_is_taken_back_too() -> None:
    world = life()
    world.evaluate(incident(1, WRONG), now=b.NOON)
    for hours in (6, 12, 18):
        world.evaluate(now=b.NOON + hours * H)
    world.answer(Accepted, LARKMEAD, b.NOON + 19 * H)
    world.evaluate(now=b.NOON + 19 * H)
    closed = {key for key, n in world.delivered.items() if n.state == "closed"}
    assert closed
    world.evaluate(incident(2, RIGHT), now=b.NOON + 2 * D)
    assert {world.delivered[key].state for key in closed} <= {"withdrawn", "live"}
    assert not {world.delivered[key].content for key in closed if world.delivered[key].state == "withdrawn"} - {()}


BORN = b.TODAY.replace(year=1990)
ANOTHER_RECORD = {"record": b.record("entered-twice")}


def is_told_of_another(before: dict[str, Any], after: dict[str, Any], *between: dict[str, Any]) -> bool:
    """Whether what was told of her is taken back once her place in the incident is restated."""
    world = life()
    for version, stated in enumerate((before, *between, after), 1):
        world.evaluate(incident(version, stated), now=b.NOON + version * H)
    return any(n.reason == Reason.ANOTHER_PERSON for n in world.sent)


def test_two_records_of_one_name_and_one_date_of_birth_are_told_of_once() -> None:
    known = {**RIGHT, "date_of_birth": BORN}
    assert not is_told_of_another(known, {**known, **ANOTHER_RECORD})
    assert not is_told_of_another(known, {**known, **ANOTHER_RECORD, "name": "RITA Anne Righttest"})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),  # a name alone is many people's
        ({"date_of_birth": BORN}, {}),
        ({"date_of_birth": BORN}, {"date_of_birth": b.TODAY.replace(year=1961)}),  # her mother
        ({"date_of_birth": BORN}, {"date_of_birth": BORN, "name": "Ruth Righttest"}),  # her twin
    ],
)
def test_with_another_record_she_is_another_unless_name_and_date_of_birth_say_that_she_is_not(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert is_told_of_another({**RIGHT, **before}, {**RIGHT, **after, **ANOTHER_RECORD})


@pytest.mark.parametrize("record", [None, b.record("right")])
@pytest.mark.parametrize(
    "mended", ["Ritta Rigttest", "RITA RIGHTTEST", "Righttest, Rita", "Ríta Righttést", "Rita-Righttest"]
)
def test_a_name_whose_spelling_is_mended_makes_her_no_other(record: Any, mended: str) -> None:
    assert not is_told_of_another({**RIGHT, "record": None}, {**RIGHT, "record": record, "name": mended})
    assert not is_told_of_another({**RIGHT, "record": None, "name": mended}, {**RIGHT, "record": record})


def test_a_record_that_is_left_out_in_between_is_still_known() -> None:
    unknown = {**RIGHT, "record": None, "name": "Rita Newly-Righttest"}
    assert is_told_of_another(RIGHT, {**RIGHT, **ANOTHER_RECORD}, unknown)
    assert not is_told_of_another(RIGHT, RIGHT, unknown)


def test_what_was_read_back_from_the_topics_is_told_once_and_known_to_be_of_her_from_then_on() -> None:
    world = life()
    first = incident(1, WRONG)
    world.evaluate(first, now=b.NOON)
    world.delivered = {key: replace(notification, whom=None) for key, notification in world.delivered.items()}
    assert world.evaluate(first, now=b.NOON + H) == []
    world.evaluate(incident(2, RIGHT), now=b.NOON + 2 * H)
    assert world.delivered[DAIT].reason == Reason.ANOTHER_PERSON


def test_a_reply_to_an_answer_is_about_that_answer_whoever_stands_at_the_place() -> None:
    world = life()
    world.evaluate(incident(1, WRONG), now=b.NOON)
    world.evaluate(incident(2, RIGHT), now=b.NOON + H)
    world.answer(Accepted, DAIT, b.NOON + 2 * H, revision=1)
    (reply,) = world.evaluate(now=b.NOON + 2 * H)
    assert (reply.key.rule, reply.kind) == (OUTDATED, "notify")
    world.evaluate(incident(3, WRONG), now=b.NOON + 3 * H)
    assert [n for n in world.sent if n.key == reply.key] == [reply]
