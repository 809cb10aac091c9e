"""A record is found by every name that it carries, however spelt, and whatever else is wrong with it."""

import json
import tracemalloc

import pytest

from schemas.carried import LONGEST_NAME, MOST_NAMES, carried, sought

CASE = "54DC0012326/2654DC0100000004711B"


def content(**said: object) -> bytes:
    return json.dumps(said).encode()


@pytest.mark.parametrize("asked", ["54260012345", "54260012345/1", "54260012345/party/2", " 5426 0012345 "])
def test_an_incident_is_found_by_its_crime_reference_and_its_parties(asked: str) -> None:
    assert sought(asked) & carried(b"54260012345", content(nonsense=True), ())


@pytest.mark.parametrize("asked", ["54DC0012326", "54 dc 0012326", "26/54DC/01/4711B", "2654DC0100000004711B", CASE])
def test_a_court_fact_is_found_by_its_case_number_and_its_arrest_number_in_any_spelling(asked: str) -> None:
    assert sought(asked) & carried(f"{CASE}/C54SD00/2026-03-02".encode(), b"{", ())


def test_references_are_found_in_the_content_however_deep_and_nothing_else_is() -> None:
    names = carried(None, content(references={"urn": "54DC0012326"}, parties=[{"name": "Invented 12345"}]), ())
    assert "54DC0012326" in names
    assert not any("INVENTED" in name for name in names)


def test_the_event_is_found_by_its_id_in_headers_and_in_a_document() -> None:
    assert sought("ab-12345") & carried(None, None, (("ce_id", b"AB-12345"),))
    assert sought("ab-12345") & carried(None, content(id="AB-12345"), ())


@pytest.mark.parametrize(
    "value", [None, b"", b"\xff\xfe", b"[" * 5000, b'"text"', b"{", b'{"urn": "\\ud800 12345"}', b'{"urn": "54DC']
)
def test_what_cannot_be_read_carries_no_name(value: bytes | None) -> None:
    assert carried(None, value, ()) == frozenset()


def test_names_are_few_and_short_whatever_a_record_holds() -> None:
    many = carried(None, content(urn=[f"54DC00{n:05}" for n in range(10_000)], asn="1" * 5000), ())
    assert len(many) <= MOST_NAMES
    assert max(map(len, many)) <= LONGEST_NAME


def test_fields_that_hold_no_reference_crowd_none_out() -> None:
    parties = [{"role": "victim", "number": n, "crime_reference": "54260012345"} for n in range(2 * MOST_NAMES)]
    assert "54DC0012326" in carried(None, content(parties=parties, urn="54DC0012326"), ())


@pytest.mark.parametrize(
    "value",
    [
        b'{"references": {"urn": "54DC0012326", "asn": "2654D',
        b'{"urn" :\n"54DC\\u0030012326"} and more',
        b'[{"urn": ["11DC0012326", "54DC0012326", 7, {"urn"',
        b'{"circumstances": "an \xff \\"urn\\"", "urn": "54DC0012326", "urn": 5',
    ],
)
def test_a_record_that_is_cut_short_or_spoilt_is_found_by_what_can_be_read_of_it(value: bytes) -> None:
    assert "54DC0012326" in carried(None, value, ())


def test_a_text_that_quotes_a_reference_carries_none() -> None:
    assert carried(None, content(circumstances='he said "urn": "54DC0012326"'), ()) == frozenset()


@pytest.mark.parametrize("filled", [b"[],", b"1,", b'{"":', b'"urn":"",', b'"12345",', b'"urn":["1",'])
def test_a_large_record_takes_no_more_memory_than_it_has_itself(filled: bytes) -> None:
    large = b'{"urn":"54DC0012326","filled":[' + filled * (2**21 // len(filled))
    carried(None, b"{}", ())
    tracemalloc.start()
    try:
        assert "54DC0012326" in carried(None, large, ())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < len(large)
