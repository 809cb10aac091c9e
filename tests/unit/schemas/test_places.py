"""A place that is read back is the place that was written."""

from datetime import date

import pytest

from schemas import places
from schemas.places import ApplicationPlace, CasePlace, ChildPlace, HearingPlace, Linked, OrderPlace, PartyPlace

CASE = CasePlace("54DC0012326", "2654DC0100000004711B")
HEARING = HearingPlace(CASE, "C54SD00", date(2026, 3, 2))


@pytest.mark.parametrize(
    "place",
    [PartyPlace("54260012345", 2), ChildPlace("54260012345", 1), ChildPlace("54260012345", 1, "school-larkmead")],
)
def test_the_place_of_a_person_is_read_back_and_names_its_incident(place: PartyPlace | ChildPlace) -> None:
    assert places.read_person(str(place)) == place
    assert places.crime_of(str(place)) == "54260012345"


@pytest.mark.parametrize("other", [str(HEARING), f"{HEARING}/order/3047", "54260012345", "54260012345/party/two"])
def test_what_is_no_person_s_place_is_read_as_none(other: str) -> None:
    assert places.read_person(other) is None


@pytest.mark.parametrize("number", [1, 2])
def test_an_order_is_read_back_with_the_hearing_that_made_it(number: int) -> None:
    order = OrderPlace(str(HEARING), "3047", number)
    assert places.read_order(str(order)) == order
    assert places.read_hearing(order.hearing) == HEARING
    assert places.read_case(str(order)) == CASE


@pytest.mark.parametrize("written", ["not a hearing", "54DC0012326/-/C54SD00/tomorrow"])
def test_a_hearing_that_a_source_names_in_another_form_is_read_as_none(written: str) -> None:
    assert places.read_hearing(written) is None
    assert places.read_order(written) is None


def test_a_case_without_a_number_or_a_defendant_says_so_in_their_place() -> None:
    assert str(CasePlace("54DC0012326")) == "54DC0012326/-"
    assert places.read_case("-/2654DC0100000004711B") == CasePlace(places.NONE, "2654DC0100000004711B")


def test_what_is_linked_is_read_back_with_its_place() -> None:
    order = Linked("order", f"{HEARING}/order/3047")
    assert places.read_linked(str(order)) == order


def test_an_event_of_an_application_is_written_behind_the_application() -> None:
    assert [str(ApplicationPlace("APP1", event)) for event in (None, "decided")] == ["APP1", "APP1/decided"]
