"""What is sent when something changes, ends, falls or is merely gone; and what is remembered without being sent."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from schemas.agency_responses.v1 import Declined
from schemas.classes import DataClass
from schemas.police_incidents.v1 import AbuseType, Grade, IncidentReported
from services.platform.domain.core.duties import Statement
from services.platform.domain.core.facts import CaseFile, Fact, Key
from services.platform.domain.core.matter import derived
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.core.stating import owed
from services.platform.policy.model import Within
from services.platform.policy.policy import Policy, PolicySet
from tests.support import builders as b
from tests.unit.domain.small import (
    AGENCIES,
    POLICY,
    ROUTES,
    RULES,
    D,
    H,
    World,
    agency,
    areas,
    charge_review,
    declared,
    said,
)

IDVA = Key("high_risk", b.VICTIM, "north-idva")
DAIT = IDVA._replace(agency="north-dait")
NO_CHARGE = Key("no_charge", b.VICTIM, "north-dait")
REVIEW = Key("charge_review", b.VICTIM, "north-dait")
SCHOOL = Key("child_told", b.CHILD, "first-school")


def incident(version: int = 1, **over: Any) -> Fact:
    return b.fact(b.incident(**over), version=version)


def of(*names: str) -> tuple[Rule, ...]:
    return tuple(rule for rule in RULES if rule.name in names)


def test_a_change_that_an_agency_may_not_see_is_remembered_and_not_sent() -> None:
    world = World(rules=of("high_risk"))
    world.evaluate(incident(), now=b.NOON)
    amended = incident(2, circumstances="a quarrel about money")
    assert said(world.evaluate(amended, now=b.NOON)) == [("update", "high_risk", "north-dait")]
    assert world.delivered[IDVA].grounds == (amended.id,)
    assert world.delivered[IDVA].revision == 1


def test_an_update_names_what_differs_from_the_revision_before_as_far_as_its_agency_sees_it() -> None:
    world = World(rules=of("high_risk"))
    world.evaluate(incident(), now=b.NOON)
    world.evaluate(incident(2, abuse_types=(AbuseType.ECONOMIC,), circumstances="a quarrel"), now=b.NOON)
    assert world.delivered[DAIT].changed == ("circumstances", "abuse_types", "asks")
    assert world.delivered[IDVA].changed == ("abuse_types", "asks")
    world.evaluate(now=b.NOON + 12 * H)
    assert {one.kind: one.changed for one in world.sent} == {
        "notify": (),
        "update": ("circumstances", "abuse_types", "asks"),
        "remind": (),
    }
    (taken_back, *_) = world.evaluate(b.withdrawal(incident(), version=3), now=b.NOON + 12 * H)
    assert taken_back.changed == ()


def test_what_was_silently_carried_over_is_corrected_when_it_falls_and_unexplained_when_its_rule_is_lost() -> None:
    world = World(rules=of("high_risk"))
    world.evaluate(incident(), now=b.NOON)
    world.evaluate(incident(2, circumstances="a quarrel about money"), now=b.NOON)
    world.rules = ()
    assert world.evaluate(now=b.NOON) == []
    assert world.unexplained == {IDVA, DAIT}
    world.rules = of("high_risk")
    assert said(world.evaluate(b.withdrawal(incident(), version=3), now=b.NOON)) == [
        ("correct", "high_risk", "north-dait"),
        ("correct", "high_risk", "north-idva"),
    ]


def test_an_absence_is_told_after_its_settling_time_and_closed_by_the_fact_that_was_missing() -> None:
    world = World(rules=of("no_charge"))
    assert world.evaluate(incident(), now=b.NOON) == []
    assert world.again == b.NOON + 2 * H
    assert said(world.evaluate(now=b.NOON + 2 * H)) == [("notify", "no_charge", "north-dait")]
    charge = b.fact(b.charge(), at=b.NOON + 3 * H)
    (closed,) = world.evaluate(charge, now=b.NOON + 3 * H)
    assert (closed.kind, closed.state, closed.reason) == ("close", "closed", Reason.MET)
    assert charge.id in closed.grounds


def test_an_absence_is_held_back_until_the_streams_have_been_read_so_far() -> None:
    world = World(rules=of("no_charge"))
    world.read_to = b.NOON + H
    assert world.evaluate(incident(), now=b.NOON + 5 * H) == []
    assert {one.held_back_until for one in world.evaluations} == {None, b.NOON + 2 * H}
    world.read_to = b.NOON + 2 * H
    assert said(world.evaluate(now=b.NOON + 5 * H)) == [("notify", "no_charge", "north-dait")]


def test_what_ended_before_anybody_was_told_is_withheld_with_that_reason() -> None:
    world = World(rules=of("no_charge", "charge_review"))
    charge = b.fact(b.charge())
    assert world.evaluate(incident(), charge, now=b.NOON + 57 * D) == []
    assert world.withheld == {NO_CHARGE: Reason.MET_BEFORE_DELIVERY, REVIEW: Reason.LAPSED_BEFORE_DELIVERY}


def test_reminders_that_were_missed_come_as_one_and_the_last_day_closes() -> None:
    world = World(rules=of("charge_review"))
    world.evaluate(incident(), b.fact(b.charge()), now=b.NOON)
    assert said(world.evaluate(now=b.NOON + 50 * D)) == [("remind", "charge_review", "north-dait")]
    assert world.evaluate(now=b.NOON + 51 * D) == []
    (closed,) = world.evaluate(now=b.NOON + 56 * D)
    assert (closed.kind, closed.reason) == ("close", Reason.LAPSED)
    assert world.again is None


def test_what_opens_again_is_told_again_from_a_fresh_start() -> None:
    world = World(rules=of("no_charge"))
    charge = b.fact(b.charge())
    world.evaluate(incident(), now=b.NOON + 2 * H)
    world.evaluate(charge, now=b.NOON + 3 * H)
    (again,) = world.evaluate(b.withdrawal(charge), now=b.NOON + 4 * H)
    assert (again.kind, again.revision, again.first_told_at) == ("notify", 3, b.NOON + 4 * H)


def test_a_closed_duty_is_corrected_when_what_was_told_proves_wrong_and_not_when_something_is_merely_new() -> None:
    world = World(rules=(declared("charge_review", charge_review),))
    charge = b.fact(b.charge())
    world.evaluate(incident(), charge, now=b.NOON)
    world.evaluate(now=b.NOON + 57 * D)
    assert world.evaluate(incident(2, circumstances="a quarrel"), now=b.NOON + 58 * D) == []
    other = b.fact(b.charge(references=b.references(urn="54DC9999926")), subject=charge.subject, version=2)
    (corrected,) = world.evaluate(other, now=b.NOON + 59 * D)
    assert (corrected.kind, corrected.state, corrected.reason) == ("correct", "closed", Reason.GROUND_CHANGED)


def test_a_service_that_declined_hears_what_no_longer_holds_and_nothing_that_is_new() -> None:
    world = World(rules=of("high_risk"))
    world.evaluate(incident(), now=b.NOON)
    world.answer(Declined, DAIT, b.NOON)
    world.evaluate(now=b.NOON)
    before = world.delivered[DAIT].content
    amended = incident(2, parties=(b.victim(name="Vera Corrected"), b.suspect()), circumstances="a quarrel")
    world.evaluate(amended, now=b.NOON + H)
    corrected = world.delivered[DAIT]
    assert (corrected.kind, corrected.state, corrected.reason) == ("correct", "closed", Reason.GROUND_CHANGED)
    assert corrected.content == tuple(line for line in before if line[0] not in ("parties.name", "circumstances"))
    assert corrected.content


def test_a_service_that_declined_hears_of_no_further_value_beside_those_that_it_was_told() -> None:
    world = World(rules=(declared("high_risk", all_that_happened),))
    world.evaluate(incident(circumstances="a quarrel"), now=b.NOON)
    world.answer(Declined, DAIT, b.NOON)
    world.evaluate(now=b.NOON)
    another = b.fact(b.incident("CR2", circumstances="a blow", reported_at=b.NOON + H))
    world.evaluate(another, now=b.NOON + H)
    assert world.delivered[DAIT].kind == "close"
    world.evaluate(incident(2, circumstances="a threat"), now=b.NOON + 2 * H)
    corrected = world.delivered[DAIT]
    assert (corrected.kind, [line[0] for line in corrected.content]) == ("correct", ["sender.force"])


def all_that_happened(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """One duty about the first incident, with a value of one thing from each that follows."""
    if b.VICTIM not in file.own_places:
        return
    first, *_ = found = sorted(file.of(IncidentReported), key=lambda known: known[1].reported_at)
    yield from owed(
        file,
        policy,
        rule="high_risk",
        subject=b.VICTIM,
        person=b.VICTIM,
        areas=areas(first[1]),
        on=first[0].at.date(),
        recorded_at=first[0].at,
        grounds=tuple(fact for fact, _ in found),
        matter=tuple(item for _, one in found for item in derived("happened", one.circumstances, DataClass.R)),
    )


def test_what_closes_or_corrects_has_only_the_words_that_ask_for_nothing() -> None:
    invites = replace(POLICY, routes=(ROUTES[0].model_copy(update={"texts": ("restricted_file",)}), *ROUTES[1:]))
    world = World(invites, rules=of("high_risk"))
    world.evaluate(incident(), now=b.NOON)
    assert "restricted_file" in world.delivered[IDVA].texts
    world.answer(Declined, IDVA, b.NOON)
    world.evaluate(now=b.NOON)
    assert world.delivered[IDVA].kind == "close"
    careful = {"not_for_emergencies", "safe_contact"}
    assert world.delivered[IDVA].content
    assert set(world.delivered[IDVA].texts) == careful
    world.evaluate(b.withdrawal(incident(), version=3), now=b.NOON + H)
    assert (world.delivered[IDVA].kind, set(world.delivered[IDVA].texts)) == ("correct", careful)


def test_a_reminder_says_no_more_than_its_agency_may_see_by_then() -> None:
    world = World(rules=of("charge_review"))
    world.evaluate(incident(), b.fact(b.charge()), now=b.NOON)
    assert world.delivered[REVIEW].content
    blind = tuple(kind.model_copy(update={"grants": ()}) if kind.kind == "dait" else kind for kind in POLICY.kinds)
    world.policy = replace(POLICY, kinds=blind)
    (reminded,) = world.evaluate(now=b.NOON + 20 * D)
    assert (reminded.kind, reminded.content) == ("remind", ())


def test_a_duty_that_is_withheld_after_an_amendment_corrects_those_who_were_told_of_it() -> None:
    world = World(rules=of("high_risk"))
    world.evaluate(incident(), now=b.NOON)
    sent = world.evaluate(incident(2, risk=b.risk(Grade.STANDARD)), now=b.NOON)
    assert {(n.kind, n.state, n.reason) for n in sent} == {("correct", "withdrawn", Reason.BELOW_THRESHOLD)}
    assert set(world.withheld) == {IDVA, DAIT}


def test_what_arose_before_go_live_is_withheld_and_what_arises_after_is_told() -> None:
    world = World(rules=of("high_risk"))
    before = b.NOON.replace(year=2023)
    world.evaluate(incident(occurred_at=before, reported_at=before), now=b.NOON)
    assert set(world.withheld.values()) == {Reason.BEFORE_GO_LIVE}
    assert world.sent == []


def served_by(*agencies: object) -> PolicySet:
    return replace(POLICY, agencies=(*AGENCIES, *agencies))  # type: ignore[arg-type]


def test_an_agency_that_begins_to_serve_is_told_and_the_one_before_it_hears_that_it_has_moved() -> None:
    begins = b.NOON + 5 * D
    world = World(served_by(agency("new-school", "dsl", schools={"900009"}, begins=begins)), of("child_told"))
    linked = b.fact(b.children(b.CRIME, b.child(school_urns=("900009",))))
    assert said(world.evaluate(incident(), linked, now=b.NOON)) == [("notify", "child_told", "north-education")]
    assert world.again == begins
    assert said(world.evaluate(now=begins)) == [
        ("close", "child_told", "north-education"),
        ("notify", "child_told", "new-school"),
    ]
    assert world.delivered[SCHOOL._replace(agency="north-education")].reason == Reason.SUPERSEDED
    assert not world.unexplained


def test_an_agency_that_ends_is_closed_and_the_one_that_takes_over_is_told() -> None:
    ends = b.NOON + 5 * D
    old = agency("old-idva", "idva", las={"902"}, ends=ends)
    world = World(served_by(old), of("high_risk"))
    lives = b.victim(residence=b.residence(la_code="902"))
    world.evaluate(incident(parties=(lives, b.suspect())), now=b.NOON)
    assert IDVA._replace(agency="old-idva") in world.delivered
    world.evaluate(now=ends)
    assert world.delivered[IDVA._replace(agency="old-idva")].reason == Reason.SUPERSEDED
    assert world.delivered[IDVA].state == "live"
    assert not world.unexplained


def test_policy_that_changes_says_nothing_about_what_was_told() -> None:
    world = World(rules=of("high_risk"))
    world.evaluate(incident(), now=b.NOON)
    quicker = (ROUTES[0].model_copy(update={"within": Within(minutes=5), "urgency": "routine"}), *ROUTES[1:])
    world.policy = replace(POLICY, routes=quicker)
    assert world.evaluate(now=b.NOON) == []


def test_a_source_whose_clock_runs_ahead_delays_nobody() -> None:
    world = World(rules=of("high_risk"))
    ahead = b.fact(b.incident(), at=b.NOON + H)
    assert len(world.evaluate(ahead, now=b.NOON)) == 2
