"""How facts find their people: a function of what stands, whatever came first."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import values as v
from schemas.court_order_variations.v1 import Attribution, OrderAction, ProtectedPerson
from services.platform.domain.core.facts import Fact
from services.platform.domain.linking.links import current_facts, files_of, link
from services.platform.domain.linking.references import references
from services.platform.domain.linking.ways import unlinked_file
from tests.support import builders as b
from tests.support.steps import steps

HER, HIM, CHILD = "record:vale-records:victim-1", "record:vale-records:suspect-2", "record:vale-records:child-1"
HOME = f"unlinked:urn:{b.URN}"


def test_an_incident_lies_with_every_party_and_a_child_through_the_statement_that_names_it() -> None:
    incident, children = b.fact(b.incident()), b.fact(b.children(b.CRIME, b.child()))
    files = files_of([incident, children])
    assert set(files) == {HER, HIM, CHILD}
    assert files[CHILD].links[incident.id] == (children.id,)
    assert files[HER].own_places == {b.VICTIM}
    assert files[CHILD].own_places == {b.CHILD}


def test_a_person_without_a_record_is_known_by_the_place_in_the_matter() -> None:
    files = files_of([b.fact(b.incident(parties=(b.victim(record=None), b.suspect())))])
    assert f"place:{b.VICTIM}" in files


def test_a_placeholder_is_nobody() -> None:
    incident = b.fact(b.incident(parties=(b.victim(record=b.record("unknown")), b.suspect())))
    assert f"place:{b.VICTIM}" in files_of([incident], lambda written: written == "unknown")


def test_a_charge_leads_a_court_result_to_the_parties_of_its_offences() -> None:
    incident, charge, result = b.fact(b.incident()), b.fact(b.charge()), b.fact(b.hearing())
    files = files_of([incident, charge, result])
    assert set(files[HER].links[result.id]) == {charge.id, incident.id}
    assert files[HOME].unlinked == {}
    assert set(files[HOME].links[result.id]) == {charge.id, incident.id}


def test_a_court_result_without_a_charge_waits_at_its_urn() -> None:
    result = b.fact(b.hearing())
    files = files_of([b.fact(b.incident()), result])
    assert files[HOME].unlinked == {result.id: "no_charge"}
    assert result.id not in {fact.id for fact in files[HER].facts}


def test_another_defendant_of_the_same_urn_is_not_linked() -> None:
    other = b.hearing(references=v.References(urn=b.URN, asn="2654DC0100000000009Z"))
    files = files_of([b.fact(b.incident()), b.fact(b.charge()), b.fact(other)])
    assert files[HOME].unlinked


def test_a_single_candidate_with_the_same_name_and_birth_is_linked_and_two_are_not() -> None:
    born = date(1990, 1, 2)
    body = b.hearing(
        references=v.References(urn=b.URN), defendant=b.defendant(name="Silas  SUSPECTTEST", date_of_birth=born)
    )
    result = b.fact(body, subject=body.subject)
    incident = b.fact(b.incident(parties=(b.victim(), b.suspect(date_of_birth=born))))
    charge = b.fact(b.charge())
    assert result.id in {fact.id for fact in files_of([incident, charge, result])[HER].facts}
    twin = b.fact(b.incident("CR2", parties=(b.victim(), b.suspect(date_of_birth=born, record=b.record("another")))))
    charged = b.fact(b.charge(b.charged(crime="CR2"), references=v.References(urn=b.URN, asn="2654DC0100000000008Y")))
    files = files_of([incident, charge, result, twin, charged])
    assert files[HOME].unlinked[result.id] == "no_charge"


@pytest.mark.parametrize("spelt", ["SUSPECTTEST", "Súspecttest", "Jean-Paul  SUSPECTTEST"])
def test_a_single_candidate_is_linked_however_the_court_spells_his_name(spelt: str) -> None:
    born = date(1990, 1, 2)
    heard = b.hearing(
        references=v.References(urn=b.URN), defendant=b.defendant(name=f"Silas {spelt}", date_of_birth=born)
    )
    result = b.fact(heard)
    incident = b.fact(b.incident(parties=(b.victim(), b.suspect(date_of_birth=born))))
    assert result.id in files_of([incident, b.fact(b.charge()), result])[HER].links


def test_a_result_and_a_charge_are_linked_however_each_writes_the_case() -> None:
    incident = b.fact(b.incident())
    charge = b.fact(b.charge(references=v.References(urn="54dc12326", asn="26/54DC/01/1A")))
    result = b.fact(b.hearing(references=v.References(urn="54 DC 00123 26", asn="26-54dc-01-00000000001a")))
    assert set(files_of([incident, charge, result])[HER].links[result.id]) == {charge.id, incident.id}


def test_a_reference_that_cannot_be_read_leads_to_nobody_and_waits_for_a_person() -> None:
    unreadable = v.References(urn="54DC-PENDING", asn="see-file")
    incident, charge = b.fact(b.incident()), b.fact(b.charge(references=unreadable))
    result = b.fact(b.hearing(references=unreadable))
    files = files_of([incident, charge, result])
    assert result.id not in files[HER].links
    waiting = {fact: lacks for file in files.values() for fact, lacks in file.unlinked.items()}
    assert waiting == {charge.id: "unreadable_reference", result.id: "unreadable_reference"}
    assert not references(charge) & references(result)


def test_a_refused_link_ends_the_wait_and_leads_to_nobody() -> None:
    result, refused = b.fact(b.hearing()), b.fact(b.link_refused())
    files = files_of([result, refused])
    assert files[HOME].unlinked == {}
    assert files[HOME].links[result.id] == (refused.id,)


def test_a_link_made_later_replaces_one_refused() -> None:
    refused = b.fact(b.link_refused())
    made = b.fact(b.link_made(), version=2)
    result = b.fact(b.hearing())
    files = files_of([b.fact(b.incident()), refused, made, result])
    assert set(files[HER].links[result.id]) >= {made.id}
    assert current_facts([refused, made]) == [made]


def test_an_application_reaches_her_through_its_order() -> None:
    orders = b.fact(b.orders_resulted(b.order()))
    place = orders.body.place_of(orders.body.orders[0])  # type: ignore[attr-defined]
    lodged = b.fact(b.application(order=place, references=v.References(court_case="T20267001")))
    files = files_of([b.fact(b.incident()), b.fact(b.charge()), orders, lodged])
    assert orders.id in files[HER].links[lodged.id]


def test_a_confirmed_attribution_brings_the_order_into_her_file_without_a_charge() -> None:
    orders = b.fact(b.orders_resulted(b.order(action=OrderAction.IMPOSED, protected_persons=())))
    place = orders.body.place_of(orders.body.orders[0])  # type: ignore[attr-defined]
    confirmed = b.fact(b.attribution(b.party_ref(1), order=place))
    files = files_of([b.fact(b.incident()), orders, confirmed])
    assert confirmed.id in files[HER].links[orders.id]
    assert HIM not in {key for key, file in files.items() if orders.id in {f.id for f in file.facts}}


def test_a_change_that_names_no_order_reaches_those_whom_an_order_of_its_case_protects() -> None:
    made, incident = b.fact(b.orders_resulted(b.order())), b.fact(b.incident())
    confirmed = b.fact(b.attribution(b.party_ref()))
    later = {"hearing_on": date(2026, 4, 2), "occurred_at": b.NOON + timedelta(days=31)}
    gone = b.fact(b.orders_resulted(b.order("3263", action=OrderAction.DISCHARGED), **later))
    files = files_of([incident, made, confirmed, gone])
    assert set(files[HER].links[gone.id]) >= {made.id, confirmed.id}
    assert gone.id not in files[HOME].unlinked
    another = b.references(asn="2654DC0100000000002B")
    of_another = b.fact(b.orders_resulted(b.order("3263", action=OrderAction.DISCHARGED), references=another, **later))
    assert of_another not in files_of([incident, made, confirmed, of_another])[HER].facts


def test_a_hearing_lies_with_those_whom_an_order_of_its_case_protects_and_still_lacks_its_charge() -> None:
    made, incident = b.fact(b.orders_resulted(b.order())), b.fact(b.incident())
    heard = b.fact(b.hearing())
    files = files_of([incident, made, b.fact(b.attribution(b.party_ref())), heard])
    assert heard in files[HER].facts
    assert files[HOME].unlinked[heard.id] == "no_charge"


def test_a_person_coded_in_the_order_needs_no_other_link() -> None:
    whom = ProtectedPerson(role="victim", record=b.record("victim-1"), attribution=Attribution.CODED)
    orders = b.fact(b.orders_resulted(b.order(protected_persons=(whom,))))
    assert orders.id in {fact.id for fact in files_of([b.fact(b.incident()), orders])[HER].facts}


FACTS: tuple[Fact, ...] = (
    b.fact(b.incident()),
    b.fact(b.incident(parties=(b.victim(), b.suspect(record=None))), version=2),
    b.fact(b.children(b.CRIME, b.child())),
    b.fact(b.children(children=()), version=2),
    b.fact(b.charge()),
    b.withdrawal(b.fact(b.charge())),
    b.fact(b.hearing()),
    b.fact(b.orders_resulted()),
    b.fact(b.application()),
    b.fact(b.link_made()),
    b.fact(b.link_refused(), version=2),
)


@given(st.lists(st.sampled_from(FACTS), unique_by=lambda fact: fact.id), st.randoms(use_true_random=False))
def test_where_facts_lie_does_not_depend_on_what_came_first(facts: list[Fact], chance: object) -> None:
    shuffled = list(facts)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert files_of(facts) == files_of(shuffled)


@given(st.lists(st.sampled_from(FACTS), unique_by=lambda fact: fact.id))
def test_every_standing_fact_lies_somewhere_and_its_references_close(facts: list[Fact]) -> None:
    current = current_facts(facts)
    linkage = link(current)
    for fact in current:
        assert linkage.membership[fact.id]
        assert references(fact)
        assert unlinked_file(fact).startswith("unlinked:")
        for ids in linkage.membership[fact.id].values():
            assert set(ids) <= {other.id for other in current}


def test_a_withdrawn_charge_takes_the_result_out_of_her_file() -> None:
    incident, charge, result = b.fact(b.incident()), b.fact(b.charge()), b.fact(b.hearing())
    files = files_of([incident, charge, result, b.withdrawal(charge, at=charge.at + timedelta(days=1))])
    assert result.id not in {fact.id for fact in files[HER].facts}
    assert files[HOME].unlinked == {result.id: "no_charge"}


def test_what_linking_costs_grows_with_the_number_of_cases_and_not_with_its_square() -> None:
    def cost(cases: int) -> int:
        facts = []
        for number in range(cases):
            crime, refs = f"CR{number}", b.references(asn=f"2654DC01{number:011d}A", defendant_id=None)
            bodies = (b.incident(crime), b.charge(b.charged(1, crime), references=refs), b.hearing(references=refs))
            facts += [b.fact(body) for body in bodies]
        link(facts)
        return steps(lambda: link(facts))

    assert cost(240) < 1.05 * 8 * cost(30)
