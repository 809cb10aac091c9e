"""A later assessment that raises the risk: those told under the lower route hear that a higher one serves her."""

import pytest

from schemas.police_incidents.v1 import Grade, RiskTool, SupportReferral
from services.casefile.judge import look
from services.casefile.reasons import Reason
from services.casefile.reconcile import remember
from services.incidents.rules import RULES
from tests import builders as b

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
    first = look([b.linked_file(incident)], {}, RULES, policy, b.NOON, b.NOON)
    told = {notice.key: notice for notice in first.notices}
    assert rule in {key.rule for key in told}
    second = look([b.linked_file(incident, assessed)], remember({}, first), RULES, policy, b.NOON, b.NOON)
    assert second.unexplained == ()
    closed = [n for n in second.notices if n.key.rule == rule]
    assert closed
    assert {(n.state, n.reason) for n in closed} == {("closed", Reason.SERVED_BY_HIGHER_ROUTE)}
