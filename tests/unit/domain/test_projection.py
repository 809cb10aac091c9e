"""What an agency may see, by class, form and person; and what a reader of an explanation may know of the others."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.classes import DataClass, Form
from services.platform.domain.core.duties import Item
from services.platform.domain.core.facts import Key
from services.platform.domain.core.projection import VICTIM_SERVICE, Case, allowed, project_explanation
from services.platform.policy.model import Grant
from tests.support import builders as b
from tests.unit.domain.small import POLICY, RULES, World

HER = Case("CR1/party/1", frozenset({"CR2/party/3"}))
CHILD = Case("CR1/child/1")
IDVA = Key("high_risk", b.VICTIM, "north-idva")
DAIT = IDVA._replace(agency="north-dait")


def item(about: str | None, data_class: DataClass = DataClass.P, form: Form = Form.FULL) -> Item:
    return Item("x", "y", data_class, form, about)


def grant(whose: str, data_class: DataClass = DataClass.P, form: Form = Form.FULL) -> Grant:
    return Grant.model_validate({"data_class": data_class, "form": form, "whose": whose})


@pytest.mark.parametrize(
    ("whose", "case", "about", "seen"),
    [
        ("subject", HER, "CR1/party/1", True),
        ("subject", HER, "CR2/party/3", True),
        ("subject", HER, "CR1/party/2", False),
        ("subject", HER, "CR1/child/1", False),
        ("subject", HER, None, True),
        ("subject", HER, "54DC1/A1/C54SD00/2026-03-02/order/3047", True),
        ("case", HER, "CR1/party/2", True),
        ("case", HER, "CR2/child/1", True),
        ("case", HER, "CR9/party/1", False),
        ("any", HER, "CR9/party/1", True),
        ("own_pupils", CHILD, "CR1/child/1", True),
        ("own_pupils", CHILD, "CR1/child/2", False),
        ("own_pupils", CHILD, "CR1/party/1", False),
        ("own_pupils", CHILD, None, False),
    ],
)
def test_a_grant_speaks_of_persons(whose: str, case: Case, about: str | None, *, seen: bool) -> None:
    assert allowed(item(about), [grant(whose)], case) is seen


@given(st.sampled_from(DataClass), st.sampled_from(Form), st.sampled_from(DataClass), st.sampled_from(Form))
def test_a_grant_covers_its_class_and_its_form_and_full_covers_every_form(
    c: DataClass, form: Form, granted: DataClass, granted_form: Form
) -> None:
    seen = allowed(item(None, c, form), [grant("any", granted, granted_form)], HER)
    assert seen == (c is granted and granted_form in (form, Form.FULL))


def test_without_a_grant_nothing_is_seen() -> None:
    assert not any(allowed(item(None, c), [], HER) for c in DataClass)


def delivered(**over: Any) -> World:
    world = World(rules=RULES[:1])
    world.evaluate(b.fact(b.incident(circumstances="a quarrel", **over)), now=b.NOON)
    return world


def test_each_agency_reads_its_own_part_of_the_same_matter() -> None:
    world = delivered()
    names = {key.agency: [what for what, *_ in notification.content] for key, notification in world.delivered.items()}
    assert names["north-dait"] == ["sender.force", "risk.grade", "parties.name", "circumstances", "abuse_types"]
    assert names["north-idva"] == ["sender.force", "risk.grade", "parties.name", "abuse_types"]


def test_how_sure_each_thing_is_stands_at_it_and_no_text_speaks_of_all_of_them() -> None:
    notification = delivered().delivered[IDVA]
    assert {what: basis for what, _, _, basis in notification.content} == {
        "sender.force": "recorded",
        "risk.grade": "assessed",
        "parties.name": "recorded",
        "abuse_types": "alleged",
    }
    assert notification.texts == ("not_for_emergencies", "safe_contact")


@pytest.mark.parametrize(
    "safe_contact",
    [
        {"safe_contact": "none", "safe_contact_recorded_on": None},
        {"safe_contact": "unknown", "safe_contact_recorded_on": b.TODAY},
        {"safe_contact": "recorded_with_sender", "safe_contact_recorded_on": b.TODAY},
    ],
)
def test_outside_the_police_nobody_is_to_contact_her_whatever_the_sender_has_recorded(
    safe_contact: dict[str, object],
) -> None:
    world = delivered(**safe_contact)
    assert "safe_contact" in world.delivered[IDVA].texts
    assert "safe_contact" not in world.delivered[DAIT].texts


def test_an_explanation_names_a_recipient_to_itself_alone() -> None:
    world = delivered()
    policy, notification = POLICY.at(b.NOON), world.delivered[IDVA]
    own = project_explanation(notification, None, "idva", "north-idva", policy)
    assert (own.recipient, own.content) == ("north-idva", notification.content)
    for role, agency in (("idva", "south-idva"), ("idva", None), ("dait", "north-dait"), ("dsl", None)):
        other = project_explanation(notification, None, role, agency, policy)
        assert (other.recipient, other.content) == (VICTIM_SERVICE, ())
    assert (
        project_explanation(world.delivered[DAIT], None, "idva", "north-idva", policy).recipient == "Investigation team"
    )
