"""A date of birth that cannot be right takes nobody off the routes of an adult or of a child, and is asked about."""

from datetime import date, timedelta
from typing import Any

import pytest

from schemas.police_incidents.v1 import AbuseType, Grade
from schemas.values import Relationship
from services.convictions.rules import defendant_birth_date_doubtful
from services.incidents.births import birth_date_doubtful
from services.incidents.children import child_school
from services.incidents.front_door import front_door_referral, young_person_referral
from services.incidents.risk import high_risk
from services.incidents.rules import RULES
from services.platform.domain.core.duties import Duty
from services.platform.domain.core.facts import CaseFile, Fact
from tests.support import builders as b
from tests.unit.incidents.seen import hears, owed, reasons

ADULT = {"idva-larkmead", "marac-larkmead", "dait-54"}
RELATIVE = (b.connection(2, Relationship.RELATIVE),)
TOMORROW = b.TODAY + timedelta(days=1)
# What is written of a woman of 34, and the age that may stand beside it.
MISTYPED: list[dict[str, Any]] = [
    {"date_of_birth": "2091-11-03", "age": 34},
    {"date_of_birth": "2091-11-03", "age": None},
    {"date_of_birth": "1891-11-03", "age": None},
    {"date_of_birth": "1991-11-31", "age": None},
    {"date_of_birth": "2019-11-03", "age": 34},
    {"date_of_birth": "2019-11-03", "age": None},
    {"date_of_birth": "2019-11-03", "age": None, "relationships": RELATIVE},
    {"date_of_birth": "1991-11-03", "age": 3},
]


def hers(**party: Any) -> CaseFile:
    return b.case_file(b.fact(b.incident(parties=(b.victim(**party), b.suspect(relationships=())))))


def in_unlinked_file(heard: Fact) -> CaseFile:
    return b.case_file(heard, of=f"unlinked:urn:{b.URN}", unlinked={heard.id: "no_charge"})


@pytest.mark.parametrize("party", MISTYPED)
def test_a_woman_at_high_risk_is_told_of_as_an_adult_and_the_dait_is_asked(party: dict[str, Any]) -> None:
    file = hers(**party)
    assert set(owed(high_risk, file)) == ADULT
    asked = owed(birth_date_doubtful, file)["dait-54"]
    assert (asked.key.subject, asked.tell_by) == (b.VICTIM, b.NOON + timedelta(hours=1))
    assert [ask.ask for ask in asked.asks] == ["accept"]


@pytest.mark.parametrize("party", MISTYPED)
def test_the_date_is_shown_to_nobody_and_the_age_as_it_was_stated(party: dict[str, Any]) -> None:
    file = hers(**party)
    duties = [s for rule in RULES for s in rule.states(file, b.policy()) if isinstance(s, Duty)]
    said = [(duty.key.rule, what, value) for duty in duties for (what, about), value in hears(duty).items()]
    assert not [line for line in said if line[1] == "parties.date_of_birth" or party["date_of_birth"] in str(line[2])]
    ages = {value for rule, what, value in said if rule == "high_risk" and what == "parties.age"}
    assert ages == {36, party["age"]} - {None, 3}  # nobody's partner is 3


@pytest.mark.parametrize("age", [0, 3, 9])
@pytest.mark.parametrize("beside", [{}, {"date_of_birth": "2091-11-03"}, {"date_of_birth": "2025-12-01"}])
def test_a_woman_whose_age_was_written_as_a_small_child_s_is_told_of_as_an_adult(
    age: int, beside: dict[str, Any]
) -> None:
    file = hers(age=age, **beside)
    delivered = owed(high_risk, file)
    assert set(delivered) == ADULT
    assert not [
        line for duty in delivered.values() for line in hears(duty).items() if line == (("parties.age", b.VICTIM), age)
    ]
    assert set(owed(birth_date_doubtful, file)) == {"dait-54"}
    assert not owed(young_person_referral, file)


@pytest.mark.parametrize("age", [0, 9])
def test_a_suspect_is_no_child_by_such_an_age(age: int) -> None:
    incident = b.fact(b.incident(parties=(b.victim(), b.suspect(age=age))))
    assert set(owed(high_risk, b.case_file(incident))) == ADULT
    asked = owed(birth_date_doubtful, b.case_file(incident, of=b.SUSPECT))["dait-54"]
    assert hears(asked)["doubtful_age", b.SUSPECT] == "age_impossible"


def test_a_relative_who_is_a_small_child_by_her_age_alone_is_told_of_as_both() -> None:
    file = hers(age=6, relationships=RELATIVE)
    assert set(owed(high_risk, file)) == ADULT
    assert set(owed(young_person_referral, file)) == {"mash-866", "child-abuse-unit-54"}
    born = hers(age=6, date_of_birth="2019-05-01", relationships=RELATIVE)
    assert not owed(high_risk, born)


def test_a_child_who_may_be_a_small_one_is_told_of_as_both() -> None:
    party = MISTYPED[6]
    assert set(owed(young_person_referral, hers(**party))) == {"mash-866", "child-abuse-unit-54"}
    assert not owed(young_person_referral, hers(**MISTYPED[5]))


def test_where_age_and_date_disagree_that_alone_is_known_which_both_say() -> None:
    both_under_18 = hers(date_of_birth="2011-01-01", age=17)
    assert set(owed(high_risk, both_under_18)) == ADULT
    assert set(owed(young_person_referral, both_under_18)) == {"mash-866"}


@pytest.mark.parametrize("written", ["2091-11-03", "2019-11-03", "1990-02-30"])
def test_a_suspect_is_no_child_by_such_a_date(written: str) -> None:
    him = b.suspect(age=None, date_of_birth=written)
    incident = b.fact(b.incident(parties=(b.victim(), him)))
    assert set(owed(high_risk, b.case_file(incident))) == ADULT
    assert not owed(young_person_referral, b.case_file(incident, of=b.SUSPECT))
    assert set(owed(birth_date_doubtful, b.case_file(incident, of=b.SUSPECT))) == {"dait-54"}


def test_a_date_that_can_be_right_is_asked_about_by_nobody() -> None:
    assert not owed(birth_date_doubtful, hers(date_of_birth="1991-11-03", age=34))
    assert not owed(birth_date_doubtful, hers())


@pytest.mark.parametrize("written", ["1975-05-04", "2017-02-30", TOMORROW.isoformat()])
def test_whoever_is_stated_as_a_child_keeps_a_child_s_routes(written: str) -> None:
    child = b.fact(b.children(b.CRIME, b.child(date_of_birth=written)))
    file = b.case_file(b.fact(b.incident()), child, of=b.CHILD)
    duty = owed(child_school, file)["school-100001"]
    assert ("children.date_of_birth", b.CHILD) not in hears(duty)
    assert ("children.date_of_birth", b.CHILD) not in hears(owed(front_door_referral, file)["mash-866"])
    assert set(owed(birth_date_doubtful, file)) == {"dait-54"}


def test_a_child_stated_later_who_was_born_after_the_incident_was_unborn_or_its_date_is_wrong() -> None:
    later, born = b.NOON + timedelta(days=90), b.TODAY + timedelta(days=30)

    def file(**child: Any) -> CaseFile:
        linked = b.fact(b.children(b.CRIME, b.child(date_of_birth=born, **child), occurred_at=later))
        return b.case_file(b.fact(b.incident(risk=b.risk(Grade.STANDARD))), linked, of=b.CHILD)

    assert set(owed(birth_date_doubtful, file())) == {"dait-54"}
    assert ("children.date_of_birth", b.CHILD) not in hears(owed(child_school, file())["school-100001"])
    assert reasons(front_door_referral, file()) == {"below_threshold"}
    assert not owed(birth_date_doubtful, file(unborn=True))
    assert owed(front_door_referral, file(unborn=True))


@pytest.mark.parametrize(
    ("incident", "desks"),
    [
        ({"abuse_types": (AbuseType.FM,)}, {"specialist-desk-54"}),
        ({"is_police": True}, {"psd-54", "out-of-force-desk-54"}),
    ],
)
def test_where_ordinary_routes_wait_the_desk_that_policy_names_is_asked(
    incident: dict[str, Any], desks: set[str]
) -> None:
    him = b.suspect(is_police=incident.get("is_police"))
    body = b.incident(parties=(b.victim(date_of_birth="2091-11-03"), him), abuse_types=incident.get("abuse_types", ()))
    assert set(owed(birth_date_doubtful, b.case_file(b.fact(body)))) == desks


def test_the_dait_is_asked_about_a_defendant_s_date_by_the_references_of_the_case() -> None:
    heard = b.fact(b.hearing(defendant=b.defendant(date_of_birth="2089-02-03")))
    unlinked_file = in_unlinked_file(heard)
    duty = owed(defendant_birth_date_doubtful, unlinked_file)["dait-54"]
    assert hears(duty)["doubtful_date_of_birth", heard.subject] == "birth_date_impossible"
    assert "2089-02-03" not in str(duty.matter)
    right = b.fact(b.hearing(defendant=b.defendant(date_of_birth=date(1989, 2, 3))))
    assert not owed(defendant_birth_date_doubtful, in_unlinked_file(right))
