"""Dates of birth that cannot be right: the event is accepted, the date is used for nothing, and the doubt is named."""

from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from schemas.doubts import Doubt, DoubtReason, doubts
from schemas.registry import body_of, content_of
from schemas.values import Relationship
from tests.support import builders as b

IMPOSSIBLE, CONTRADICTS, SMALL_CHILD = (
    DoubtReason.BIRTH_DATE_IMPOSSIBLE,
    DoubtReason.BIRTH_DATE_CONTRADICTS_AGE,
    DoubtReason.BIRTH_DATE_OF_SMALL_CHILD,
)
TOMORROW = b.TODAY + timedelta(days=1)
RELATIVE = (b.connection(2, Relationship.RELATIVE),)
NO_DAYS = ["2091-02-03", "1899-12-31", "0091-02-03", "1990-02-30", "1990-13-01", "03/02/1990", "unknown", ""]


def why(said: BaseModel) -> dict[str, DoubtReason]:
    return {doubt.field: doubt.reason for doubt in doubts(said)}


@pytest.mark.parametrize("written", NO_DAYS)
@pytest.mark.parametrize("party", [0, 1], ids=["victim", "suspect"])
def test_a_date_on_which_nobody_was_born_is_doubted_whoever_has_it(written: str, party: int) -> None:
    build = (b.victim, b.suspect)[party]
    said = b.incident(parties=(build(date_of_birth=written), (b.suspect, b.victim)[party]()))
    assert why(said) == {"parties[0].date_of_birth": IMPOSSIBLE}
    assert said.parties[0].born is None


@pytest.mark.parametrize("written", NO_DAYS)
def test_so_it_is_of_a_child_and_of_a_defendant(written: str) -> None:
    child = b.children(b.CRIME, b.child(), b.child(2, date_of_birth=written))
    assert why(child) == {"children[1].date_of_birth": IMPOSSIBLE}
    defendant = b.defendant(date_of_birth=written)
    assert why(b.hearing(defendant=defendant)) == {"defendant.date_of_birth": IMPOSSIBLE}
    assert why(b.orders_resulted(defendant=defendant)) == {"defendant.date_of_birth": IMPOSSIBLE}


@pytest.mark.parametrize(
    ("party", "expected"),
    [
        (b.victim(age=34, date_of_birth=date(1991, 5, 1)), None),
        (b.victim(age=35, date_of_birth=date(1991, 5, 1)), None),  # as it was told on another day
        (b.victim(age=32, date_of_birth=date(1991, 5, 1)), CONTRADICTS),
        (b.victim(age=34, date_of_birth=date(2019, 5, 1)), CONTRADICTS),
        (b.victim(age=12, date_of_birth=date(1991, 5, 1)), CONTRADICTS),
        (b.victim(age=None, date_of_birth=date(2019, 5, 1)), IMPOSSIBLE),
        (b.victim(age=None, date_of_birth=date(2019, 5, 1), relationships=RELATIVE), SMALL_CHILD),
        (b.victim(age=6, date_of_birth=date(2019, 5, 1), relationships=RELATIVE), None),
        (b.victim(age=None, date_of_birth=date(2013, 5, 1)), None),
        (b.suspect(age=None, date_of_birth=date(2019, 5, 1), relationships=()), IMPOSSIBLE),
        (b.victim(age=None, date_of_birth=TOMORROW), IMPOSSIBLE),
    ],
)
def test_it_is_judged_by_the_day_of_the_report_the_age_and_the_role(party: Any, expected: DoubtReason | None) -> None:
    other = b.suspect(relationships=()) if party.number == 1 else b.victim(relationships=())
    said = b.incident(parties=(party, other))
    assert why(said) == ({"parties[0].date_of_birth": expected} if expected else {})


def test_an_age_of_the_time_of_a_historic_incident_contradicts_nothing() -> None:
    long_ago = b.NOON - timedelta(days=20 * 365)
    party = b.victim(age=14, date_of_birth=date(1991, 5, 1))
    assert not why(b.incident(occurred_from=long_ago, historic=True, parties=(party, b.suspect())))


@pytest.mark.parametrize(
    "child",
    [
        b.child(date_of_birth=date(1975, 5, 4)),
        b.child(date_of_birth=TOMORROW),
        b.child(date_of_birth=date(2096, 6, 1), unborn=True),
        b.child(date_of_birth=date(1996, 6, 1), unborn=True),
    ],
)
def test_nobody_stated_as_a_child_was_born_too_early_or_after_the_statement(child: Any) -> None:
    assert why(b.children(b.CRIME, child)) == {"children[0].date_of_birth": IMPOSSIBLE}


@pytest.mark.parametrize(
    "child",
    [
        b.child(date_of_birth=date(2004, 5, 4)),  # grown up, and perhaps named in error
        b.child(date_of_birth=date(2026, 6, 1), unborn=True),  # expected then
        b.child(date_of_birth=None),
    ],
)
def test_a_child_s_date_that_can_be_right_is_not_doubted(child: Any) -> None:
    assert not why(b.children(b.CRIME, child))


def test_nobody_of_the_age_of_a_small_child_is_a_defendant() -> None:
    assert why(b.hearing(defendant=b.defendant(date_of_birth=date(2019, 5, 1)))) == {
        "defendant.date_of_birth": IMPOSSIBLE
    }
    assert not why(b.hearing(defendant=b.defendant(date_of_birth=date(2014, 5, 1))))


def test_what_is_doubted_is_kept_as_it_came() -> None:
    said = b.incident(parties=(b.victim(date_of_birth="1990-02-30"), b.suspect(date_of_birth="2091-02-03")))
    again = body_of("uk.police.incident-reported.v1", content_of(said))
    assert again == said
    assert doubts(again) == (
        Doubt("parties[0].date_of_birth", IMPOSSIBLE),
        Doubt("parties[1].date_of_birth", IMPOSSIBLE),
    )


@pytest.mark.parametrize("nothing_like_it", [7, "x" * 41, "\x00", [], {}])
def test_what_is_no_short_text_is_refused_as_in_any_field(nothing_like_it: Any) -> None:
    with pytest.raises(ValidationError, match="a date is expected"):
        b.victim(date_of_birth=nothing_like_it)
