"""Words that say a place in an order's free text, as the shipped policy lists them; in doubt they do."""

import pytest

from services.platform.policy.model import NotPlace, PlaceWord
from services.platform.policy.place_words import PlaceWords
from tests.support import builders as b


@pytest.mark.parametrize(
    "text",
    [
        "Not to enter Invented Road, Swindon or to go within 100 metres of Madeup School.",
        "NOT TO GO TO NOWHERE LANE, INVENTON.",
        "Keep away from 12 Nowhere Close.",
        "Keep away from Madeup Way and from Imaginary Drive.",
        "KEEP AWAY FROM NOWHERE CLOSE",
        "keep away from nowhere close",
        "Not to be in the area of the Madeup Estate.",
        "Not to approach any address where she lives.",
        "Not to come within half a mile of her workplace.",
        "Not to go within 50m of her.",
        "Excluded from SN1 4AB.",
        "Not to be on Invented Street's pavement.",
        "Not to be near any of her children's schools.",
        "Not to attend at Madeup Hospital.",
        "Keep out of Inventon and stay away from the old mill.",
        "Not to contact her at work.",
        "Not to contact Mr Lane or go to his house.",
        "Not to contact Tamsin Lane.",  # a name or a place: in doubt it is one
        "Not to contact her by email address or at her home.",
    ],
)
def test_words_that_say_a_place_are_found(text: str) -> None:
    assert b.policy().says_a_place(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Not to contact Tamsin Madeup directly or indirectly by any means whatsoever.",
        "This order lasts until further order of the court. This order is made on conviction.",
        "RESTRAINING ORDER. NOT TO CONTACT BREE NOTREAL IN ANY WAY. UNTIL FURTHER ORDER OF THE COURT.",
        "Not to have close contact with Tamsin Madeup.",
        "Close contact is prohibited.",
        "Not to contact Mr Lane or Mrs Street.",
        "The defendant may address the court.",
        "Not to contact her by her email address.",
        "Disqualified under the Road Traffic Act.",
        "Not to contact her within 7 days of his release.",
        "Conditions are in place.",
        "To stay away from her and not to call her home phone.",
    ],
)
def test_phrases_that_only_look_like_a_place_are_not(text: str) -> None:
    assert not b.policy().says_a_place(text)


def test_a_deployment_lists_its_own_words() -> None:
    own = PlaceWords([PlaceWord(place_word="ginnel")], [NotPlace(not_place="mr {word}")])
    assert own.said_in("Not to use the ginnel.")
    assert not own.said_in("Not to contact Mr Ginnel.")
    assert not own.said_in("Not to enter Invented Road.")


def test_a_name_may_end_in_several_words() -> None:
    own = PlaceWords([PlaceWord(place_word="old mill", in_names=True)], [])
    assert own.said_in("Keep away from Nowhere Old Mill.")
    assert own.said_in("Pay for the Door. Keep away from NOWHERE OLD MILL.")
    assert not own.said_in("Keep away from that old mill.")


def test_without_words_nothing_says_a_place() -> None:
    assert not PlaceWords([], []).said_in("Not to go to her home.")
