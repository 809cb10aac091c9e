"""One spelling for a URN, an ASN, a PNC id and a CRO number, however a system writes it."""

import pytest

from schemas import identifiers


@pytest.mark.parametrize(
    "written",
    ["54DC0012326", "54dc0012326", " 54 DC 00123 26 ", "54/DC/0012326", "54-DC-0012326", "54DC12326", "54DC/00123/26"],
)
def test_a_urn_has_one_spelling(written: str) -> None:
    assert identifiers.urn(written) == "54DC0012326"


def test_a_urn_keeps_the_suffix_of_a_split_case() -> None:
    assert identifiers.urn("54dc0012326a") == "54DC0012326A"


@pytest.mark.parametrize(
    "written",
    [
        "2654DC0100000004711B",
        "2654dc0100000004711b",
        "26/54DC/01/4711B",
        "26/54/DC/01/00000004711B",
        "26-54DC-01-4711-B",
        "26 54DC 01 00000004711 B",
    ],
)
def test_an_asn_has_one_spelling(written: str) -> None:
    assert identifiers.asn(written) == "2654DC0100000004711B"


@pytest.mark.parametrize(
    "written",
    ["2012/0163001B", "12/163001B", "12/0163001b", "2012-0163001B", "20120163001B", "12163001B", " 2012 / 163001 B"],
)
def test_a_pnc_id_has_one_spelling_short_or_long(written: str) -> None:
    assert identifiers.pnc(written) == "2012/0163001B"


def test_a_short_pnc_year_of_the_last_century_is_in_the_last_century() -> None:
    assert identifiers.pnc("79/163001B") == "1979/0163001B"


@pytest.mark.parametrize("written", ["12345/99X", "012345/99x", "12345-99X", "012345 99 X"])
def test_a_cro_number_has_one_spelling(written: str) -> None:
    assert identifiers.cro(written) == "012345/99X"


@pytest.mark.parametrize("written", ["SF99/12345X", "sf99/012345X", "SF 99-12345X"])
def test_a_cro_number_of_a_file_has_one_spelling(written: str) -> None:
    assert identifiers.cro(written) == "SF99/012345X"


@pytest.mark.parametrize("written", ["", "unknown", "54", "TFL1", "see letter", "54DC-PENDING"])
def test_what_is_none_of_these_has_no_canonical_form(written: str) -> None:
    read = [f(written) for f in (identifiers.urn, identifiers.asn, identifiers.pnc, identifiers.cro)]
    assert read == [None, None, None, None]


def test_a_wrong_check_character_refuses_nothing() -> None:
    assert identifiers.asn("11/01ZD/01/448754L") == "1101ZD0100000448754L"
    assert identifiers.pnc("12/163001A") == "2012/0163001A"


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("54dc0012326/26/54DC/01/4711B", "54DC0012326/2654DC0100000004711B"),
        ("54DC/00123/26/26-54DC-01-4711B", "54DC0012326/2654DC0100000004711B"),
        ("-/26/54DC/01/4711B", "-/2654DC0100000004711B"),
        ("54dc0012326/-", "54DC0012326/-"),
        ("54dc0012326/prosecutor.7", "54DC0012326/prosecutor.7"),
        ("CASE-7/prosecutor.7", "CASE-7/prosecutor.7"),
    ],
)
def test_a_case_has_one_spelling(written: str, place: str) -> None:
    assert identifiers.case(written) == place
    assert identifiers.hearing(f"{written}/C54SD00/2026-03-02") == f"{place}/C54SD00/2026-03-02"
    assert identifiers.order(f"{written}/C54SD00/2026-03-02/order/3047/2") == f"{place}/C54SD00/2026-03-02/order/3047/2"


def test_a_force_is_named_by_the_case_then_the_arrest_then_the_court() -> None:
    named = identifiers.forces("53GC0012326", "26/54DC/01/4711B", "B01MW00")
    assert list(named) == ["53", "54", "01"]
