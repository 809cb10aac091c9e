"""Who is told: chosen by whose area it is, found for every area, and as agencies are at the moment of the
evaluation."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values import Residence
from services.platform.policy.clocks import LONDON
from services.platform.policy.model import (
    Agency,
    Areas,
    Chosen,
    Court,
    DayTimes,
    Kind,
    LastStep,
    LocalAuthority,
    Power,
    Recipient,
    Route,
    Within,
)
from services.platform.policy.policy import Policy, PolicySet

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
KINDS = {
    "dait": "case_and_victim",
    "cps": "case",
    "idva": "victim",
    "mash": "child",
    "la_education": "child",
    "probation": "suspect",
    "dsl": "school",
    "refuge": "named",
    "duty_inspector": "victim",
}
DESKS = [{"desk": desk, "name": desk} for desk in ("duty", "manager", "strategic")]


def agency(name: str, kind: str, **over: Any) -> Agency:
    return Agency.model_validate({"id": name, "kind": kind, "name": name, "desks": DESKS, **over})


AGENCIES = (
    agency("north-dait", "dait", forces={"54"}),
    agency("south-dait", "dait", forces={"53"}),
    agency("any-dait", "dait", default=True),
    agency("north-cps", "cps", forces={"54"}, courts={"54"}),
    agency("south-cps", "cps", forces={"53"}, courts={"53"}),
    agency("any-cps", "cps", default=True),
    agency("town-idva", "idva", las={"901"}),
    agency("north-idva", "idva", forces={"54"}),
    agency("second-idva", "idva", able_for={"901", "53"}),
    agency("past-idva", "idva", able_for={"901"}, ends=NOW),
    agency("any-idva", "idva", default=True),
    agency("town-mash", "mash", las={"901"}),
    agency("any-mash", "mash", default=True),
    agency("town-education", "la_education", las={"901"}),
    agency("any-education", "la_education", default=True),
    agency("any-probation", "probation", default=True),
    agency("first-school", "dsl", schools={"900001", "900002"}),
    agency("refuge-one", "refuge", las={"901"}),
    agency("north-inspector", "duty_inspector", forces={"54"}),
    agency("any-inspector", "duty_inspector", default=True),
)


def kind(name: str) -> Kind:
    instead = "la_education" if name == "dsl" else None
    return Kind.model_validate(
        {
            "kind": name, "title": name, "serves": KINDS[name], "grants": [], "outward": False, "source": "invented",
            "falls_back_to": instead,
        }
    )  # fmt: skip


RELEASED = PolicySet(
    times=DayTimes(
        session_begins=time(8, 30),
        school_morning=time(7, 30),
        working_day_opens=time(9),
        working_day_closes=time(17),
        longest_break_days=75,
        source="invented",
    ),
    kinds=tuple(kind(name) for name in KINDS),
    agencies=AGENCIES,
    local_authorities=(
        LocalAuthority(la_code="901", name="Northtown", force="54"),
        LocalAuthority(la_code="902", name="Northshire", force="54"),
        LocalAuthority(la_code="903", name="Southtown", force="53"),
    ),
    courts=(
        Court(prefix="C54", area="54", name="Crown Court"),
        Court(prefix="C54XX", area="53", name="a court that sits for the other area", sits=("saturday",)),
    ),
)
POLICY = RELEASED.at(NOW)
ALL = tuple(name for name in KINDS if name not in {"refuge", "duty_inspector"})


def route(*kinds: str) -> Route:
    return Route(
        route="sample", begins=date(2024, 1, 1), source="invented",
        recipients=tuple(Recipient(kind=name) for name in kinds),
        within=Within(hours=1), power=Power(lawful_basis="invented", gateway="invented", purpose="tests"),
        tells_from=datetime(2024, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def lives(force: str | None = None, la_code: str | None = None) -> Residence:
    return Residence(force=force, la_code=la_code)


def told(name: str, policy: Policy = POLICY, **areas: Any) -> list[tuple[str, bool]]:
    return [(chosen.agency.id, chosen.by_default) for chosen in policy.chosen(route(name), Areas(**areas))]


def only(name: str, **areas: Any) -> Chosen:
    (chosen,) = POLICY.chosen(route(name), Areas(**areas))
    return chosen


@pytest.mark.parametrize(
    ("name", "areas", "expected"),
    [
        ("idva", {"victim": lives("54", "901"), "case_force": "53"}, [("town-idva", False)]),
        ("idva", {"victim": lives("54", "902")}, [("north-idva", False)]),
        ("idva", {"victim": lives(la_code="902")}, [("north-idva", False)]),  # its force is known
        ("idva", {"victim": lives("53")}, [("any-idva", True)]),
        ("idva", {"victim": lives("53", "901")}, [("town-idva", False)]),  # the authority says more than the force
        ("idva", {"case_force": "54"}, [("north-idva", True)]),  # her residence is not known: the case's area, flagged
        ("idva", {}, [("any-idva", True)]),
        ("mash", {"child": lives("54", "901"), "victim": lives("53")}, [("town-mash", False)]),
        ("mash", {"child": lives("54")}, [("town-mash", False)]),  # the one authority's that is known of its force
        ("probation", {"suspect": lives("54"), "case_force": "54"}, [("any-probation", True)]),
        ("cps", {"case_force": "54"}, [("north-cps", False)]),
        ("cps", {"case_force": "53", "court_ou": "C54SD00"}, [("north-cps", False)]),  # the court's area comes first
        ("cps", {"court_ou": "C54XX00"}, [("south-cps", False)]),  # the longest prefix counts
        ("cps", {"court_ou": "B01EF01"}, [("any-cps", True)]),
        ("dait", {"case_force": "54", "victim": lives("54")}, [("north-dait", False)]),
        ("dait", {"case_force": "54", "victim": lives("53")}, [("north-dait", False), ("south-dait", False)]),
        ("dait", {"case_force": "54", "victim": lives(la_code="903")}, [("north-dait", False), ("south-dait", False)]),
        ("dait", {"case_force": "54"}, [("north-dait", False)]),
        ("dait", {"victim": lives("53")}, [("south-dait", False)]),
        ("dait", {"case_force": "54", "victim": lives("60")}, [("north-dait", False), ("any-dait", True)]),
        ("dait", {}, [("any-dait", True)]),
        ("dsl", {"school_urn": "900001", "child": lives("53")}, [("first-school", False)]),
        ("dsl", {"school_urn": "900009", "child": lives("54", "901")}, [("town-education", True)]),
        ("dsl", {"child": lives("54", "901")}, [("town-education", True)]),
        ("dsl", {"school_urn": "900009"}, [("any-education", True)]),
    ],
)  # fmt: skip
def test_an_agency_is_chosen_by_whose_area_it_is(name: str, areas: Any, expected: list[tuple[str, bool]]) -> None:
    assert told(name, **areas) == expected


def test_others_that_serve_or_are_able_come_next_and_a_refuge_never() -> None:
    chosen = only("idva", victim=lives("54", "901"))
    assert [agency.id for agency in chosen.next_able] == ["north-idva", "second-idva"]
    assert [agency.id for agency in only("idva", victim=lives("53")).next_able] == ["second-idva"]


def test_a_kind_that_only_names_itself_is_never_chosen() -> None:
    assert told("refuge", victim=lives("54", "901")) == []


def test_each_agency_is_told_once_by_a_route() -> None:
    found = POLICY.chosen(route("dsl", "la_education"), Areas(school_urn="900009", child=lives("54", "901")))
    assert [(chosen.recipient.kind, chosen.agency.id) for chosen in found] == [("dsl", "town-education")]


RESIDENCES = st.builds(
    Residence, force=st.sampled_from(["54", "53", "60", None]), la_code=st.sampled_from(["901", "902", "999", None])
)
ANYWHERE = st.builds(
    Areas, victim=RESIDENCES, child=RESIDENCES, suspect=RESIDENCES,
    case_force=st.sampled_from(["54", "53", "60", None]),
    court_ou=st.sampled_from(["C54SD00", "B01EF01", None]), school_urn=st.sampled_from(["900001", "900009", None]),
)  # fmt: skip


@given(ANYWHERE, st.sampled_from(ALL))
def test_somebody_is_told_wherever_they_live(areas: Areas, name: str) -> None:
    chosen = POLICY.chosen(route(name), areas)
    assert chosen
    for one in chosen:
        assert one.agency.kind in {name, "la_education"}
        assert one.agency not in one.next_able
        assert all(other.kind == one.agency.kind and other.in_force(NOW) for other in one.next_able)


@given(ANYWHERE, ANYWHERE)
def test_where_he_lives_chooses_none_of_hers(areas: Areas, other: Areas) -> None:
    moved = areas.model_copy(update={"suspect": other.suspect})
    hers = route("idva", "mash", "dsl", "dait")
    assert POLICY.chosen(hers, areas) == POLICY.chosen(hers, moved)


def test_agencies_and_desks_are_as_they_are_at_the_look() -> None:
    change, later = NOW + timedelta(days=1), NOW + timedelta(days=2)
    desks = [
        {"desk": "duty", "name": "old", "ends": change}, {"desk": "duty", "name": "new", "begins": change}, *DESKS[1:]
    ]  # fmt: skip
    rows = (*RELEASED.agencies, agency("late-idva", "idva", las={"902"}, begins=later, desks=desks))
    released = PolicySet(times=RELEASED.times, kinds=RELEASED.kinds, agencies=rows)
    assert [released.changes_after(moment) for moment in (NOW - timedelta(1), NOW, change, later)] == [
        NOW, change, later, None,
    ]  # fmt: skip
    assert released.at(NOW).agency("past-idva") is None
    assert released.at(NOW - timedelta(seconds=1)).agency("past-idva") is not None
    assert released.at(change).agency("late-idva") is None
    late = released.at(later).agency("late-idva")
    assert late is not None
    assert [desk.name for desk in late.desks] == ["new", "manager", "strategic"]


@given(st.integers(-100, 100), st.integers(0, 100))
def test_nothing_changes_between_two_changes(hours: int, more: int) -> None:
    start = NOW + timedelta(hours=hours)
    change = RELEASED.changes_after(start)
    after = start + timedelta(hours=more)
    if change is None or after < change:
        assert RELEASED.at(after) is RELEASED.at(start)


LAST_STEPS = {
    "idva": LastStep(kind="duty_inspector", text="act", answers=("answer_obtained",)),
    "dsl": LastStep(kind="la_education", text="act", answers=("school_reached",)),
    "cps": LastStep(desk="strategic", text="act", answers=("prosecutor_named",)),
}


@pytest.mark.parametrize(
    ("silent", "areas", "asked"),
    [
        ("town-idva", Areas(victim=Residence(la_code="901")), "north-inspector"),
        ("town-idva", Areas(victim=Residence(force="54"), case_force="53"), "north-inspector"),
        ("town-idva", Areas(case_force="54"), "north-inspector"),
        ("town-idva", Areas(victim=Residence(force="60")), "any-inspector"),
        ("town-idva", Areas(), "any-inspector"),
        ("first-school", Areas(child=Residence(la_code="901")), "town-education"),
        ("first-school", Areas(child=Residence(force="60")), "any-education"),
        ("south-cps", Areas(victim=Residence(force="54")), "south-cps"),
        ("any-probation", Areas(victim=Residence(force="54")), None),
    ],
)
def test_escalation_ends_with_somebody_who_can_act(silent: str, areas: Areas, asked: str | None) -> None:
    ending = tuple(row.model_copy(update={"last_step": LAST_STEPS.get(row.kind)}) for row in RELEASED.kinds)
    policy = replace(RELEASED, kinds=ending).at(NOW)
    agency_that_is_silent = policy.agency(silent)
    assert agency_that_is_silent is not None
    last = policy.last_step(agency_that_is_silent, areas)
    assert (None if last is None else last.id) == asked


def test_the_force_that_holds_the_risk_is_hers() -> None:
    assert POLICY.risk_holding_force(Areas(victim=lives("53"), case_force="54")) == "53"
    assert POLICY.risk_holding_force(Areas(victim=lives(la_code="903"), case_force="54")) == "53"
    assert POLICY.risk_holding_force(Areas(case_force="54")) == "54"


def test_the_last_sitting_is_on_a_day_on_which_that_court_sits() -> None:
    end = datetime(2026, 4, 26, 23, 59, 59, tzinfo=LONDON)
    assert POLICY.last_sitting_before(end, "C54SD00") == date(2026, 4, 24)
    assert POLICY.last_sitting_before(end, "C54XX00") == date(2026, 4, 25)
    assert POLICY.last_sitting_before(end, "B01EF01") == date(2026, 4, 24)


def test_due_times_keep_each_unit_apart() -> None:
    start = datetime(2026, 3, 27, 22, 0, tzinfo=LONDON)  # a Friday night; clocks go forward on Sunday
    due = {
        Within(minutes=90): "2026-03-27T23:30:00+00:00",
        Within(hours=72): "2026-03-30T23:00:00+01:00",
        Within(working_days=1): "2026-03-30T17:00:00+01:00",
        Within(days_beginning_with=3): "2026-03-29T23:59:59+01:00",
        Within(days_after=3): "2026-03-30T23:59:59+01:00",
        Within(next_session=True): "2026-03-30T08:30:00+01:00",
        Within(by_end_of_day=True): "2026-03-27T23:59:59+00:00",
    }
    for within, moment in due.items():
        assert POLICY.due(start, within) == datetime.fromisoformat(moment)
    assert POLICY.before(start, Within(working_days=2)).isoformat() == "2026-03-25T22:00:00+00:00"
    assert POLICY.before(start, Within(days_after=28)).isoformat() == "2026-02-27T22:00:00+00:00"
    assert POLICY.before(start, Within(hours=1)).isoformat() == "2026-03-27T21:00:00+00:00"
    with pytest.raises(ValueError, match="does not run backwards"):
        POLICY.before(start, Within(next_session=True))
