"""A school in its holidays: its holiday contact and the authority within two hours, and the school again in term."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from schemas.police_incidents.v1 import AbuseType, Child
from services.incidents.children import child_school, child_school_closed, child_school_reopens
from services.incidents.rules import RULES
from services.platform.domain.core.duties import Notification
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.core.reasons import Reason
from tests.support import builders as b
from tests.unit.domain.small import World
from tests.unit.incidents.seen import hears, owed, reasons

AUGUST = datetime(2026, 8, 12, 20, 0, tzinfo=UTC)
DAY = timedelta(days=1)
# School 100001 has INSET on 2 September and pupils from the 3rd; 100003 keeps the terms of its authority, 865.
ACADEMY, PRIMARY = b.child(), b.child(school_urns=("100003",), residence=b.residence("54", "865"))


def childs(at: datetime, child: Child = ACADEMY, **incident: Any) -> CaseFile:
    linked = b.fact(b.children(b.CRIME, child, occurred_at=at))
    return b.case_file(b.fact(b.incident(reported_at=at, **incident)), linked, of=b.CHILD)


@pytest.mark.parametrize(
    ("at", "child"),
    [
        (AUGUST, ACADEMY),
        (AUGUST, PRIMARY),
        (datetime(2026, 7, 22, 20, tzinfo=UTC), ACADEMY),  # the evening of the last day of term
        (datetime(2026, 10, 24, 9, tzinfo=UTC), ACADEMY),  # the first Saturday of a half-term
        (datetime(2026, 4, 15, 9, tzinfo=UTC), b.child(school_urns=("100002",))),  # its own holidays, in others' term
    ],
)
def test_the_holiday_contact_and_the_authority_hear_within_two_hours_and_the_building_is_asked_nothing(
    at: datetime, child: Child
) -> None:
    file = childs(at, child)
    (contact,) = owed(child_school, file).values()
    assert (contact.kind, contact.desk, contact.asks, contact.remind_at) == ("dsl", "holiday", (), ())
    assert contact.tell_by == at + timedelta(hours=2)
    (authority,) = owed(child_school_closed, file).values()
    assert authority.key.agency == f"la-education-{child.residence.la_code}"
    assert authority.tell_by == at + timedelta(hours=2)
    assert [ask.ask for ask in authority.asks] == ["acknowledge"]
    assert hears(authority)["schools", b.CHILD] == child.school_urns


@pytest.mark.parametrize(
    "at",
    [
        b.NOON,
        datetime(2026, 3, 7, 12, tzinfo=UTC),  # a Saturday in term
        datetime(2026, 5, 4, 12, tzinfo=UTC),  # a bank holiday in term
        datetime(2026, 6, 26, 12, tzinfo=UTC),  # INSET
        datetime(2026, 9, 2, 12, tzinfo=UTC),  # INSET on the first day of term
    ],
)
def test_nights_weekends_bank_holidays_and_inset_days_in_term_are_no_holidays(at: datetime) -> None:
    file = childs(at)
    (lead,) = owed(child_school, file).values()
    assert (lead.desk, [ask.ask for ask in lead.asks]) == ("duty", ["acknowledge"])
    assert not owed(child_school_closed, file)
    assert not owed(child_school_reopens, file)


@pytest.mark.parametrize(
    ("child", "morning", "session"),
    [
        (ACADEMY, datetime(2026, 9, 2, 6, 30, tzinfo=UTC), datetime(2026, 9, 3, 7, 40, tzinfo=UTC)),
        (PRIMARY, datetime(2026, 9, 3, 6, 30, tzinfo=UTC), datetime(2026, 9, 3, 7, 30, tzinfo=UTC)),
    ],
)
def test_the_school_is_told_again_on_the_first_morning_of_its_own_term_and_reads_it_before_the_first_session(
    child: Child, morning: datetime, session: datetime
) -> None:
    (again,) = owed(child_school_reopens, childs(AUGUST, child)).values()
    assert (again.kind, again.desk, again.opens) == ("dsl", "duty", morning)
    assert [(ask.ask, ask.by) for ask in again.asks] == [("acknowledge", session)]
    assert again.tell_by == session


def test_of_two_schools_each_goes_by_its_own_calendar() -> None:
    file = childs(datetime(2026, 4, 15, 9, tzinfo=UTC), b.child(school_urns=("100001", "100002")))
    desks = {agency: duty.desk for agency, duty in owed(child_school, file).items()}
    assert desks == {"school-100001": "duty", "school-100002": "holiday"}
    assert set(owed(child_school_reopens, file)) == {"school-100002"}
    (authority,) = owed(child_school_closed, file).values()
    assert hears(authority)["schools", b.CHILD] == ("100002",)


def test_the_authority_that_stands_in_for_an_unknown_school_reads_it_the_next_working_day() -> None:
    file = childs(AUGUST, b.child(school_urns=("999999",)))
    (authority,) = owed(child_school, file).values()
    assert (authority.key.agency, authority.desk) == ("la-education-866", "duty")
    assert [ask.by for ask in authority.asks] == [datetime(2026, 8, 13, 16, tzinfo=UTC)]
    assert not owed(child_school_closed, file)
    assert set(owed(child_school_reopens, file)) == {"la-education-866"}


def test_where_no_calendar_knows_the_term_the_school_is_told_as_ever() -> None:
    file = childs(datetime(2035, 8, 14, 12, tzinfo=UTC), b.child(date_of_birth=date(2028, 5, 4)))
    assert [duty.desk for duty in owed(child_school, file).values()] == ["duty"]
    assert not owed(child_school_closed, file)


def test_where_ordinary_routes_wait_these_do() -> None:
    file = childs(AUGUST, abuse_types=(AbuseType.HBA,))
    for rule in (child_school, child_school_closed, child_school_reopens):
        assert reasons(rule, file) == {Reason.HONOUR_BASED_ABUSE}


def test_a_month_of_silence_reminds_nobody_in_an_empty_building() -> None:
    world = World(b.shipped(), RULES)
    incident, linked = b.incident(reported_at=AUGUST), b.children(b.CRIME, ACADEMY, occurred_at=AUGUST)
    world.evaluate(b.fact(incident), b.fact(linked), now=AUGUST)
    while world.again is not None and world.again < datetime(2026, 9, 2, 7, tzinfo=UTC):
        world.evaluate(now=world.again)
    to_school: list[Notification] = [n for n in world.sent if n.key.agency == "school-100001"]
    assert [(n.kind, n.key.rule, n.desk, n.at) for n in to_school] == [
        ("notify", "child_school", "holiday", AUGUST),
        ("notify", "child_school_reopens", "duty", datetime(2026, 9, 2, 6, 30, tzinfo=UTC)),
    ]


def test_a_correction_of_what_was_said_in_the_holidays_keeps_to_it_in_term() -> None:
    september = datetime(2026, 9, 21, 9, tzinfo=UTC)
    linked = b.fact(b.children(b.CRIME, ACADEMY, occurred_at=AUGUST), version=2, at=september)
    file = b.case_file(b.fact(b.incident(reported_at=AUGUST)), linked, of=b.CHILD)
    assert [duty.desk for duty in owed(child_school, file).values()] == ["holiday"]
    assert owed(child_school_reopens, file)["school-100001"].opens == datetime(2026, 9, 2, 6, 30, tzinfo=UTC)
    assert date(2026, 9, 22) == owed(child_school_reopens, file)["school-100001"].asks[0].by.date()
