"""Whether two court facts are about one man: the services say the same of it, for they ask the same code."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import values as v
from schemas.court_convictions.v1 import HearingResulted
from schemas.court_order_variations.v1 import OrderAction, OrdersResulted
from services.convictions.rules import missed_order
from services.order_variations.concerned import HerOrders
from services.order_variations.orders import order_discharged
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.core.reasons import Reason
from services.platform.domain.protection.orders import register
from tests.support import builders as b
from tests.unit.incidents import seen

BEFORE, LATER = b.TODAY - timedelta(days=200), b.TODAY + timedelta(days=5)
ELSEWHERE = {"urn": "54DC0099926", "asn": "2654DC0100000000009A"}
CPS = "cps-westmarch"


def made(references: v.References, **him: Any) -> OrdersResulted:
    """An order that protects her, made long before."""
    return b.orders_resulted(
        b.order(protected_persons=(b.protected(),), made_on=BEFORE),
        references=references,
        defendant=b.defendant(**him),
        hearing_on=BEFORE,
        occurred_at=b.NOON - timedelta(days=200),
    )


def convicted(references: v.References, **him: Any) -> HearingResulted:
    return b.hearing(references=references, defendant=b.defendant(**him))


def her_file(*bodies: v.Body) -> CaseFile:
    return b.linked_file(*map(b.fact, bodies))


def protects_from_him(hers: CaseFile) -> bool:
    """Whether the prosecutor hears that no order was missed, for one stands against him."""
    return seen.owed(missed_order, hers)[CPS].ended is Reason.ORDER_PROTECTS_HER


OTHER_SUSPECT = b.suspect(record=b.record("another-man"))
SAME_SUSPECT_AGAIN = b.incident(
    "CR2", occurred_at=b.NOON - timedelta(days=300), reported_at=b.NOON - timedelta(days=300)
)
ANOTHER_AGAIN = SAME_SUSPECT_AGAIN.model_copy(update={"parties": (b.victim(), OTHER_SUSPECT)})


def charged_elsewhere(**over: Any) -> v.Body:
    return b.charge(b.charged(crime="CR2"), references=b.references(**ELSEWHERE), **over)


@pytest.mark.parametrize(
    ("then", "now", "besides", "same"),
    [
        # by one PNC id in two spellings, under another URN and ASN
        ({"pnc_id": "12-163001B"}, {"pnc_id": "2012-0163001B"}, (), True),
        ({"pnc_id": "2012-0163001B"}, {"pnc_id": "12-163001b"}, (), True),
        ({"pnc_id": "2012-0163001B"}, {"pnc_id": "2012-0163002C"}, (), False),
        ({"cro_number": "12345/99X"}, {"cro_number": "012345/99x"}, (), True),
        ({"cro_number": "012345/99X"}, {"cro_number": "012346/99Y"}, (), False),
        ({"pnc_id": "unreadable"}, {"pnc_id": "unreadable"}, (), False),
        # by one record, and by two that a merge joins
        ({"record": b.record("man")}, {"record": b.record("man")}, (), True),
        ({"record": b.record("man")}, {"record": b.record("man-again")}, (), False),
        (
            {"record": b.record("man")},
            {"record": b.record("man-again")},
            (b.merged("suspect-2", "man", "man-again"),),
            True,
        ),
        # because charges name the same suspect
        ({}, {}, (SAME_SUSPECT_AGAIN, charged_elsewhere()), True),
        ({}, {}, (ANOTHER_AGAIN, charged_elsewhere()), False),
        ({}, {}, (ANOTHER_AGAIN, charged_elsewhere(), b.merged("suspect-2", "another-man")), True),
        ({"pnc_id": "2012-0163001B"}, {"pnc_id": "2012-0163002C"}, (SAME_SUSPECT_AGAIN, charged_elsewhere()), False),
        # because the record that a court gives is that of the suspect whom a charge names
        ({"record": b.record("suspect-2")}, {}, (), True),
        ({"record": b.record("another-man")}, {}, (), False),
        # nothing shows it
        ({}, {}, (), False),
    ],
)
def test_an_order_of_another_case_protects_her_from_him_where_it_is_shown_to_be_his(
    then: dict[str, Any], now: dict[str, Any], besides: tuple[v.Body, ...], *, same: bool
) -> None:
    earlier, heard = made(b.references(**ELSEWHERE), **then), convicted(b.references(), **now)
    hers = her_file(b.incident(), b.charge(), earlier, heard, *besides)
    assert protects_from_him(hers) is same


def test_two_men_whom_a_court_gave_one_asn_are_not_taken_for_one() -> None:
    earlier = made(b.references(urn="54DC0099926"), pnc_id="2012-0163001B")
    heard = convicted(b.references(), pnc_id="2012-0163002C")
    assert not protects_from_him(her_file(b.incident(), b.charge(), earlier, heard))


def test_a_defendant_s_number_in_one_case_says_nothing_of_another() -> None:
    first, second = (b.references(urn=urn, asn=None, defendant_id="1") for urn in (b.URN, "54DC0099926"))
    charge = b.charge(references=first)
    assert not protects_from_him(her_file(b.incident(), charge, made(second), convicted(first)))
    assert protects_from_him(her_file(b.incident(), charge, made(first), convicted(first)))


def test_while_an_order_against_him_in_this_case_waits_for_attribution_it_waits_under_whatever_name() -> None:
    by_number = b.references(asn=None, defendant_id="number-1")
    unattributed = b.orders_resulted(b.order(), references=by_number, defendant=b.defendant(pnc_id="12-163001B"))
    heard = convicted(b.references(), pnc_id="2012-0163001B")
    duty = seen.owed(
        missed_order, her_file(b.incident(), b.charge(), b.charge(references=by_number), unattributed, heard)
    )
    assert "order_whose_protection_is_not_confirmed" in seen.matter(duty[CPS])


def discharged(references: v.References, **him: Any) -> OrdersResulted:
    line = b.order("3263", action=OrderAction.DISCHARGED)
    return b.orders_resulted(
        line,
        references=references,
        defendant=b.defendant(**him),
        hearing_on=LATER,
        occurred_at=b.NOON + timedelta(days=5),
    )


def test_an_order_that_a_court_discharged_under_another_urn_is_told_as_ended_where_it_is_shown_to_be_his() -> None:
    by_pnc = (
        made(b.references(), pnc_id="12-163001B"),
        discharged(b.references(**ELSEWHERE), pnc_id="2012-0163001B"),
    )
    by_charges = made(b.references()), discharged(b.references(**ELSEWHERE))
    again = (SAME_SUSPECT_AGAIN, charged_elsewhere())
    for orders, besides in ((by_pnc, again), (by_charges, again)):
        assert CPS in seen.owed(order_discharged, her_file(b.incident(), b.charge(), *orders, *besides))


def test_a_discharge_under_one_asn_with_another_pnc_id_leaves_the_order_in_doubt() -> None:
    hers = her_file(
        b.incident(),
        b.charge(),
        made(b.references(), pnc_id="2012-0163001B"),
        discharged(b.references(), pnc_id="2012-0163002C"),
    )
    (order,) = register(hers).orders.values()
    assert not order.in_force
    assert CPS not in seen.owed(order_discharged, hers)


NUMBERS = st.sampled_from([None, "1", "2"])
PNC_IDS = st.sampled_from([None, "12-163001B", "2012-0163001B", "2012-0163002C", "unreadable"])
RECORDS = st.sampled_from([None, "suspect-2", "another-man", "man", "man-again"])
URNS = st.sampled_from([b.URN, ELSEWHERE["urn"]])
ASNS = st.sampled_from([None, b.ASN, ELSEWHERE["asn"]])


@st.composite
def named(draw: st.DrawFn) -> tuple[v.References, dict[str, Any]]:
    refs = b.references(urn=draw(URNS), asn=draw(ASNS), defendant_id=draw(NUMBERS))
    record = draw(RECORDS)
    return refs, {"pnc_id": draw(PNC_IDS), "record": record and b.record(record)}


@given(
    named(),
    named(),
    st.lists(
        st.sampled_from(
            [
                charged_elsewhere(),
                ANOTHER_AGAIN,
                SAME_SUSPECT_AGAIN,
                b.merged("suspect-2", "man", "man-again"),
                b.merged("another-man", "suspect-2"),
                b.link_made(b.party_ref(), b.party_ref(2)),
            ]
        ),
        unique_by=id,
    ),
)
@settings(max_examples=300)
def test_both_services_say_the_same_of_whether_an_order_is_his(
    then: tuple[v.References, dict[str, Any]], now: tuple[v.References, dict[str, Any]], besides: list[v.Body]
) -> None:
    earlier, heard = made(then[0], **then[1]), convicted(now[0], **now[1])
    nothing_made = b.fact(b.orders_resulted(references=now[0], defendant=b.defendant(**now[1])))
    once = {type(body).__name__ + str(getattr(body, "subject", "")): body for body in besides}
    hers = b.linked_file(*map(b.fact, (b.incident(), b.charge(), earlier, heard, *once.values())), nothing_made)
    orders = HerOrders(hers, b.policy())
    (order,) = orders.register.orders.values()
    his = order in orders.protecting_from(nothing_made, now[0]).binds
    delivered = seen.owed(missed_order, hers)
    if CPS in delivered:
        assert (delivered[CPS].ended is Reason.ORDER_PROTECTS_HER) is his
    men = orders.register.men
    one, two = men.of(b.fact(earlier)), men.of(b.fact(heard))
    assert one.is_same(two) is two.is_same(one) is order.binds(two)
    assert not (one.is_same(two) and one.is_another(two))
