"""What the words of a result settle about an order, and what they leave to a person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.court_convictions.v1 import Verdict
from schemas.court_order_variations.v1 import OrderAction
from services.intake import wording


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("Restraining order discharged.", "discharged"),
        ("Discharged", "discharged"),
        ("Restraining order made on 02/03/2026 revoked.", "discharged"),
        ("Application to discharge the restraining order granted. Restraining order discharged.", "discharged"),
        ("Restraining order varied. Order now as follows: not to contact her save through a solicitor.", "varied"),
        ("Order extended until 1 March 2028.", "varied"),
        ("", "changed_not_stated"),
        ("Restraining order vary/discharge.", "changed_not_stated"),
        ("Restraining order varied or discharged.", "changed_not_stated"),
        ("Application to discharge the restraining order refused.", "changed_not_stated"),
        ("Application to have the order discharged.", "changed_not_stated"),
        ("Order to be discharged.", "changed_not_stated"),
        ("Order discharged with effect from 01/12/2026.", "changed_not_stated"),
        ("Order not discharged.", "changed_not_stated"),
        ("The order is not varied.", "changed_not_stated"),
        ("Prohibition 3 of the order discharged.", "changed_not_stated"),
        ("Order varied by the discharge of condition 2.", "changed_not_stated"),
        ("Restraining order discharged and replaced by a new order.", "changed_not_stated"),
        ("Defendant conditionally discharged; order remains.", "changed_not_stated"),
    ],
)
def test_a_change_is_settled_only_by_a_plain_statement(text: str, action: str) -> None:
    assert wording.change(text, extended=False) == OrderAction(action)


def test_a_qualifier_that_extends_and_a_text_that_discharges_settle_nothing() -> None:
    assert wording.change("Restraining order discharged.", extended=True) is OrderAction.CHANGED_NOT_STATED


@given(st.text(max_size=300))
def test_no_text_raises(text: str) -> None:
    wording.change(text, extended=False)
    wording.names_somebody(text)
    wording.verdict(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Not to contact Somebody directly or indirectly.", True),
        ("NOT TO CONTACT DIRECTLY OR INDIRECTLY TAMSIN MADEUP.", True),
        ("Not to contact, directly or indirectly, the complainant.", False),
        ("Not to go within 100 metres of her home.", False),
        ("", False),
    ],
)
def test_a_name_is_noticed_and_never_taken_for_a_person(text: str, names: bool) -> None:  # noqa: FBT001
    assert wording.names_somebody(text) is names


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Not guilty by reason of insanity.", Verdict.NGRI),
        ("The jury found that the defendant did the act charged.", Verdict.UNFIT_DID_ACT),
        ("Adjourned to determine whether the defendant did the act charged.", None),
        ("To lie on the file on the usual terms.", Verdict.LIES_ON_FILE),
        ("Notice of discontinuance served.", Verdict.DISCONTINUED),
        ("Conviction quashed.", Verdict.QUASHED),
        ("Appeal against conviction allowed.", Verdict.QUASHED),
        ("The appeal against his conviction was allowed", Verdict.QUASHED),
        ("Appeal against conviction not allowed.", None),
        ("Appeal against sentence allowed.", None),
        ("Leave to appeal against conviction allowed.", None),
        ("Fined 100.", None),
    ],
)
def test_endings_without_a_code_are_read_from_the_text(text: str, verdict: Verdict | None) -> None:
    assert wording.verdict(text) is verdict
