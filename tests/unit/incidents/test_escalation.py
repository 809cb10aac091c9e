"""Escalation: when it is reached, by whom, at which incident, and what merely adds to it."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.police_incidents.v1 import AbuseType
from schemas.values import Relationship
from services.incidents.counts import counted, newest_of_each_count, thresholds_reached
from services.incidents.escalation import escalation
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.reasons import Reason
from tests.support import builders as b
from tests.support.steps import steps
from tests.unit.incidents.seen import matter, owed, withheld

DAY = timedelta(days=1)


def callout(crime: str, day: int, **over: object) -> Fact:
    return b.fact(b.incident(crime, **{"reported_at": b.NOON + day * DAY, **over}))


def hers(*facts: Fact) -> CaseFile:
    return b.case_file(*facts, of=f"{facts[0].subject}/party/1")


def reached(*facts: Fact) -> set[str]:
    """The subjects of all that is owed."""
    return {s.key.subject for s in escalation(hers(*facts), b.policy()) if not hasattr(s, "reason")}


def test_the_third_in_twelve_months_is_reviewed_by_the_dait_within_a_day() -> None:
    first, second, third = callout("A", 0), callout("B", 100), callout("C", 200)
    duty = owed(escalation, hers(first, second, third))["dait-54"]
    assert duty.key.subject == "C/party/1"
    assert duty.grounds == tuple(sorted(fact.id for fact in (first, second, third)))
    assert [(ask.ask, ask.by) for ask in duty.asks] == [("decide", b.NOON + 201 * DAY)]
    said = matter(duty)
    assert (said["count.incidents"], said["count.months"]) == (3, 12)
    assert said["count.crime_references"] == ("A", "B", "C")


def test_two_are_below_the_count() -> None:
    assert withheld(escalation, hers(callout("A", 0), callout("B", 1))) == {"dait-54": Reason.BELOW_COUNT}


def test_a_third_after_the_window_has_run_out_is_below_the_count() -> None:
    # Twelve months beginning with 2 March 2026 end with 1 March 2027.
    assert reached(callout("A", 0), callout("B", 100), callout("C", 364)) == {"C/party/1"}
    assert not reached(callout("A", 0), callout("B", 100), callout("C", 365))


def test_what_follows_in_the_window_adds_to_the_same_duty() -> None:
    facts = [callout(crime, day) for crime, day in (("A", 0), ("B", 1), ("C", 2), ("D", 300))]
    assert reached(*facts) == {"C/party/1"}
    assert matter(owed(escalation, hers(*facts))["dait-54"])["count.incidents"] == 4


def test_what_reaches_it_anew_after_that_window_is_another_duty() -> None:
    days = (("A", 0), ("B", 1), ("C", 2), ("D", 300), ("E", 340), ("F", 400))
    assert reached(*(callout(crime, day) for crime, day in days)) == {"C/party/1", "F/party/1"}


def test_an_area_that_looks_after_four_waits_for_the_fourth() -> None:
    three = [callout(crime, day, force_code="53") for crime, day in (("A", 0), ("B", 1), ("C", 2))]
    assert not reached(*three)
    assert reached(*three, callout("D", 3, force_code="53")) == {"D/party/1"}


def test_one_incident_log_counts_once() -> None:
    assert not reached(callout("A", 0), callout("B", 1, incident_log="LOG-A"), callout("C", 2))


def test_a_historic_disclosure_does_not_count_and_says_so() -> None:
    file = hers(callout("A", 0), callout("B", 1), callout("C", 2, historic=True))
    stated = {s.key.subject: getattr(s, "reason", None) for s in escalation(file, b.policy())}
    assert stated == {"A/party/1": "below_count", "B/party/1": "below_count", "C/party/1": "historic"}


def test_another_suspect_is_another_pair() -> None:
    other = b.suspect(record=b.record("somebody-else"))
    assert not reached(callout("A", 0), callout("B", 1), callout("C", 2, parties=(b.victim(), other)))


def test_the_same_suspect_under_another_number_is_the_same_pair() -> None:
    parties = b.victim(relationships=(b.connection(5),)), b.suspect(5, record=b.record("suspect-2"))
    assert reached(callout("A", 0), callout("B", 1), callout("C", 2, parties=parties)) == {"C/party/1"}


def test_two_suspects_who_reach_it_at_once_are_one_duty() -> None:
    both = (b.victim(), b.suspect(), b.suspect(3))
    facts = [callout(crime, day, parties=both) for crime, day in (("A", 0), ("B", 1), ("C", 2))]
    duty = owed(escalation, hers(*facts))["dait-54"]
    counts = {item.about: item.value for item in duty.matter if item.what == "count.incidents"}
    assert counts == {"C/party/2": 3, "C/party/3": 3}


def test_strangers_do_not_count() -> None:
    apart = b.victim(relationships=(b.connection(2, Relationship.NOT_CONNECTED),)), b.suspect(relationships=())
    assert not reached(callout("A", 0), callout("B", 1), callout("C", 2, parties=apart))


def test_a_count_that_rests_on_an_incident_held_for_a_specialist_waits_with_it() -> None:
    facts = callout("A", 0, abuse_types=(AbuseType.HBA,)), callout("B", 1), callout("C", 2)
    stated = {s.key.subject: getattr(s, "reason", None) for s in escalation(hers(*facts), b.policy())}
    assert stated["C/party/1"] == "honour_based_abuse"


@pytest.mark.parametrize("day", [-1, 1, 3], ids=["before", "between", "after"])
def test_one_that_is_held_for_a_specialist_ends_no_review_that_was_told_and_is_not_named_in_it(day: int) -> None:
    facts = [callout(crime, n) for n, crime in enumerate(("A", "B", "C"))]
    held = callout("X", day, primary_perpetrator="unresolved")
    assert owed(escalation, hers(*facts, held)) == owed(escalation, hers(*facts))
    stated = {s.key.subject: getattr(s, "reason", None) for s in escalation(hers(*facts, held), b.policy())}
    assert stated["X/party/1"] == Reason.ROLES_UNRESOLVED


def test_three_beside_one_that_is_held_for_a_specialist_are_reviewed() -> None:
    held = callout("X", 0, abuse_types=(AbuseType.HBA,))
    assert reached(held, callout("A", 1), callout("B", 2), callout("C", 3)) == {"C/party/1"}


def test_an_earlier_one_that_arrives_late_is_in_its_place() -> None:
    facts = [callout(crime, day) for crime, day in (("A", 0), ("B", 1), ("C", 2), ("D", 3))]
    assert reached(*facts[1:]) == {"D/party/1"}
    assert reached(*facts[1:], facts[0]) == {"C/party/1"}


@settings(max_examples=40)
@given(st.lists(st.integers(0, 800), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(days: list[int], chance: object) -> None:
    facts = [callout(f"C{n}", day) for n, day in enumerate(days)]
    mixed = sorted(facts, key=lambda _: chance.random())  # type: ignore[attr-defined]
    straight = set(escalation(hers(facts[0], *facts[1:]), b.policy()))
    assert set(escalation(b.case_file(*mixed, of="C0/party/1"), b.policy())) == straight


@settings(max_examples=60)
@given(st.lists(st.integers(0, 900), min_size=1, max_size=14))
def test_it_is_reached_exactly_where_three_lie_in_twelve_months_and_none_is_open(days: list[int]) -> None:
    """Against the definition, written out without any cleverness."""
    facts = [callout(f"C{n:02}", day) for n, day in enumerate(days)]
    policy = b.policy()
    window = policy.window("escalation", b.FORCE, b.TODAY)
    ordered = sorted((b.NOON + day * DAY, f"C{n:02}") for n, day in enumerate(days))
    expected: list[tuple[datetime, str]] = []
    for position, (moment, crime) in enumerate(ordered):
        if expected and policy.within_window(window, expected[-1][0], moment):
            continue
        if sum(policy.within_window(window, earlier, moment) for earlier, _ in ordered[: position + 1]) >= window.n:
            expected.append((moment, crime))
    assert reached(*facts) == {f"{crime}/party/1" for _, crime in expected}


@settings(max_examples=60)
@given(st.lists(st.integers(0, 900), min_size=1, max_size=14))
def test_the_newest_that_make_up_a_count_lie_in_one_window(days: list[int]) -> None:
    policy = b.policy()
    each = counted([callout(f"C{n:02}", day) for n, day in enumerate(days)], "child_incidents", policy)
    for those in newest_of_each_count(each, policy):
        assert len(those) == those[-1].window.n
        assert policy.within_window(those[-1].window, those[0].moment, those[-1].moment)


def test_a_file_ten_times_as_long_takes_about_ten_times_as_much() -> None:
    def cost(size: int) -> int:
        file = hers(*(callout(f"C{size:03}{n:04}", n // 4) for n in range(size)))
        return steps(lambda: list(escalation(file, b.policy())))

    cost(10)  # calendars and the like are met once by a process
    assert cost(300) < 1.05 * 10 * cost(30)


def test_every_reached_count_holds_each_incident_once() -> None:
    policy = b.policy()
    incidents = [callout(f"C{n:02}", n * 20) for n in range(30)]
    for found in thresholds_reached(counted(incidents, "escalation", policy), policy):
        ids = [each.fact.id for each in found.all]
        assert len(ids) == len(set(ids))
