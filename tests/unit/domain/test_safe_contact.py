"""Who may do without the line on safe contact: by the newest that is known of her, and only with that sender."""

from datetime import datetime
from typing import Any

import pytest

from services.platform.domain.core.facts import Fact, Key
from tests.support import builders as b
from tests.unit.domain.small import RULES, D, H, World

NEXT_ABLE = Key("high_risk", b.VICTIM, "south-idva")  # asked when the first has been silent for three hours
RECORDED: dict[str, Any] = {}
NONE: dict[str, Any] = {"safe_contact": "none", "safe_contact_recorded_on": None}
UNKNOWN: dict[str, Any] = {"safe_contact": "unknown", "safe_contact_recorded_on": None}
SOMEBODY = b.record("somebody-else")


def line_is_said(*incidents: Fact) -> bool:
    world = World(rules=RULES[:1])
    world.evaluate(*incidents, now=b.NOON)
    world.evaluate(now=b.NOON + 18 * H)
    return "safe_contact" in world.delivered[NEXT_ABLE].texts


def first(**over: Any) -> Fact:
    return b.fact(b.incident(**over))


def another(reported_at: datetime = b.NOON + H, **over: Any) -> Fact:
    said: dict[str, Any] = {"safe_contact_recorded_on": b.TODAY, **over}
    return b.fact(b.incident("CR2", reported_at=reported_at, **said), at=b.NOON)


@pytest.mark.parametrize(
    ("before", "since", "said"),
    [(RECORDED, RECORDED, False), (RECORDED, NONE, True), (RECORDED, UNKNOWN, True), (NONE, RECORDED, False)],
)
def test_her_newest_incident_decides_whichever_the_notification_is_about(
    before: dict[str, Any], since: dict[str, Any], *, said: bool
) -> None:
    assert line_is_said(first(**before), another(**since)) is said


def test_an_older_incident_does_not() -> None:
    assert not line_is_said(first(), another(b.NOON - 20 * D, **NONE))
    assert line_is_said(first(**NONE), another(b.NOON - 20 * D, **RECORDED))


def test_what_another_force_has_recorded_is_not_with_this_sender() -> None:
    assert line_is_said(first(), another(force_code="53"))


def test_an_incident_at_which_she_is_the_suspect_says_nothing_of_her() -> None:
    parties = (b.victim(record=SOMEBODY), b.suspect(record=b.record("victim-1")))
    assert not line_is_said(first(), another(parties=parties, **NONE))


def test_of_two_victims_each_must_be_safe_to_reach() -> None:
    parties = (b.victim(record=SOMEBODY), b.suspect(), b.victim(3, record=b.record("victim-1")))
    hers = b.fact(b.incident("CR3", reported_at=b.NOON + 2 * H, safe_contact_recorded_on=b.TODAY), at=b.NOON)
    assert line_is_said(
        first(parties=(b.victim(), b.suspect(), b.victim(3, record=SOMEBODY))), another(parties=parties, **NONE), hers
    )
