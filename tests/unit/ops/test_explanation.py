"""What an explanation says to whom: the same decisions, as ops, audit and agencies may know of them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import TypeAdapter
from rich.console import Console

from schemas.police_incidents.v1 import Grade
from services.casefile.duties import Duty, Notice
from services.casefile.facts import Answer, CaseFile, Fact, Key
from services.casefile.judge import look, state
from services.casefile.ladder import RUNGS, climb
from services.casefile.reconcile import remember
from services.incidents.rules import RULES
from services.ops.explained import shown
from services.ops.explaining import explain
from services.ops.explanation import (
    AUDIT,
    OPS,
    Answered,
    Explanation,
    Issued,
    Kept,
    Looked,
    Material,
    Reader,
    Version,
)
from tests import builders as b

READ = datetime(2190, 1, 1, tzinfo=UTC)
SERVICE = "incidents"
INCIDENT = b.fact(b.incident())
CHILDREN = b.fact(b.children())
NAMES = ("Ada Invented", "Bert Invented")


def material(
    *facts: Fact, times: Iterable[datetime] = (b.NOON,), answers: tuple[Answer, ...] = (), of: str = b.VICTIM
) -> Material:
    """What the database would hold of one file after a look at each of these times."""
    file = b.linked_file(*facts, of=of)
    told: dict[Key, Notice] = {}
    issued: list[Issued] = []
    looks: list[Looked] = []
    kept: tuple[Kept, ...] = ()
    now = b.NOON
    for number, now in enumerate(times, 1):
        heard = tuple(answer for answer in answers if answer.key in told)
        file = CaseFile(file.key, file.facts, file.persons, file.links, file.unlinked, heard)
        found = look([file], told, RULES, b.policy(now), READ, now)
        told = remember(told, found)
        issued += [Issued(SERVICE, notice, file.key, number, now) for notice in found.notices]
        looks.append(Looked(SERVICE, file.key, number, now, "event", facts[0].id, "release", "policy"))
        kept = tuple(Kept(SERVICE, file.key, withheld, now) for withheld in found.withheld)
    stated, _ = state([file], RULES, b.policy(now))
    owed = {
        (SERVICE, statement.key): statement
        for statement in climb(stated, told, file.answers, b.policy(now))
        if isinstance(statement, Duty)
    }
    return Material(
        asked=b.CRIME,
        question="matter",
        now=now,
        versions=tuple(version(fact) for fact in facts),
        issued=tuple(issued),
        told={(SERVICE, key): notice for key, notice in told.items()},
        looks=tuple(looks),
        kept=kept,
        owed=owed,
        answers=tuple(
            Answered(SERVICE, a.fact.id, a.fact.kind, a.key, a.revision, None, a.fact.at, withdrawn=False)
            for a in answers
        ),
        read_to={SERVICE: READ},
    )


def version(fact: Fact, *, stands: bool = True, content: bytes = b"") -> Version:
    kind, subject = fact.statement
    digest = content or fact.id.encode()
    named = (SERVICE, fact.id, "source", f"event of {fact.id}")
    return Version(*named, fact.kind, subject, kind, fact.version, "source", fact.at, fact.at, stands, None, digest)


def as_text(explanation: Explanation) -> str:
    return TypeAdapter(Explanation).dump_json(explanation).decode()


def asked_by(role: str, agency: str | None = None, of: Material | None = None) -> Explanation:
    return explain(of or material(INCIDENT, CHILDREN), Reader(role, agency), b.policy())


def recipients(explanation: Explanation) -> set[str]:
    return {telling.recipient for telling in explanation.tellings}


def test_ops_read_which_rules_told_kinds_of_agency_and_no_agency_and_no_value() -> None:
    said = asked_by(OPS)
    assert {telling.rule for telling in said.tellings} >= {"high_risk"}
    assert all(not telling.lines for telling in said.tellings)
    text = as_text(said)
    assert not [agency.id for agency in b.shipped().agencies if f'"{agency.id}"' in text]
    assert not [change for telling in said.tellings for change in telling.changes if change.notification]


def test_audit_reads_who_was_told_and_what_was_said_by_name_but_not_by_value() -> None:
    said = asked_by(AUDIT)
    assert recipients(said) <= {agency.id for agency in b.shipped().agencies}
    lines = [line for telling in said.tellings for line in telling.lines]
    assert lines
    assert not [line for line in lines if line.shown or line.value is not None]


def test_those_who_were_told_nothing_are_explained_with_the_reason_and_the_source_of_the_rule() -> None:
    low = material(b.fact(b.incident(risk=b.risk(Grade.STANDARD))))
    said = asked_by(OPS, of=low)
    reasons = {(out.rule, out.reason) for out in said.not_told}
    assert ("high_risk", "below_threshold") in reasons
    assert all(out.policy_source and out.policy_version for out in said.not_told)


def test_every_telling_names_rule_facts_power_policy_and_the_look_that_made_it() -> None:
    for telling in asked_by(AUDIT).tellings:
        assert telling.rule
        assert set(telling.grounds) <= {INCIDENT.id, CHILDREN.id}
        assert telling.lawful_basis
        assert telling.policy_version
        assert telling.policy_source
        assert [change.look for change in telling.changes] == [1]
        assert telling.changes[0].event == f"event of {INCIDENT.id}"


def test_the_services_that_serve_her_are_one_label_to_others_and_their_own_name_to_themselves() -> None:
    whole = asked_by(AUDIT)
    (service,) = {t.recipient for t in whole.tellings if t.rule == "high_risk" and t.recipient.startswith("idva")}
    assert service not in as_text(asked_by("dait"))
    assert "the victim's support service" in recipients(asked_by("dait"))
    assert service in recipients(asked_by("idva", service))


def test_an_agency_reads_its_own_notice_whole_and_nothing_that_was_said_to_others() -> None:
    whole = asked_by(AUDIT)
    (service,) = {t.recipient for t in whole.tellings if t.rule == "high_risk" and t.recipient.startswith("idva")}
    said = asked_by("idva", service)
    own = [telling for telling in said.tellings if telling.recipient == service]
    assert own
    assert all(line.shown for telling in own for line in telling.lines)
    assert not [
        telling for telling in said.tellings if telling.recipient != service and (telling.lines or telling.grounds)
    ]


def test_a_kind_that_sees_no_locations_knows_nothing_of_matters_that_it_was_not_told_of() -> None:
    said = asked_by("dsl")
    assert not said.tellings
    assert not said.not_told
    assert not said.facts
    assert said.restricted


def test_a_school_that_is_not_named_reads_what_was_said_by_name_alone() -> None:
    child = material(INCIDENT, CHILDREN, of=b.CHILD)
    lines = [line for telling in asked_by("dsl", of=child).tellings for line in telling.lines]
    assert lines
    assert not [line for line in lines if line.value is not None]
    named = [line for telling in asked_by("dsl", school_of(child), of=child).tellings for line in telling.lines]
    assert [line for line in named if line.value is not None]


def school_of(found: Material) -> str:
    return next(key.agency for _, key in found.told if key.rule == "child_school")


def test_silence_is_told_as_the_ladder_of_the_duty_and_names_nobody_to_ops() -> None:
    hours = tuple(b.NOON + timedelta(hours=hour) for hour in range(0, 100, 4))
    found = material(INCIDENT, times=hours)
    assert [key for _, key in found.told if key.rule in RUNGS]
    said = asked_by(OPS, of=found)
    assert [telling for telling in said.tellings if telling.ladder]
    assert not [telling for telling in said.tellings if telling.rule in RUNGS]
    assert [telling for telling in said.tellings if any(ask.overdue for ask in telling.asks)]
    text = as_text(said)
    assert not [agency.id for agency in b.shipped().agencies if agency.id in text]


def test_an_answer_stands_with_the_duty_that_it_answers() -> None:
    first = material(INCIDENT)
    key = next(key for _, key in first.told if key.rule == "high_risk" and key.agency.startswith("idva"))
    answered = b.answer(b.accepted(agency=key.agency), key)
    times = (b.NOON, b.NOON + timedelta(minutes=5), b.NOON + timedelta(days=9))
    found = material(INCIDENT, times=times, answers=(answered,))
    (telling,) = [t for t in asked_by(AUDIT, of=found).tellings if (t.rule, t.recipient) == (key.rule, key.agency)]
    assert [(reply.answer, reply.counts) for reply in telling.replies] == [("accepted", True)]
    assert {(ask.met_by, ask.overdue) for ask in telling.asks} == {(answered.fact.id, False)}
    assert [moment for moment in asked_by(AUDIT, of=found).timeline if moment.what == "answered"]


def test_two_contents_of_one_version_are_shown_as_a_conflict() -> None:
    found = material(INCIDENT)
    other = replace(version(INCIDENT, stands=False, content=b"other"), event="another-event", source="another-source")
    said = asked_by(OPS, of=replace(found, versions=(*found.versions, other)))
    (conflict,) = said.conflicts
    assert (conflict.stands, conflict.others, conflict.version) == (
        f"event of {INCIDENT.id} of source",
        ("another-event of another-source",),
        1,
    )


def test_of_three_contents_of_one_version_all_are_named() -> None:
    found = material(INCIDENT)
    others = tuple(
        replace(version(INCIDENT, stands=False, content=name.encode()), event=name) for name in ("first", "second")
    )
    said = asked_by(OPS, of=replace(found, versions=(*found.versions, *others)))
    assert said.conflicts[0].others == ("first of source", "second of source")
    read = printed(said)
    assert "3 contents of incident-reported" in read
    assert "first of source" in read
    assert "second of source" in read


def test_an_agency_reads_the_replaced_facts_on_which_its_own_revisions_rested() -> None:
    amended = b.fact(b.incident(circumstances="a quarrel about money"), version=2, at=INCIDENT.at + timedelta(hours=1))
    first = material(INCIDENT)
    key = next(key for _, key in first.told if key.rule == "high_risk" and key.agency.startswith("idva"))
    notice = replace(first.told[SERVICE, key], grounds=(amended.id,))
    versions = (version(INCIDENT, stands=False), version(amended))
    found = replace(first, told=dict(first.told) | {(SERVICE, key): notice}, versions=versions)
    said = asked_by("idva", key.agency, of=found)
    assert {(fact.id, fact.state) for fact in said.facts} == {(INCIDENT.id, "replaced"), (amended.id, "stands")}
    assert {fact.id for fact in asked_by("dsl", of=found).facts} == set()


def test_recipients_who_read_alike_are_one_line_with_their_number() -> None:
    assert "the victim's support service (2 recipients)" in printed(asked_by(OPS))
    assert "recipients)" not in printed(asked_by(AUDIT))


def printed(explanation: Explanation) -> str:
    console = Console(width=110, record=True)
    console.print(shown(explanation))
    return console.export_text()


def test_a_link_is_waited_for_only_where_no_service_has_it() -> None:
    lacking = replace(version(INCIDENT), missing="no_incident")
    linked = replace(version(INCIDENT), service="convictions")
    found = material(INCIDENT)
    (fact,) = asked_by(OPS, of=replace(found, versions=(lacking,))).facts
    assert fact.missing == "no_incident"
    (fact,) = asked_by(OPS, of=replace(found, versions=(lacking, linked))).facts
    assert fact.missing is None
    assert fact.services == ("convictions", "incidents")


def test_a_duty_that_was_asked_about_is_all_that_is_told() -> None:
    found = material(INCIDENT, CHILDREN)
    key = next(key for _, key in found.told if key.rule == "high_risk")
    said = asked_by(AUDIT, of=replace(found, question="duty", keys=frozenset({key})))
    assert [(telling.rule, telling.recipient) for telling in said.tellings] == [(key.rule, key.agency)]


def test_an_event_is_explained_by_the_duties_that_rest_on_it() -> None:
    found = material(INCIDENT, CHILDREN, of=b.CHILD)
    said = asked_by(OPS, of=replace(found, question="event", about=frozenset({CHILDREN.id})))
    assert {telling.rule for telling in said.tellings} >= {"child_school"}
    nothing = asked_by(OPS, of=replace(found, question="event", about=frozenset({"never-heard-of"}), looks=()))
    assert not nothing.tellings


@pytest.mark.parametrize("role", [OPS, AUDIT, "dait", "idva", "dsl"])
def test_it_fits_eighty_columns(role: str) -> None:
    hours = tuple(b.NOON + timedelta(hours=hour) for hour in range(0, 100, 4))
    said = asked_by(role, of=material(INCIDENT, CHILDREN, times=hours))
    for detail in (True, False):
        console = Console(width=80, record=True, file=None, force_terminal=False)
        with console.capture() as captured:
            console.print(shown(said, "a kind", detail=detail))
        assert max(len(line) for line in captured.get().splitlines()) <= 80


def test_names_of_people_are_in_no_explanation_for_ops_or_audit() -> None:
    named = b.fact(b.incident(parties=(b.victim(name=NAMES[0]), b.suspect(name=NAMES[1]))))
    for role in (OPS, AUDIT):
        text = as_text(asked_by(role, of=material(named)))
        assert not [name for name in NAMES if name in text]
    assert NAMES[0] in as_text(asked_by("dait", of=material(named)))
