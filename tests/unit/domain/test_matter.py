"""What can be said of a fact: class, form, person and certainty come from the schema, never from the rule."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from schemas.classes import DataClass, Form
from schemas.police_incidents.v1 import Injury, Markers
from schemas.values import Role
from services.platform.domain.core.duties import Item
from services.platform.domain.core.matter import derived, marks, plain, show
from tests.support import builders as b


def test_a_leaf_has_the_mark_of_its_field() -> None:
    assert show(b.fact(b.incident()), "risk.grade") == (
        Item("risk.grade", "high", DataClass.K, Form.GRADE, None, "assessed"),
    )


def test_identity_is_of_the_party_that_it_belongs_to() -> None:
    incident = b.fact(b.incident(parties=(b.victim(), b.suspect(), b.victim(3))))
    found = [show(incident, f"parties.{n}.name")[0] for n in range(3)]
    assert [(item.data_class, item.about) for item in found] == [
        (DataClass.P, "CR1/party/1"),
        (DataClass.S, "CR1/party/2"),
        (DataClass.P, "CR1/party/3"),
    ]


def test_while_roles_are_unresolved_each_identity_is_that_of_somebody_who_may_be_a_victim() -> None:
    parties = (b.victim(), b.suspect(), b.victim(3, role=Role.UNRESOLVED))
    for incident in (b.incident(parties=parties), b.incident(primary_perpetrator="unresolved")):
        shown = [show(b.fact(incident), f"parties.{n}.name")[0] for n in range(len(incident.parties))]
        assert {item.data_class for item in shown} == {DataClass.P}


def test_a_container_is_said_leaf_by_leaf_each_under_its_own_mark() -> None:
    said = {item.what: item for item in show(b.fact(b.children()), "children.0")}
    assert said["children.name"].data_class is DataClass.C
    assert said["residence.la_code"].data_class is DataClass.L
    assert {item.about for item in said.values()} == {"CR1/child/1"}


def test_what_is_not_known_is_not_said() -> None:
    assert show(b.fact(b.incident(circumstances=None)), "circumstances") == ()


def test_what_a_court_decided_is_found_and_what_is_reported_is_alleged() -> None:
    (verdict,) = show(b.fact(b.hearing()), "offences.0.verdict")
    (abuse,) = show(b.fact(b.incident()), "abuse_types")
    (listed,) = show(b.fact(b.hearing()), "hearing_on")
    assert (verdict.basis, abuse.basis, listed.basis) == ("court_found", "alleged", "recorded")


def test_a_rule_may_say_whom_it_is_about_how_sure_it_is_and_what_to_call_it() -> None:
    (item,) = show(b.fact(b.hearing()), "offences.0.code", about=b.VICTIM, basis="recorded", what="offence")
    assert (item.what, item.about, item.basis) == ("offence", b.VICTIM, "recorded")
    with pytest.raises(ValueError, match="one name"):
        show(b.fact(b.hearing()), "offences", what="offence")


def test_a_path_that_the_fact_does_not_have_is_a_mistake() -> None:
    with pytest.raises((AttributeError, KeyError)):
        show(b.fact(b.incident()), "risk.colour")
    with pytest.raises(IndexError):
        show(b.fact(b.incident()), "parties.9.name")


def test_every_field_of_every_fact_has_a_mark() -> None:
    bodies = (
        b.incident(),
        b.risk_assessed(),
        b.children(),
        b.charge(),
        b.hearing(b.offence()),
        b.application(),
        b.orders_resulted(b.order(protected_persons=(b.protected(),))),
        b.declined(),
        b.link_made(),
    )
    for body in bodies:
        assert show(b.fact(body))
        assert marks(type(body))


def test_the_same_moment_is_said_in_one_way_whatever_its_zone() -> None:
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    assert plain(noon) == plain(noon.astimezone(timezone(timedelta(hours=1)))) == "2026-06-01T12:00:00Z"
    assert plain([date(2026, 6, 1), Injury.MINOR]) == ("2026-06-01", "minor")


def test_what_json_cannot_carry_cannot_be_said() -> None:
    with pytest.raises(TypeError):
        derived("x", {"a": 1}, DataClass.R)


def test_what_somebody_says_has_happened_is_alleged_whatever_class_it_has() -> None:
    incident = b.fact(b.incident(markers=Markers(strangulation=True, sexual_violence=True, pregnant=True)))
    said = {item.what: item.basis for item in (*show(incident, "markers"), *show(incident, "occurred_from"))}
    assert said == {
        "markers.strangulation": "alleged",
        "markers.sexual_violence": "alleged",
        "markers.pregnant": "recorded",
        "occurred_from": "alleged",
    }


def test_that_a_child_was_there_and_who_is_not_safe_for_it_is_alleged_and_who_it_is_is_recorded() -> None:
    stated = b.fact(b.children("CR1", b.child(1, present=True, injured=True, unsafe_adult="father")))
    said = {item.what: item.basis for item in show(stated, "children.0")}
    assert {what for what, basis in said.items() if basis == "alleged"} >= {
        *("children.present", "children.injured", "children.unsafe_adult"),
    }
    assert said["children.name"] == said["children.relation_to_victim"] == "recorded"


def test_what_she_said_about_support_is_recorded_and_is_no_allegation() -> None:
    (said,) = show(b.fact(b.incident()), "support_referral")
    assert said.basis == "recorded"
