"""Check letters show that an identifier was probably mistyped."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codes.identifiers import LETTERS, Check, asn, court_case, cro, pnc

LOOKS = pytest.mark.parametrize("look", [asn, pnc, cro, court_case])


@pytest.mark.parametrize(
    ("look", "text"),
    [(asn, "1101ZD0100000448754K"), (asn, "2554DC0100000004321D"), (court_case, "97/1626/008395Q")],
)
def test_a_published_identifier_agrees_with_its_letter(look: Callable[[str], Check], text: str) -> None:
    assert look(text) is Check.AGREES


@given(st.integers(0, 99), st.integers(0, 9_999_999))
def test_exactly_one_letter_agrees_with_the_digits_of_a_pnc_id(year: int, serial: int) -> None:
    found = [pnc(f"20{year:02}/{serial:07}{letter}") for letter in LETTERS]
    assert found.count(Check.AGREES) == 1
    assert found.count(Check.WRONG_LETTER) == len(LETTERS) - 1


@given(st.integers(0, 99), st.integers(0, 999_999))
def test_a_long_and_a_short_number_have_the_same_letter(year: int, serial: int) -> None:
    letter = next(each for each in LETTERS if cro(f"{serial:06}/{year:02}{each}") is Check.AGREES)
    assert cro(f"{serial}/{year:02}{letter}") is Check.AGREES
    assert cro(f"SF{year:02}/{serial}{letter}") is Check.AGREES


def test_letters_in_an_asn_drop_out_of_the_sum() -> None:
    assert asn("11ZZZD0100000448754K") in {Check.AGREES, Check.WRONG_LETTER}


@LOOKS
@given(text=st.text(max_size=30))
def test_any_text_is_looked_at_without_an_error(look: Callable[[str], Check], text: str) -> None:
    assert look(text) in Check
