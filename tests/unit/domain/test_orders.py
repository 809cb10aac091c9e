"""What stands of an order, whom it protects, and what a court result that names no order does to it."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.agency_responses.v1 import AttributionConfirmed
from schemas.court_order_variations.v1 import Attribution, Order, OrderAction
from services.platform.domain.core.facts import Fact
from services.platform.domain.linking.same_man import Man, identities
from services.platform.domain.protection.orders import Register, State, register
from tests.support import builders as b

LATER, LATEST = b.TODAY + timedelta(days=100), b.TODAY + timedelta(days=200)
HIM = Man(identities(b.references(), b.defendant()))
HERS = frozenset({b.VICTIM})
PROTECTS_HER = (b.protected(),)


def moment(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, 12, tzinfo=UTC)


def at(on: date, *those: Order, **over: Any) -> Fact:
    return b.fact(b.orders_resulted(*those, hearing_on=on, occurred_at=moment(on), **over))


def change(action: OrderAction = OrderAction.CHANGED_NOT_STATED, *, of: str | None = None, **over: Any) -> Order:
    return b.order("3263", action=action, order=of, **over)


def registered(*facts: Fact) -> Register:
    return register(b.case_file(b.fact(b.incident()), *facts))


def covering(found: Register, on: date = LATEST) -> list[str]:
    """The orders that bind him and are known to protect her on that day."""
    return [place for place, order in found.orders.items() if order.covers(HERS, on) and order.binds(HIM)]


def unclear(found: Register) -> list[tuple[str, ...]]:
    """For each change that waits for a person to say which order it is about, those that it may be about."""
    return [change.candidates for change in found.changes if change.order is None]


def imposed(**over: Any) -> Fact:
    return at(b.TODAY, b.order(protected_persons=PROTECTS_HER, **over))


def test_an_imposed_order_is_live_and_covers_whom_a_code_names() -> None:
    current = registered(imposed()).orders[b.order_at()]
    assert (current.state, current.protects, current.attributed, current.code) == (State.LIVE, HERS, True, "3047")
    assert current.covers(HERS, LATEST)


def test_a_name_in_free_text_protects_nobody_until_a_person_confirms_it() -> None:
    named = b.protected(attribution=Attribution.NAMED_IN_TEXT_UNCONFIRMED)
    made = at(b.TODAY, b.order(protected_persons=(named,)))
    assert not registered(made).orders[b.order_at()].attributed
    confirmed = registered(made, b.fact(b.attribution(b.party_ref()))).orders[b.order_at()]
    assert (confirmed.attributed, confirmed.protects) == (True, HERS)


def test_a_confirmation_stands_before_the_code_of_the_court() -> None:
    other = registered(imposed(), b.fact(b.attribution(b.party_ref(1, "CR2")))).orders[b.order_at()]
    assert other.protects == {"CR2/party/1"}
    assert not other.covers(HERS, LATER)


def test_a_confirmation_that_it_protects_none_of_those_known_is_an_attribution() -> None:
    nobody = registered(imposed(), b.fact(b.attribution())).orders[b.order_at()]
    assert (nobody.attributed, nobody.protects) == (True, frozenset())


def test_a_person_coded_by_record_is_found_at_her_places() -> None:
    by_record = b.protected(None).model_copy(update={"record": b.record("victim-1")})
    assert registered(at(b.TODAY, b.order(protected_persons=(by_record,)))).orders[b.order_at()].protects == HERS


def test_an_order_covers_up_to_and_on_its_last_day() -> None:
    current = registered(imposed(until_further_order=False, expires_on=LATER)).orders[b.order_at()]
    assert current.covers(HERS, LATER)
    assert not current.covers(HERS, LATER + timedelta(days=1))


def test_an_amended_result_without_the_order_leaves_none() -> None:
    amended = b.fact(b.orders_resulted(), version=2)
    assert registered(amended).orders == {}


def test_a_discharge_that_names_its_order_ends_that_order_alone() -> None:
    second = b.order(number=2, protected_persons=PROTECTS_HER)
    both = at(b.TODAY, b.order(protected_persons=PROTECTS_HER), second)
    found = registered(both, at(LATER, change(OrderAction.DISCHARGED, of=b.order_at()))).orders
    assert (found[b.order_at()].state, found[b.order_at(number=2)].state) == (State.DISCHARGED, State.LIVE)


def test_a_discharge_that_names_no_order_ends_the_only_live_one_of_that_defendant_and_court() -> None:
    found = registered(imposed(), at(LATER, change(OrderAction.DISCHARGED)))
    assert found.orders[b.order_at()].state is State.DISCHARGED
    assert unclear(found) == []


def test_a_change_of_one_of_two_live_orders_waits_for_a_person_and_neither_is_relied_on() -> None:
    both = at(b.TODAY, b.order(protected_persons=PROTECTS_HER), b.order("3326", protected_persons=PROTECTS_HER))
    found = registered(both, at(LATER, change(OrderAction.DISCHARGED)))
    assert unclear(found) == [(b.order_at(), b.order_at(code="3326"))]
    assert {o.state for o in found.orders.values()} == {State.LIVE}
    assert covering(found, LATER) == []


def test_whom_the_change_protects_tells_which_of_two_orders_it_is_about() -> None:
    hers, others = (
        b.order(protected_persons=PROTECTS_HER),
        b.order(number=2, protected_persons=(b.protected(1, "CR2"),)),
    )
    discharge = at(LATER, change(OrderAction.DISCHARGED))
    said = b.fact(b.attribution(b.party_ref(1, "CR2"), order=b.order_at(LATER, "3263")))
    found = registered(at(b.TODAY, hers, others), discharge, said)
    assert (found.orders[b.order_at()].state, found.orders[b.order_at(number=2)].state) == (
        State.LIVE,
        State.DISCHARGED,
    )


def test_an_order_of_another_defendant_is_not_the_one_that_was_changed() -> None:
    another = at(LATER, change(OrderAction.DISCHARGED), references=b.references(asn="2654DC0100000000002B"))
    found = registered(imposed(), another)
    assert found.orders[b.order_at()].in_force
    assert unclear(found) == [()]


def test_an_order_of_another_court_may_be_the_one_that_was_changed_and_a_person_must_say() -> None:
    elsewhere = at(LATER, change(OrderAction.DISCHARGED), court_ou="B54MW00")
    found = registered(imposed(), elsewhere)
    assert found.orders[b.order_at()].state is State.LIVE
    assert not found.orders[b.order_at()].in_force
    assert unclear(found) == [(b.order_at(),)]
    place = b.order_at(LATER, "3263").replace(b.COURT, "B54MW00")
    said = b.fact(b.attribution(b.party_ref(), order=place))
    assert registered(imposed(), elsewhere, said).orders[b.order_at()].state is State.DISCHARGED


def test_where_the_court_has_a_live_order_of_its_own_none_of_another_court_is_in_doubt() -> None:
    magistrates = at(b.TODAY, b.order(protected_persons=PROTECTS_HER), court_ou="B54MW00")
    found = registered(imposed(), magistrates, at(LATER, change(OrderAction.DISCHARGED), court_ou="B54MW00"))
    assert unclear(found) == []
    assert found.orders[b.order_at()].in_force


def test_an_order_made_at_the_same_hearing_is_not_the_one_that_was_changed_there() -> None:
    found = registered(imposed(), at(LATER, change(OrderAction.DISCHARGED), b.order(protected_persons=PROTECTS_HER)))
    assert (found.orders[b.order_at()].state, found.orders[b.order_at(LATER)].state) == (State.DISCHARGED, State.LIVE)


def test_an_expired_order_is_not_the_one_that_was_changed() -> None:
    found = registered(imposed(until_further_order=False, expires_on=LATER), at(LATEST, change(OrderAction.VARIED)))
    assert unclear(found) == [()]


def test_a_change_not_stated_counts_as_lost_protection_until_a_person_says_that_it_protects() -> None:
    facts = imposed(), at(LATER, change())
    assert registered(*facts).orders[b.order_at()].state is State.UNKNOWN_CHANGE
    assert covering(registered(*facts)) == []
    before = b.fact(b.attribution(b.party_ref(), occurred_at=moment(LATER) - timedelta(days=1)))
    assert covering(registered(*facts, before)) == []
    since = b.fact(b.attribution(b.party_ref(), occurred_at=moment(LATER) + timedelta(days=1)))
    assert covering(registered(*facts, since)) == [b.order_at()]


def test_a_variation_may_move_the_last_day_and_one_silent_about_it_leaves_it() -> None:
    made = imposed(until_further_order=False, expires_on=LATER)
    longer = change(OrderAction.VARIED, of=b.order_at(), until_further_order=False, expires_on=LATEST)
    silent = change(OrderAction.VARIED, of=b.order_at(), until_further_order=False)
    on = b.TODAY + timedelta(days=10)
    assert registered(made, at(on, longer)).orders[b.order_at()].expires_on == LATEST
    assert registered(made, at(on, silent)).orders[b.order_at()].expires_on == LATER


def test_a_replacement_ends_the_old_order_and_makes_one_that_protects_nobody_by_inheritance() -> None:
    found = registered(imposed(), at(LATER, b.order("3260", action=OrderAction.REPLACED)))
    assert found.orders[b.order_at()].state is State.REPLACED
    new = found.orders[b.order_at(LATER, "3260")]
    assert (new.state, new.attributed) == (State.LIVE, False)


def test_an_order_from_before_go_live_is_known_by_the_change_that_names_it() -> None:
    old = b.order_at(date(2019, 5, 1))
    found = registered(at(LATER, change(OrderAction.VARIED, of=old)), b.fact(b.attribution(b.party_ref(), order=old)))
    current = found.orders[old]
    assert (current.code, current.made_on, current.state, current.protects) == ("3047", None, State.VARIED, HERS)
    assert registered(at(LATEST, change(OrderAction.DISCHARGED)), *_facts(old)).orders[old].state is State.DISCHARGED


def test_what_later_hearings_did_does_not_change_what_an_order_covered_before() -> None:
    current = registered(imposed(), at(LATEST, change(OrderAction.DISCHARGED))).orders[b.order_at()]
    assert current.covers(HERS, LATER)
    assert not current.covers(HERS, LATEST)
    made = imposed(until_further_order=False, expires_on=LATER)
    longer = change(OrderAction.VARIED, of=b.order_at(), until_further_order=False, expires_on=LATEST)
    varied = registered(made, at(b.TODAY + timedelta(days=10), longer)).orders[b.order_at()]
    assert varied.as_of(b.TODAY).expires_on == LATER


def test_an_application_that_names_no_order_is_about_the_only_live_one() -> None:
    lodged = b.application(order=None, lodged_at=moment(LATER))
    one = registered(imposed())
    assert (sought := one.sought(lodged)) is not None
    assert sought.place == b.order_at()
    assert (
        registered(
            imposed(), at(b.TODAY, b.order("3326"), court_ou=b.COURT, references=b.references(urn="54DC0099926"))
        ).sought(lodged)
        is None
    )


Hearings = list[tuple[int, list[tuple[OrderAction, str, bool]]]]
HEARINGS = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.lists(
            st.tuples(
                st.sampled_from([OrderAction.IMPOSED, OrderAction.IMPOSED, *OrderAction]),
                st.sampled_from(["3047", "3260", "3326"]),
                st.booleans(),
            ),
            max_size=3,
        ),
    ),
    max_size=5,
    unique_by=lambda hearing: hearing[0],
)


@given(
    HEARINGS, st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=3), st.randoms(use_true_random=False)
)
def test_the_order_of_arrival_changes_nothing_in_the_register(
    hearings: Hearings, said: list[tuple[int, int]], chance: Random
) -> None:
    facts: list[Fact] = []
    for day, elements in hearings:
        on = b.TODAY + timedelta(days=day)
        those = [
            b.order(code, number=n, action=action, protected_persons=PROTECTS_HER if coded else ())
            for n, (action, code, coded) in enumerate(elements, 1)
        ]
        facts.append(at(on, *those))
    attributions: dict[str, AttributionConfirmed] = {}
    for day, after in said:
        place = b.order_at(b.TODAY + timedelta(days=day))
        attributions[place] = b.attribution(
            b.party_ref(), order=place, occurred_at=moment(b.TODAY + timedelta(days=after))
        )
    facts += [b.fact(body) for body in attributions.values()]
    shuffled = list(facts)
    chance.shuffle(shuffled)
    assert registered(*facts) == registered(*shuffled)


@given(HEARINGS)
def test_an_order_protects_only_whom_something_names(hearings: Hearings) -> None:
    facts = [
        at(
            b.TODAY + timedelta(days=day),
            *(b.order(code, number=n, action=action) for n, (action, code, _) in enumerate(elements, 1)),
        )
        for day, elements in hearings
    ]
    assert all(not o.protects and not o.attributed for o in registered(*facts).orders.values())


def _facts(old: str) -> list[Fact]:
    return [at(LATER, change(OrderAction.VARIED, of=old)), b.fact(b.attribution(b.party_ref(), order=old))]


def test_a_variation_that_is_not_clear_about_the_length_leaves_no_end_that_was_known_before() -> None:
    """An order that was made longer by an unclear time is not over on its old last day."""
    made = imposed(expires_on=LATER, until_further_order=None)
    varied = at(LATER - timedelta(days=1), change(OrderAction.VARIED, until_further_order=None, length_unclear=True))
    assert covering(registered(made), LATEST) == []
    assert covering(registered(made, varied), LATEST) == [b.order_at()]


def test_an_end_that_cannot_be_right_is_no_end() -> None:
    before_it_was_made = imposed(expires_on=b.TODAY - timedelta(days=1), until_further_order=None)
    (order,) = registered(before_it_was_made).orders.values()
    assert (order.expires_on, covering(registered(before_it_was_made))) == (None, [b.order_at()])
