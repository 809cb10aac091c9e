"""In the file of a reference: what leads to nobody is told by references alone, and who is protected is asked once."""

from datetime import timedelta
from typing import Any, Literal

import pytest

from schemas.court_order_variations.v1 import Attribution, OrderAction, ProtectedPerson
from schemas.police_incidents.v1 import AbuseType
from schemas.values import Body, PartyRef, References
from services.order_variations.orders import order_imposed, order_unconfirmed
from services.order_variations.references import attribution_question, unlinked_application, unlinked_order
from services.order_variations.rules import RULES
from services.platform.domain.core.duties import Duty, Withheld
from services.platform.domain.core.evaluate import evaluate
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.reconcile import remember
from services.platform.domain.linking.links import files_of
from tests.support import builders as b
from tests.unit.incidents import seen

HOME = f"unlinked:urn:{b.URN}"
TOLD = {"dait-54", "cps-westmarch"}


def unlinked_file(*facts: Fact) -> CaseFile:
    return files_of(facts)[HOME]


@pytest.mark.parametrize(
    ("action", "route"),
    [
        (OrderAction.IMPOSED, "unlinked_order_imposed"),
        (OrderAction.VARIED, "unlinked_order_changed"),
        (OrderAction.DISCHARGED, "unlinked_order_changed"),
        (OrderAction.REPLACED, "unlinked_order_changed"),
        (OrderAction.CHANGED_NOT_STATED, "unlinked_order_changed"),
    ],
)
def test_an_order_that_leads_to_nobody_is_told_by_references_alone(action: OrderAction, route: str) -> None:
    made = b.fact(b.orders_resulted(b.order(action=action)))
    duties = seen.owed(unlinked_order, unlinked_file(made))
    assert set(duties) == TOLD
    for duty in duties.values():
        assert duty.why.route == route
        assert (duty.settles, duty.opens) == (True, made.at + timedelta(minutes=5))
        assert duty.key.subject == f"uk.court.orders-resulted:{made.subject}"
        assert {item.data_class.value for item in duty.matter} == {"R"}
        assert seen.matter(duty)["event"] == f"order_{action}"


def test_a_hearing_that_did_several_things_is_told_as_the_most_dangerous() -> None:
    made = b.orders_resulted(b.order(), b.order("3263", action=OrderAction.DISCHARGED))
    assert seen.matter(seen.owed(unlinked_order, unlinked_file(b.fact(made)))["dait-54"])["event"] == "order_discharged"


def test_a_hearing_without_orders_tells_nobody() -> None:
    assert list(unlinked_order(unlinked_file(b.fact(b.orders_resulted())), b.policy())) == []


def test_what_links_it_settles_it_and_so_does_a_refusal() -> None:
    made = b.fact(b.orders_resulted(b.order()))
    for facts in ((b.fact(b.incident()), b.fact(b.charge())), (b.fact(b.link_refused()),)):
        duties = seen.owed(unlinked_order, unlinked_file(made, *facts))
        assert {duty.ended for duty in duties.values()} == {Reason.LINK_SETTLED}
        assert facts[-1].id in duties["dait-54"].met_by


@pytest.mark.parametrize(
    ("body", "event", "route"),
    [
        (b.application(), "application_lodged", "unlinked_application"),
        (b.application_withdrawn(references=b.references()), "application_withdrawn", "unlinked_application"),
        (b.application_decided(references=b.references()), "application_refused", "unlinked_application"),
        (
            b.application_decided(outcome="granted", references=b.references()),
            "application_granted",
            "unlinked_order_changed",
        ),
    ],
)
def test_an_application_that_leads_to_nobody_is_told_by_references_alone(body: Body, event: str, route: str) -> None:
    duties = seen.owed(unlinked_application, unlinked_file(b.fact(body)))
    assert set(duties) == TOLD
    assert {(seen.matter(d)["event"], d.why.route) for d in duties.values()} == {(event, route)}
    assert {item.data_class.value for d in duties.values() for item in d.matter} == {"R"}


def linked(*facts: Fact) -> CaseFile:
    return unlinked_file(b.fact(b.incident()), b.fact(b.charge()), *facts)


def test_an_order_that_says_nobody_asks_the_dait_once_whom_it_protects() -> None:
    made = b.fact(b.orders_resulted(b.order(), b.order("3326")))
    (duty,) = seen.owed(attribution_question, linked(made)).values()
    assert (duty.kind, duty.opens, duty.ended) == ("dait", b.NOON + timedelta(minutes=30), None)
    asked = [item.value for item in duty.matter if item.what == "say_whom_it_protects"]
    assert asked == [b.order_at(), b.order_at(code="3326")]


def test_it_is_answered_when_every_order_is_attributed_and_not_before() -> None:
    made = b.fact(b.orders_resulted(b.order(), b.order("3326")))
    one = b.fact(b.attribution(b.party_ref()))
    other = b.fact(b.attribution(order=b.order_at(code="3326")))
    assert seen.owed(attribution_question, linked(made, one))["dait-54"].ended is None
    assert seen.owed(attribution_question, linked(made, one, other))["dait-54"].ended is Reason.ATTRIBUTED


def test_an_order_whose_protected_person_is_coded_asks_nothing() -> None:
    made = b.fact(b.orders_resulted(b.order(protected_persons=(b.protected(),))))
    assert seen.owed(attribution_question, linked(made))["dait-54"].ended is Reason.ATTRIBUTED


def coded(number: str = "P-77", role: Literal["victim", "child"] = "victim", system: str = b.SYSTEM) -> ProtectedPerson:
    return ProtectedPerson(role=role, record=b.record(number, system), attribution=Attribution.CODED)


UNKNOWN = coded(system="example-courts")


@pytest.mark.parametrize("facts", [(), (b.incident(), b.children(), b.charge(b.charged(parties=(2,))))])
def test_what_leads_to_no_victim_is_told_by_references_alone(facts: tuple[Body, ...]) -> None:
    """The court codes a record that nobody here has; the charge names him alone."""
    ended = b.order(action=OrderAction.DISCHARGED, protected_persons=(UNKNOWN,))
    known = tuple(map(b.fact, facts))
    duties = seen.owed(unlinked_order, unlinked_file(b.fact(b.orders_resulted(ended)), *known))
    assert {agency: duty.ended for agency, duty in duties.items()} == dict.fromkeys(TOLD)
    applied = seen.owed(unlinked_application, unlinked_file(b.fact(b.application()), *known))
    assert {agency: duty.ended for agency, duty in applied.items()} == dict.fromkeys(TOLD)


def test_a_code_that_leads_to_nobody_does_not_say_whom_an_order_protects() -> None:
    facts = (b.fact(b.incident()), b.fact(b.charge()), b.fact(b.orders_resulted(b.order(protected_persons=(UNKNOWN,)))))
    assert seen.owed(attribution_question, unlinked_file(*facts))["dait-54"].ended is None
    hers = b.linked_file(*facts)
    assert set(seen.owed(order_unconfirmed, hers)) == {"dait-54", "idva-larkmead", "wcu-54"}
    assert seen.reasons(order_imposed, hers) == {Reason.NOT_KNOWN_TO_PROTECT_HER}


def test_a_party_that_is_not_known_does_not_say_whom_an_order_protects_until_she_is() -> None:
    made = b.fact(b.orders_resulted(b.order(protected_persons=(b.protected(1, "CR2"),))))
    assert seen.owed(attribution_question, linked(made))["dait-54"].ended is None
    other = b.fact(b.incident("CR2", parties=(b.victim(record=b.record("another")), b.suspect())))
    assert seen.owed(attribution_question, linked(made, other))["dait-54"].ended is Reason.ATTRIBUTED


@pytest.mark.parametrize("whom", [coded("victim-1"), coded("child-1", "child")], ids=["her", "her child"])
def test_a_person_coded_by_record_who_stands_at_the_incident_is_known(whom: ProtectedPerson) -> None:
    made = b.fact(b.orders_resulted(b.order(protected_persons=(whom,))))
    assert seen.owed(attribution_question, linked(made, b.fact(b.children())))["dait-54"].ended is Reason.ATTRIBUTED


def test_a_record_that_a_merge_makes_hers_is_known_for_as_long_as_the_merge_stands() -> None:
    made = b.fact(b.orders_resulted(b.order(protected_persons=(coded(),))))
    for merge in (b.fact(b.merged("victim-1", "P-77")), b.fact(b.merged("P-77", "a-record", "victim-1"))):
        duty = seen.owed(attribution_question, linked(made, merge))["dait-54"]
        assert duty.ended is Reason.ATTRIBUTED
        assert merge.id in duty.grounds
        assert seen.owed(attribution_question, linked(made, merge, b.withdrawal(merge)))["dait-54"].ended is None
    unknown = b.fact(b.merged("victim-1", "P-78"))
    file = linked(made, unknown, b.fact(b.attribution(b.party_ref(), b.party_ref(11))))
    assert seen.owed(attribution_question, file)["dait-54"].ended is None
    assert set(file.unlinked.values()) == {"no_incident"}


@pytest.mark.parametrize("role", ["victim", "child"])
def test_whoever_a_person_links_to_the_case_hears_nothing_of_an_order_coded_by_the_record_of_another(
    role: Literal["victim", "child"],
) -> None:
    another = b.incident("CR2", parties=(b.victim(record=b.record("another")), b.suspect()))
    made = b.orders_resulted(b.order(protected_persons=(coded(f"{role}-1", role),)))
    bodies = (b.incident(), b.children(), b.charge(), b.link_made(b.party_ref(1, "CR2")), another, made)
    hers = b.linked_file(*map(b.fact, bodies), of="CR2/party/1")
    assert seen.owed(order_unconfirmed, hers) == {}
    assert seen.reasons(order_unconfirmed, hers) == {Reason.PROTECTS_ANOTHER}
    assert hers.own_places == {"CR2/party/1"}


def test_a_change_of_nobody_knows_which_order_asks_too() -> None:
    changed = b.fact(b.orders_resulted(b.order("3263", action=OrderAction.DISCHARGED)))
    duty = seen.owed(attribution_question, linked(changed))["dait-54"]
    assert seen.matter(duty)["say_whom_it_protects"] == b.order_at(code="3263")


def test_what_is_linked_to_nobody_is_not_asked_about_yet() -> None:
    made = b.fact(b.orders_resulted(b.order()))
    assert list(attribution_question(unlinked_file(made), b.policy())) == []


def test_a_case_that_concerns_nobody_here_is_asked_about_no_longer() -> None:
    made, refused = b.fact(b.orders_resulted(b.order())), b.fact(b.link_refused())
    for facts in ((made, refused), (made, refused, b.fact(b.incident()), b.fact(b.charge()))):
        duty = seen.owed(attribution_question, unlinked_file(*facts))["dait-54"]
        assert (duty.ended, duty.met_by) == (Reason.LINK_SETTLED, (refused.id,))


@pytest.mark.parametrize(
    ("about", "asked"),
    [
        ({"parties": (b.victim(), b.suspect(is_police=True))}, {"out-of-force-desk-54", "psd-54"}),
        ({"abuse_types": (AbuseType.HBA,)}, {"specialist-desk-54"}),
        ({"primary_perpetrator": "unresolved"}, {"dait-supervisor-54"}),
    ],
)
def test_where_ordinary_routes_wait_the_named_desk_is_asked_and_never_the_dait(
    about: dict[str, Any], asked: set[str]
) -> None:
    made, delivered = b.fact(b.orders_resulted(b.order())), b.fact(b.incident(**about))
    file = unlinked_file(made, delivered, b.fact(b.charge()))
    stated = list(attribution_question(file, b.policy()))
    assert {s.key.agency for s in stated if isinstance(s, Duty)} == asked
    assert {s.key.agency for s in stated if isinstance(s, Withheld)} == {"dait-54"}
    assert delivered.id in {ground for statement in stated for ground in statement.grounds}


def test_the_dait_that_was_asked_hears_no_more_when_the_suspect_turns_out_to_be_police() -> None:
    made, charge = b.fact(b.orders_resulted(b.order())), b.fact(b.charge())
    delivered = b.fact(b.incident())
    known = b.fact(b.incident(parties=(b.victim(), b.suspect(is_police=True))), version=2)
    later = b.NOON + timedelta(hours=1)
    rules = [rule for rule in RULES if rule.name == "attribution_question"]
    first = evaluate([unlinked_file(made, delivered, charge)], {}, rules, b.policy(), later, later)
    assert {notification.key.agency for notification in first.notifications} == {"dait-54"}
    second = evaluate([unlinked_file(made, known, charge)], remember({}, first), rules, b.policy(), later, later)
    (notification,) = (n for n in second.notifications if n.key.agency == "dait-54")
    assert (notification.kind, notification.reason, notification.content) == ("correct", Reason.GROUND_FELL, ())


@pytest.mark.parametrize("refs", [b.references(urn=None), b.references(urn=None, asn=None, defendant_id="D1")])
def test_what_people_say_of_a_case_without_a_urn_is_heard_where_they_were_asked(refs: References) -> None:
    made = b.orders_resulted(b.order(), references=refs, hearing=b.hearing_place(refs=refs))
    known = (b.fact(made), b.fact(b.incident()), b.fact(b.charge(references=refs)))
    said = {
        Reason.ATTRIBUTED: b.attribution(b.party_ref(), order=made.place_of(made.orders[0])),
        Reason.LINK_SETTLED: b.link_refused("case", f"-/{refs.asn or refs.defendant_id}"),
    }
    for reason, answer in said.items():
        unlinked_files = [file for file in files_of((*known, b.fact(answer))).values() if file.is_unlinked]
        stated = [statement for file in unlinked_files for statement in attribution_question(file, b.policy())]
        assert [s.ended for s in stated if isinstance(s, Duty)] == [reason]


def test_a_confirmation_about_a_change_waits_for_no_order() -> None:
    made = b.fact(b.orders_resulted(b.order("3263", action=OrderAction.CHANGED_NOT_STATED)))
    said = b.fact(b.attribution(b.party_ref(), order=b.order_at(code="3263")))
    assert said.id not in linked(made, said).unlinked


@pytest.mark.parametrize("party", [b.party_ref(crime="CR11"), b.party_ref(11)])
def test_a_confirmation_for_somebody_who_is_not_known_waits_and_leaves_the_question_open(party: PartyRef) -> None:
    made, said = b.fact(b.orders_resulted(b.order())), b.fact(b.attribution(b.party_ref(), party))
    file = linked(made, said)
    assert file.unlinked[said.id] == "no_incident"
    assert seen.owed(attribution_question, file)["dait-54"].ended is None


def test_a_link_to_somebody_who_is_not_known_waits() -> None:
    """It leads to the one who is known meanwhile."""
    made, said = b.fact(b.orders_resulted(b.order())), b.fact(b.link_made(parties=(b.party_ref(), b.party_ref(11))))
    files = files_of((made, said, b.fact(b.incident())))
    assert {waiting for file in files.values() for waiting in file.unlinked} == {said.id}
    assert said.id in files["record:vale-records:victim-1"].current
