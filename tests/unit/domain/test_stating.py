"""A duty as the policy row makes it: recipients, clocks, asks, power, and what is withheld before go-live."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.platform.domain.core.duties import Ask, Duty, LastStep, Statement, Withheld
from services.platform.domain.core.facts import Fact, Key
from services.platform.domain.core.matter import show
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.stating import owed, withheld
from services.platform.policy.model import Areas
from services.platform.policy.policy import Policy
from tests.support import builders as b
from tests.unit.domain.small import GO_LIVE, POLICY, SOURCE, D, H

FACT = b.fact(b.incident())
FILE = b.case_file(FACT, links={FACT.id: ("a-charge",)})
AREAS = Areas(victim=b.residence(), case_force="54")


def state(policy: Policy | None = None, **over: Any) -> list[Statement]:
    fields: dict[str, Any] = {
        "rule": "high_risk",
        "subject": b.VICTIM,
        "person": b.VICTIM,
        "areas": AREAS,
        "on": b.TODAY,
        "recorded_at": b.NOON,
        "grounds": (FACT,),
        "matter": show(FACT, "risk.grade"),
    }
    return list(owed(FILE, policy or POLICY.at(b.NOON), **fields | over))


def duty(**over: Any) -> Duty:
    (one,) = state(only_kinds={"idva"}, **over)
    assert isinstance(one, Duty)
    return one


def test_each_recipient_of_the_route_is_owed_the_matter_under_the_rows_power() -> None:
    assert [statement.key.agency for statement in state()] == ["north-idva", "north-dait"]
    one = duty()
    assert one.key == Key("high_risk", b.VICTIM, "north-idva")
    assert (one.kind, one.urgency) == ("idva", "urgent")
    assert one.last_step == LastStep("north-inspector", "duty_inspector", "duty", "act", ("answer_obtained",))
    assert one.next_able == ("south-idva", "west-idva")
    assert one.asks[0] == Ask("acknowledge", b.NOON + 4 * H, ("accepted", "declined"))
    assert (one.why.source, one.why.policy_version) == (SOURCE, POLICY.version)


def test_it_rests_on_its_facts_and_on_what_links_them_to_the_file() -> None:
    assert set(duty().grounds) == {FACT.id, "a-charge"}


def test_service_levels_run_from_the_record_and_statutory_days_from_the_legal_event() -> None:
    sentenced = b.NOON - 10 * D
    (review,) = state(route="charge_review", rule="charge_review", statutory_from=sentenced)
    assert isinstance(review, Duty)
    assert review.tell_by == b.NOON + timedelta(minutes=15)
    assert [moment.date() for moment in review.remind_at] == [b.TODAY + 4 * D, b.TODAY + 32 * D]


def test_what_rests_on_absence_opens_a_settling_time_after_its_ground() -> None:
    (absence,) = state(route="no_charge", rule="no_charge")
    assert isinstance(absence, Duty)
    assert (absence.settles, absence.opens, absence.arose) == (True, b.NOON + 2 * H, b.NOON + 2 * H)


def test_what_is_known_is_open_and_what_lies_ahead_is_not() -> None:
    assert duty().opens is None
    assert duty(opens=b.NOON + D).opens == b.NOON + D


def test_what_arose_before_go_live_is_withheld_and_an_end_ahead_of_it_is_told() -> None:
    old = GO_LIVE - D
    found = state(recorded_at=old)
    assert [s.reason for s in found if isinstance(s, Withheld)] == [Reason.BEFORE_GO_LIVE] * 2
    assert isinstance(state(recorded_at=old, opens=b.NOON)[0], Duty)


def test_a_school_that_is_not_known_is_served_by_the_desk_that_stands_in_for_it_under_its_own_grants() -> None:
    areas = Areas(child=b.residence(), school_urn="999999", case_force="54")
    (one,) = state(rule="child_told", areas=areas)
    assert isinstance(one, Duty)
    assert (one.kind, one.key.agency, one.why.by_default) == ("la_education", "north-education", True)


def test_the_same_reason_is_withheld_from_each_recipient() -> None:
    policy = POLICY.at(datetime(2026, 1, 1, tzinfo=UTC))
    found = list(
        withheld(
            FILE,
            policy,
            rule="high_risk",
            subject=b.VICTIM,
            areas=AREAS,
            on=b.TODAY,
            grounds=(FACT,),
            reason=Reason.BELOW_THRESHOLD,
        )
    )
    assert [(one.key.agency, one.reason) for one in found] == [
        ("north-idva", Reason.BELOW_THRESHOLD),
        ("north-dait", Reason.BELOW_THRESHOLD),
    ]


def sender(*grounds: Fact) -> list[tuple[str, object]]:
    (one,) = state(only_kinds={"idva"}, grounds=grounds)
    assert isinstance(one, Duty)
    return [(item.what, item.value) for item in one.matter if item.what.startswith("sender.")]


def test_the_police_force_the_court_or_the_agency_that_said_it_is_named() -> None:
    assert sender(FACT) == [("sender.force", "54")]
    assert sender(b.fact(b.hearing()), FACT) == [("sender.court", b.hearing().court_ou)]
    assert sender(b.fact(b.children(stated_by="mash-866"))) == [("sender.agency", "mash-866")]


def test_no_police_force_is_named_for_what_a_court_said() -> None:
    of_no_court = b.application("APP1", references=b.hearing().references.model_copy(update={"court_ou": None}))
    assert sender(b.fact(of_no_court), FACT) == []
