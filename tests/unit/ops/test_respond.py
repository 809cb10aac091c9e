"""What people at agencies say back is a fact that the relay accepts, or is refused before it is sent."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.agency_responses.v1 import AttributionConfirmed, Declined, LinkMade
from services.ops.policies import load
from services.ops.respond import built, party_of, respond
from services.ops.subscribe import moment_of, name_of
from services.ops.terminal import UsageError, span
from services.platform.project import PROJECT

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
ID = "5f2b7f0c-6a35-5d0e-9a51-0c5a3d1e9b77"


def test_a_refusal_names_the_notification_and_the_reason() -> None:
    fact = built("uk.agency.declined", "idva-larkmead", "duty-7", AT, notification=ID, reason="no_capacity")
    assert fact.topic == "agency.responses"
    assert fact.received.envelope.subject == ID
    assert isinstance(fact.received.body, Declined)
    assert fact.received.body.reason == "no_capacity"


def test_the_same_answer_at_the_same_time_is_the_same_event() -> None:
    one, other = (built("uk.agency.accepted", "idva-larkmead", "duty-7", AT, notification=ID) for _ in range(2))
    assert one.record == other.record


def test_an_unknown_code_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UsageError, match="no_capacity"):
        built("uk.agency.declined", "idva-larkmead", "duty-7", AT, notification=ID, reason="too_busy")


@pytest.mark.parametrize(
    "notification", [ID[:-1], ID.upper(), "00000000-0000-0000-0000-000000000000", f"{ID[:14]}4{ID[15:]}", "54260012345"]
)
def test_what_cannot_be_a_notification_s_id_is_not_sent(notification: str) -> None:
    with pytest.raises(UsageError, match="Copy the whole of it"):
        respond(notification, "acknowledged", "idva-larkmead", actor="w-17")


def test_an_answer_names_a_person_or_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RELAY_ACTOR", raising=False)
    with pytest.raises(UsageError, match="RELAY_ACTOR"):
        respond(ID, "acknowledged", "idva-larkmead")


@pytest.mark.parametrize(
    ("answer", "options", "said"),
    [
        ("read", {}, "give one of acknowledged, accepted, declined, decided"),
        ("declined", {}, "declined needs --reason, one of: out_of_area, no_capacity"),
        ("decided", {}, "decided needs --decision, one of: order_to_be_sought"),
        ("accepted", {"reason": "no_capacity"}, "accepted takes no --reason"),
        ("declined", {"reason": "no_capacity", "decision": "roles_resolved"}, "declined takes no --decision"),
    ],
)
def test_an_answer_has_what_its_type_requires_and_no_more(answer: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        respond(ID, answer, "idva-larkmead", actor="w-17", **options)


def test_a_link_names_its_parties() -> None:
    fact = built(
        "uk.agency.link-made",
        "dait-54",
        "desk-1",
        AT,
        what="case",
        reference="54DC0012326/2654DC0100000004711B",
        parties=[party_of("54260012345/1"), party_of("54260012345/party/2")],
    )
    assert isinstance(fact.received.body, LinkMade)
    assert [party.place for party in fact.received.body.parties] == ["54260012345/party/1", "54260012345/party/2"]


def test_an_order_may_be_said_to_protect_nobody_known_here() -> None:
    order = "54DC0012326/2654DC0100000004711B/C54SD00/2026-03-02/order/3047"
    fact = built("uk.agency.attribution-confirmed", "dait-54", "desk-1", AT, order=order, protects=[])
    assert isinstance(fact.received.body, AttributionConfirmed)
    assert fact.received.body.protects == ()


@pytest.mark.parametrize("text", ["54260012345", "54260012345/0", "54260012345/party/1000", "a b/1", "/1"])
def test_what_names_no_party_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        party_of(text)


def test_an_unknown_agency_is_answered_with_those_of_similar_names() -> None:
    policies = load(PROJECT / "deploy" / "policy", PROJECT / "deploy" / "agencies")
    assert name_of("idva-larkmead", policies) == "Larkmead IDVA Service"
    with pytest.raises(UsageError, match="idva-larkmead"):
        name_of("idva-larkmeed", policies)
    with pytest.raises(UsageError, match="school-100002"):
        name_of("school", policies)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2d", AT - timedelta(days=2)),
        ("30m", AT - timedelta(minutes=30)),
        ("2026-02-28", datetime(2026, 2, 28, tzinfo=UTC)),
        ("2026-02-28T12:00:00+01:00", datetime(2026, 2, 28, 11, tzinfo=UTC)),
    ],
)
def test_since_is_an_age_a_day_or_a_moment(text: str, moment: datetime) -> None:
    assert moment_of(text, AT) == moment


def test_since_is_nothing_else() -> None:
    with pytest.raises(UsageError, match="2026-03-01"):
        moment_of("yesterday", AT)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (20, "less than a minute"),
        (60, "1 min"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (90000, "1 day 1 h"),
        (2e6, "23 days"),
    ],
)
def test_a_length_of_time_is_said_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert span(seconds) == said
