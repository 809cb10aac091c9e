"""Who is protected from whom, by what, from when until when, and how that is known."""

from datetime import date, timedelta
from typing import Any

import pytest

from schemas.court_convictions.v1 import BailCondition, Remand
from schemas.court_order_variations.v1 import Attribution, OrderAction
from services.platform.domain.core.facts import Fact
from services.platform.domain.linking.same_man import Man, identities
from services.platform.domain.protection.hers import FromHim, Protection
from services.platform.domain.protection.measures import Kind, Known, Measure
from tests.support import builders as b

HE = b.defendant(pnc_id="1989/0000002P")
HIM = Man(identities(b.references(), HE))
ANOTHER = Man(frozenset({("pnc_id", "1970/0000001K")}))
UNKNOWN = Man()
FIRST, SECOND, THIRD = (b.TODAY + timedelta(days=days) for days in (0, 10, 20))


def protection(*facts: Fact) -> Protection:
    return Protection(b.linked_file(b.fact(b.incident()), b.fact(b.charge()), *facts))


def order(**over: Any) -> Fact:
    fields = {"protected_persons": (b.protected(),)} | over
    return b.fact(b.orders_resulted(b.order(**fields), defendant=HE))


def heard(on: date, remand: Remand = Remand.UNKNOWN, *conditions: str) -> Fact:
    adjourned = b.offence(verdict=None, verdict_date=None, sentenced_on=None, final=False)
    listed = tuple(BailCondition(code=code) for code in conditions)
    return b.fact(b.hearing(adjourned, hearing_on=on, remand=remand, bail_conditions=listed, defendant=HE))


def summary(measure: Measure) -> tuple[Kind, Known, date | None, date | None]:
    return measure.kind, measure.known, measure.since, measure.until


def all_of(his: FromHim) -> tuple[Measure, ...]:
    return (*his.binds, *his.unsure, *his.unconfirmed)


def test_an_order_protects_whom_the_court_names_by_a_code_from_the_man_it_binds() -> None:
    (measure,) = protection(order(expires_on=THIRD, until_further_order=False)).from_him(HIM).binds
    assert summary(measure) == (Kind.ORDER, Known.STATED, FIRST, THIRD)
    assert measure.protects == {b.VICTIM}


def test_an_order_that_binds_another_man_is_no_protection_from_this_one() -> None:
    his = protection(order()).from_him(ANOTHER)
    assert all_of(his) == ()


def test_an_order_whose_protection_nobody_confirmed_is_kept_apart() -> None:
    unnamed = order(protected_persons=(b.protected(attribution=Attribution.NAMED_IN_TEXT_UNCONFIRMED),))
    his = protection(unnamed).from_him(HIM)
    assert (his.binds, his.unsure) == ((), ())
    assert [measure.known for measure in his.unconfirmed] == [Known.UNCONFIRMED]


def test_an_order_that_a_court_changed_and_did_not_say_how_is_not_known_to_protect() -> None:
    changed = b.fact(
        b.orders_resulted(b.order("3263", action=OrderAction.CHANGED_NOT_STATED, order=b.order_at()), hearing_on=SECOND)
    )
    (measure,) = protection(order(), changed).from_him(HIM).binds
    assert (measure.known, measure.in_force) == (Known.NOT_KNOWN, False)


def test_where_nothing_says_who_he_is_the_orders_of_his_case_number_are_his() -> None:
    his = protection(order()).from_him(UNKNOWN, b.URN)
    assert [measure.kind for measure in his.binds] == [Kind.ORDER]
    assert [measure.kind for measure in protection(order()).from_him(UNKNOWN, "54DC9999999").unsure] == [Kind.ORDER]


def test_conditions_of_bail_bind_until_the_day_before_a_hearing_that_ends_them() -> None:
    set_, ended = heard(FIRST, Remand.CONDITIONAL_BAIL, "JK"), heard(SECOND, Remand.UNCONDITIONAL_BAIL)
    (before,) = protection(set_).from_him(HIM).unconfirmed
    (after,) = protection(set_, ended).from_him(HIM).unconfirmed
    assert summary(before) == (Kind.BAIL_CONDITIONS, Known.UNCONFIRMED, FIRST, None)
    assert summary(after) == (Kind.BAIL_CONDITIONS, Known.UNCONFIRMED, FIRST, SECOND - timedelta(days=1))
    assert (before.in_force, after.in_force) == (True, False)


@pytest.mark.parametrize(
    ("remand", "kind"), [(Remand.CONDITIONAL_BAIL, Kind.BAIL_CONDITIONS), (Remand.CUSTODY, Kind.CUSTODY)]
)
def test_what_ended_a_measure_is_one_of_the_facts_it_rests_on(remand: Remand, kind: Kind) -> None:
    """Who was told that it binds him must hear when it does no longer: an update needs a new ground."""
    began, ended = heard(FIRST, remand), heard(SECOND, Remand.UNCONDITIONAL_BAIL)
    found = [m for m in protection(began, ended).from_him(HIM).unconfirmed if m.kind is kind]
    assert [measure.facts for measure in found] == [(began, ended)]


def test_a_hearing_that_says_nothing_of_bail_leaves_its_conditions() -> None:
    (measure,) = protection(heard(FIRST, Remand.CONDITIONAL_BAIL, "JK"), heard(SECOND)).from_him(HIM).unconfirmed
    assert measure.in_force


def test_he_is_in_custody_from_the_hearing_that_says_so_until_the_next() -> None:
    hers = protection(heard(FIRST, Remand.CUSTODY), heard(SECOND, Remand.CONDITIONAL_BAIL))
    days = (FIRST - timedelta(days=1), FIRST, SECOND - timedelta(days=1), SECOND)
    assert [hers.in_custody(HIM, day) for day in days] == [False, True, True, False]


def test_another_man_in_custody_says_nothing_of_this_one() -> None:
    hers = protection(heard(FIRST, Remand.CUSTODY))
    assert not hers.in_custody(ANOTHER, FIRST)
