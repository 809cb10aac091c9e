"""The verifier is verified: whatever is taken away, changed or added, it says which."""

import json
from datetime import UTC, datetime
from typing import Any

from services.ops.serving import SERVICES
from tests.broker.relay import shipped_policy
from tests.chaos.load import load
from tests.chaos.verifier import expected, verify

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ITEM = {"what": "risk.grade", "about": "CR1/party/1", "value": "high", "basis": "assessed"}
KEY = ("high_risk", "CR1/party/1", "idva-larkmead")


def notification(revision: int = 1, **over: Any) -> dict[str, Any]:
    said = {
        "notification": f"n{revision}",
        "rule": KEY[0],
        "subject": KEY[1],
        "agency": KEY[2],
        "revision": revision,
        "kind": "notify" if revision == 1 else "update",
        "state": "live",
        "matter": [ITEM],
        "asks": [{"ask": "accept"}],
    }
    return said | over


HELD = {KEY: json.dumps([[json.dumps(ITEM, sort_keys=True)], ["accept"]])}


def test_what_is_as_it_must_be_is_clean_and_delivered_again_it_still_is() -> None:
    assert verify(HELD, [notification(), notification()]).clean


def test_a_notification_that_is_missing_is_lost() -> None:
    assert verify(HELD, []).lost == [f"{KEY} is not held"]


def test_a_revision_that_is_missing_is_lost() -> None:
    assert verify(HELD, [notification(2)]).lost == [f"{KEY} revision 1 was never published"]


def test_one_id_with_two_contents_is_twice() -> None:
    assert verify(HELD, [notification(), notification(late=True)]).twice == ["notification n1 has two contents"]


def test_one_revision_under_two_ids_is_twice() -> None:
    verdict = verify(HELD, [notification(), notification(notification="other")])
    assert verdict.twice == [f"{KEY} revision 1 was issued under two ids"]


def test_telling_anew_what_is_held_is_twice() -> None:
    assert verify(HELD, [notification(), notification(2, kind="notify")]).twice


def test_other_content_is_wrong() -> None:
    assert verify(HELD, [notification(matter=[])]).wrong == [f"{KEY} is held with other content"]


def test_something_that_nobody_should_hold_is_wrong() -> None:
    assert verify({}, [notification()]).wrong == [f"{KEY} is held and should not be"]


def test_what_is_closed_is_not_held() -> None:
    assert verify({}, [notification(), notification(2, kind="close", state="closed")]).clean


def test_the_load_makes_every_service_that_tells_hold_something_and_its_order_changes_nothing() -> None:
    events = load(1, 40, NOW)
    services = tuple(SERVICES.values())
    held = expected(events, services, shipped_policy(), NOW)
    rules = {rule.name: service.name for service in services for rule in service.rules}
    assert {rules[rule] for rule, _, _ in held} == {"incidents", "convictions", "order_variations"}
    assert held == expected(reversed(events), services, shipped_policy(), NOW)
