"""A later assessment: one that raises the risk tells those under a lower route that a higher one serves her; one that
lowers it takes nothing back."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from schemas.police_incidents.v1 import Grade, RiskTool, SupportReferral
from services.incidents.rules import RULES
from services.platform.domain.core.evaluate import evaluate
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.reconcile import remember
from tests.support import builders as b

LOWER = {
    "ask_safely": (SupportReferral.DECLINED, 0),
    "victim_support": (SupportReferral.AGREED, 0),
    "idva_with_consent": (SupportReferral.AGREED, 12),
    "idva_without_consent": (SupportReferral.DECLINED, 15),
}


@pytest.mark.parametrize("rule", LOWER)
def test_each_lower_route_is_closed_and_nothing_is_left_unexplained(rule: str) -> None:
    support, ticks = LOWER[rule]
    policy, risk = b.policy(), b.risk(Grade.MEDIUM, tool=RiskTool.DASH_2009_27, tick_count=ticks)
    parties = (b.victim(residence=b.residence("53", "916")), b.suspect())
    incident = b.fact(b.incident(risk=risk, support_referral=support, parties=parties, force_code="53"))
    assessed = b.fact(b.risk_assessed(risk=b.risk(Grade.HIGH)))
    first = evaluate([b.linked_file(incident)], {}, RULES, policy, b.NOON, b.NOON)
    delivered = {notification.key: notification for notification in first.notifications}
    assert rule in {key.rule for key in delivered}
    second = evaluate([b.linked_file(incident, assessed)], remember({}, first), RULES, policy, b.NOON, b.NOON)
    assert second.unexplained == ()
    closed = [n for n in second.notifications if n.key.rule == rule]
    assert closed
    assert {(n.state, n.reason) for n in closed} == {("closed", Reason.SERVED_BY_HIGHER_ROUTE)}


def test_a_later_and_lower_view_of_the_same_assessor_takes_nothing_back_from_whoever_was_told() -> None:
    policy, month = b.policy(), timedelta(days=30)
    medium, high = b.fact(b.incident(risk=b.risk(Grade.MEDIUM))), b.fact(b.risk_assessed(risk=b.risk(Grade.HIGH)))
    lower = b.fact(
        b.risk_assessed(risk=b.risk(Grade.MEDIUM), lower_because="reviewed", occurred_at=b.NOON + month), version=2
    )
    first = evaluate([b.linked_file(medium, high)], {}, RULES, policy, b.NOON, b.NOON)
    delivered = {key: notification for key, notification in remember({}, first).items() if key.rule == "high_risk"}
    assert {key.agency for key in delivered} == {"idva-larkmead", "marac-larkmead", "dait-54"}
    now = b.NOON + month
    second = evaluate([b.linked_file(medium, high, lower)], delivered, RULES, policy, now, now)
    assert not {n.kind for n in second.notifications if n.key in delivered} & {"close", "correct"}


def test_a_correction_of_a_view_is_the_same_view_and_another_moment_is_another() -> None:
    view = b.risk_assessed(occurred_at=datetime(2026, 7, 1, 0, 30, 15, tzinfo=ZoneInfo("Europe/London")))
    assert view.subject == "CR1/party/1/dait/2026-06-30T23:30:15Z"
    assert view.model_copy(update={"risk": b.risk(Grade.STANDARD)}).subject == view.subject
