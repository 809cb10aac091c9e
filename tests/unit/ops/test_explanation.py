"""What an explanation says to whom: the same decisions, as ops, audit and agencies may know of them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import TypeAdapter
from rich.console import Console

from schemas.police_incidents.v1 import Grade, RiskTool
from services.incidents.rules import RULES
from services.ops.explained import shown
from services.ops.explaining import explain
from services.ops.explanation import (
    AUDIT,
    OPS,
    Answered,
    End,
    Evaluated,
    Explanation,
    Issued,
    Kept,
    Material,
    PoliceMatters,
    Reader,
    Version,
)
from services.platform.domain.core.duties import Duty, Notification
from services.platform.domain.core.escalation import ESCALATION_STEPS, escalate
from services.platform.domain.core.evaluate import evaluate, state
from services.platform.domain.core.facts import Answer, CaseFile, Fact, Key
from services.platform.domain.core.reconcile import remember
from tests.support import builders as b

READ = datetime(2190, 1, 1, tzinfo=UTC)
SERVICE = "incidents"
INCIDENT = b.fact(b.incident())
CHILDREN = b.fact(b.children())
NAMES = ("Ada Invented", "Bert Invented")


def material(
    *facts: Fact, times: Iterable[datetime] = (b.NOON,), answers: tuple[Answer, ...] = (), of: str = b.VICTIM
) -> Material:
    """What the database would hold of one file after an evaluation of each of these times."""
    file = b.linked_file(*facts, of=of)
    delivered: dict[Key, Notification] = {}
    issued: list[Issued] = []
    evaluations: list[Evaluated] = []
    kept: tuple[Kept, ...] = ()
    now = b.NOON
    for number, now in enumerate(times, 1):
        heard = tuple(answer for answer in answers if answer.key in delivered)
        file = CaseFile(file.key, file.facts, file.persons, file.links, file.unlinked, heard)
        found = evaluate([file], delivered, RULES, b.policy(now), READ, now)
        delivered = remember(delivered, found)
        issued += [Issued(SERVICE, notification, file.key, number, now) for notification in found.notifications]
        evaluations.append(Evaluated(SERVICE, file.key, number, now, "event", [facts[0].id], "release", "policy"))
        kept = tuple(Kept(SERVICE, file.key, withheld, now) for withheld in found.withheld)
    stated, _ = state([file], RULES, b.policy(now))
    owed = escalate(stated, delivered, file.answers, b.policy(now), file.current, lambda place: place, now)
    escalated = {(SERVICE, each.key): each for each in owed}
    return Material(
        asked=b.CRIME,
        question="matter",
        now=now,
        versions=tuple(version(fact) for fact in facts),
        issued=tuple(issued),
        delivered={(SERVICE, key): notification for key, notification in delivered.items()},
        evaluations=tuple(evaluations),
        kept=kept,
        owed={which: each for which, each in escalated.items() if isinstance(each, Duty)},
        measured_by={which: each.why.measured_by for which, each in escalated.items()},
        answers=tuple(
            Answered(SERVICE, a.fact.id, a.fact.kind, a.key, a.revision, None, a.fact.at, withdrawn=False)
            for a in answers
        ),
        read_to={SERVICE: READ},
    )


def version(fact: Fact, *, is_current: bool = True, content: bytes = b"") -> Version:
    kind, subject = fact.statement
    digest = content or fact.id.encode()
    named = (SERVICE, fact.id, "source", f"event of {fact.id}")
    return Version(*named, fact.kind, subject, kind, fact.version, "source", fact.at, fact.at, is_current, None, digest)


def as_text(explanation: Explanation) -> str:
    return TypeAdapter(Explanation).dump_json(explanation).decode()


def asked_by(role: str, agency: str | None = None, of: Material | None = None) -> Explanation:
    said = explain(of or material(INCIDENT, CHILDREN), Reader(role, agency), b.policy())
    assert said is not None
    return said


def is_nothing_to(role: str, agency: str | None = None, of: Material | None = None) -> bool:
    return explain(of or material(INCIDENT, CHILDREN), Reader(role, agency), b.policy()) is None


def recipients(explanation: Explanation) -> set[str]:
    return {duty.recipient for duty in explanation.delivered}


def test_ops_read_which_rules_told_kinds_of_agency_and_no_agency_and_no_value() -> None:
    said = asked_by(OPS)
    assert {duty.rule for duty in said.delivered} >= {"high_risk"}
    assert all(not duty.lines for duty in said.delivered)
    text = as_text(said)
    assert not [agency.id for agency in b.shipped().agencies if f'"{agency.id}"' in text]
    assert not [change for duty in said.delivered for change in duty.changes if change.notification]


def test_audit_reads_who_was_told_and_what_was_said_by_name_but_not_by_value() -> None:
    said = asked_by(AUDIT)
    assert recipients(said) <= {agency.id for agency in b.shipped().agencies}
    lines = [line for duty in said.delivered for line in duty.lines]
    assert lines
    assert not [line for line in lines if line.shown or line.value is not None]


def test_those_who_were_told_nothing_are_explained_with_the_reason_and_the_source_of_the_rule() -> None:
    low = material(b.fact(b.incident(risk=b.risk(Grade.STANDARD))))
    said = asked_by(OPS, of=low)
    reasons = {(out.rule, out.reason) for out in said.withheld}
    assert ("high_risk", "below_threshold") in reasons
    assert all(out.policy_source and out.policy_version for out in said.withheld)


def test_every_telling_names_rule_facts_power_policy_and_the_look_that_made_it() -> None:
    for duty in asked_by(AUDIT).delivered:
        assert duty.rule
        assert set(duty.grounds) <= {INCIDENT.id, CHILDREN.id}
        assert duty.lawful_basis
        assert duty.policy_version
        assert duty.policy_source
        assert [change.evaluation for change in duty.changes] == [1]
        assert duty.changes[0].events == (f"event of {INCIDENT.id}",)


def test_the_services_that_serve_her_are_one_label_to_others_and_their_own_name_to_themselves() -> None:
    whole = asked_by(AUDIT)
    (service,) = {t.recipient for t in whole.delivered if t.rule == "high_risk" and t.recipient.startswith("idva")}
    assert service not in as_text(asked_by("dait"))
    assert "the victim's support service" in recipients(asked_by("dait"))
    assert service in recipients(asked_by("idva", service))


def test_an_agency_reads_its_own_notification_whole_and_nothing_that_was_said_to_others() -> None:
    whole = asked_by(AUDIT)
    (service,) = {t.recipient for t in whole.delivered if t.rule == "high_risk" and t.recipient.startswith("idva")}
    said = asked_by("idva", service)
    own = [duty for duty in said.delivered if duty.recipient == service]
    assert own
    assert all(line.shown for duty in own for line in duty.lines)
    assert not [duty for duty in said.delivered if duty.recipient != service and (duty.lines or duty.grounds)]


def test_a_kind_that_sees_no_locations_knows_nothing_of_matters_that_it_was_not_told_of() -> None:
    assert is_nothing_to("dsl")
    assert is_nothing_to("dsl", "school-100002")
    assert is_nothing_to("idva", "idva-severnmouth")


def test_an_agency_that_was_considered_and_told_nothing_does_not_learn_of_it() -> None:
    low = material(b.fact(b.incident(risk=b.risk(Grade.STANDARD))))
    assert {kept.withheld.key.agency for kept in low.kept} >= {"idva-larkmead"}
    assert is_nothing_to("idva", "idva-larkmead", of=low)
    assert asked_by("dait", "dait-54", of=low).withheld


def test_of_others_nothing_is_said_to_those_who_may_not_know_of_them() -> None:
    read = printed(asked_by("idva", "idva-larkmead"))
    assert "nobody" not in read.casefold()
    assert "There may be more." in read


POLICE = b.fact(b.incident(parties=(b.victim(), b.suspect(is_police=True))))


def of_police(*facts: Fact) -> Material:
    known = facts or (POLICE,)
    ids = frozenset(fact.id for fact in known)
    return replace(material(*known), police=PoliceMatters(frozenset({b.CRIME}), ids, frozenset({"54"})))


@pytest.mark.parametrize(
    "reader",
    [
        (OPS, None),
        ("dait", None),
        ("dait", "dait-54"),
        ("dait_supervisor", "dait-supervisor-54"),
        ("duty_inspector", "duty-inspector-54"),
        ("wcu", "wcu-54"),
        ("dait", "dait-53"),
        ("idva", "idva-larkmead"),
        ("cps", "cps-westmarch"),
    ],
)
def test_where_the_suspect_is_police_there_is_nothing_for_any_but_the_desk_that_policy_names(
    reader: tuple[str, str | None],
) -> None:
    assert is_nothing_to(*reader, of=of_police())
    about = replace(of_police(), question="event", about=frozenset({POLICE.id}), ends=(ACCEPTED,))
    assert is_nothing_to(*reader, of=about)
    delivered = replace(of_police(), question="duty", keys=frozenset(key for _, key in of_police().delivered))
    assert is_nothing_to(*reader, of=delivered)


ACCEPTED = End(SERVICE, "source", "accepted", b.NOON)


@pytest.mark.parametrize("reader", [("psd", "psd-54"), ("psd", None), (AUDIT, None)])
def test_where_the_suspect_is_police_the_desk_in_his_force_s_place_and_audit_read_of_it(
    reader: tuple[str, str | None],
) -> None:
    assert {duty.rule for duty in asked_by(*reader, of=of_police()).delivered} == {"held_for_specialist"}


def test_who_was_told_before_it_was_known_that_he_is_police_reads_that_alone_and_his_force_nothing() -> None:
    file = b.linked_file(INCIDENT)
    before = material(INCIDENT)
    found = replace(
        before,
        kept=tuple(Kept(SERVICE, file.key, one, b.NOON) for one in (kept.withheld for kept in of_police().kept)),
        police=PoliceMatters(frozenset({b.CRIME}), frozenset({INCIDENT.id}), frozenset({"54"})),
    )
    said = asked_by("idva", "idva-larkmead", of=found)
    assert recipients(said) == {"idva-larkmead"}
    assert not said.withheld
    assert is_nothing_to("dait", "dait-54", of=found)
    assert is_nothing_to(OPS, of=found)


def test_beside_a_matter_of_police_an_ordinary_one_of_the_same_person_is_explained_alone() -> None:
    other = b.fact(b.incident("CR2"))
    found = replace(of_police(POLICE, other), question="person")
    found = replace(found, police=replace(found.police, facts=frozenset({POLICE.id})))
    said = asked_by(OPS, of=found)
    assert {fact.id for fact in said.facts} == {other.id}
    assert {duty.subject.partition("/")[0] for duty in said.delivered} == {"CR2"}
    assert {out.subject.partition("/")[0] for out in said.withheld} <= {"CR2"}
    assert b.CRIME not in as_text(said).replace(f'"asked":"{b.CRIME}"', "")


def test_a_school_that_is_not_named_reads_what_was_said_by_name_alone() -> None:
    child = material(INCIDENT, CHILDREN, of=b.CHILD)
    lines = [line for duty in asked_by("dsl", of=child).delivered for line in duty.lines]
    assert lines
    assert not [line for line in lines if line.value is not None]
    named = [line for duty in asked_by("dsl", school_of(child), of=child).delivered for line in duty.lines]
    assert [line for line in named if line.value is not None]


def school_of(found: Material) -> str:
    return next(key.agency for _, key in found.delivered if key.rule == "child_school")


def test_silence_is_told_as_the_ladder_of_the_duty_and_names_nobody_to_ops() -> None:
    hours = tuple(b.NOON + timedelta(hours=hour) for hour in range(0, 100, 4))
    found = material(INCIDENT, times=hours)
    assert [key for _, key in found.delivered if key.rule in ESCALATION_STEPS]
    said = asked_by(OPS, of=found)
    assert [duty for duty in said.delivered if duty.steps]
    assert not [duty for duty in said.delivered if duty.rule in ESCALATION_STEPS]
    assert [duty for duty in said.delivered if any(ask.overdue for ask in duty.asks)]
    text = as_text(said)
    assert not [agency.id for agency in b.shipped().agencies if agency.id in text]


def test_an_answer_stands_with_the_duty_that_it_answers() -> None:
    first = material(INCIDENT)
    key = next(key for _, key in first.delivered if key.rule == "high_risk" and key.agency.startswith("idva"))
    answered = b.answer(b.accepted(agency=key.agency), key)
    times = (b.NOON, b.NOON + timedelta(minutes=5), b.NOON + timedelta(days=9))
    found = material(INCIDENT, times=times, answers=(answered,))
    (duty,) = [t for t in asked_by(AUDIT, of=found).delivered if (t.rule, t.recipient) == (key.rule, key.agency)]
    assert [(reply.answer, reply.counts) for reply in duty.replies] == [("accepted", True)]
    assert {(ask.met_by, ask.overdue) for ask in duty.asks} == {(answered.fact.id, False)}
    assert [moment for moment in asked_by(AUDIT, of=found).timeline if moment.what == "answered"]


def test_two_contents_of_one_version_are_shown_as_a_conflict() -> None:
    found = material(INCIDENT)
    other = replace(
        version(INCIDENT, is_current=False, content=b"other"), event="another-event", source="another-source"
    )
    said = asked_by(OPS, of=replace(found, versions=(*found.versions, other)))
    (conflict,) = said.conflicts
    assert (conflict.current, conflict.others, conflict.version) == (
        f"event of {INCIDENT.id} of source",
        ("another-event of another-source",),
        1,
    )


def test_of_three_contents_of_one_version_all_are_named() -> None:
    found = material(INCIDENT)
    others = tuple(
        replace(version(INCIDENT, is_current=False, content=name.encode()), event=name) for name in ("first", "second")
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
    key = next(key for _, key in first.delivered if key.rule == "high_risk" and key.agency.startswith("idva"))
    notification = replace(first.delivered[SERVICE, key], grounds=(amended.id,))
    versions = (version(INCIDENT, is_current=False), version(amended))
    found = replace(first, delivered=dict(first.delivered) | {(SERVICE, key): notification}, versions=versions)
    said = asked_by("idva", key.agency, of=found)
    assert {(fact.id, fact.state) for fact in said.facts} == {(INCIDENT.id, "superseded"), (amended.id, "current")}
    assert is_nothing_to("dsl", of=found)


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
    key = next(key for _, key in found.delivered if key.rule == "high_risk")
    said = asked_by(AUDIT, of=replace(found, question="duty", keys=frozenset({key})))
    assert [(duty.rule, duty.recipient) for duty in said.delivered] == [(key.rule, key.agency)]


def test_an_event_is_explained_by_the_duties_that_rest_on_it() -> None:
    found = material(INCIDENT, CHILDREN, of=b.CHILD)
    said = asked_by(OPS, of=replace(found, question="event", about=frozenset({CHILDREN.id})))
    assert {duty.rule for duty in said.delivered} >= {"child_school"}
    nothing = asked_by(OPS, of=replace(found, question="event", about=frozenset({"never-heard-of"}), evaluations=()))
    assert not nothing.delivered


@pytest.mark.parametrize("role", [OPS, AUDIT, "dait", "idva", "marac"])
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


def test_a_threshold_is_named_with_its_row_for_those_told_and_for_those_not() -> None:
    row = "policy row thresholds for every force without a row of its own, from 2020-01-01"
    found = asked_by(AUDIT, of=material(b.fact(b.incident(risk=b.risk(Grade.STANDARD, tick_count=2)))))
    (withheld,) = {one.measured_by for one in found.withheld if one.rule == "high_risk"}
    found = asked_by(AUDIT, of=material(b.fact(b.incident(risk=b.risk(tick_count=20)))))
    (delivered,) = {one.measured_by for one in found.delivered if one.rule == "high_risk"}
    assert delivered == withheld
    assert delivered.startswith("ticks of DASH-2009-27: MARAC from 14, ")
    assert row in delivered
    assert row.partition(" for ")[0] in " ".join(printed(found).split())


def test_a_tool_without_ticks_is_said_to_have_none() -> None:
    found = asked_by(AUDIT, of=material(b.fact(b.incident(risk=b.risk(tool=RiskTool.DARA)))))
    (delivered,) = {one.measured_by for one in found.delivered if one.rule == "high_risk"}
    assert delivered.startswith("DARA has no tick count: grade and judgement alone; policy row thresholds")


def test_a_count_is_named_with_its_window_its_row_and_the_pair_that_was_counted() -> None:
    day = timedelta(days=1)
    callouts = [b.fact(b.incident(crime, reported_at=b.NOON + n * day)) for n, crime in enumerate(("A", "B", "CR1"))]
    found = asked_by(AUDIT, of=material(*callouts, times=(b.NOON + 3 * day,)))
    (review,) = (one for one in found.delivered if one.rule == "escalation")
    assert review.measured_by == (
        "3 incidents in 12 months beginning with the day of the first, by when they were reported; "
        "counted: CR1/party/1 with CR1/party/2; "
        "policy row windows, escalation for every force without a row of its own, "
        "from 2020-01-01 (SafeLives, potential escalation; the number is an area's own)"
    )
    below = {one.subject: one.measured_by for one in found.withheld if one.rule == "escalation"}
    assert "counted: A/party/1 with A/party/2" in below["A/party/1"]
    assert "CR1/party/2" in " ".join(printed(found).split())


def test_the_ledger_of_a_child_says_who_was_told_of_it_when_and_when_it_was_read() -> None:
    school = Key("child_school", b.CHILD, "school-100001")
    first = b.NOON + timedelta(minutes=20)
    read = b.acknowledged(occurred_at=b.NOON + timedelta(hours=3), agency=school.agency)
    answers = (Answer(b.fact(read, at=b.NOON + timedelta(hours=3)), school, 1),)
    times = (first, b.NOON + timedelta(hours=4))
    said = asked_by(AUDIT, of=material(INCIDENT, CHILDREN, times=times, answers=answers, of=b.CHILD))
    ledger = {
        duty.recipient: (duty.delivered_at, [(reply.answer, reply.at) for reply in duty.replies])
        for duty in said.delivered
        if duty.subject == b.CHILD
    }
    assert ledger["school-100001"] == (first, [("acknowledged", b.NOON + timedelta(hours=3))])
    assert ledger["mash-866"] == (first, [])
    text = printed(said)
    assert "has read it" in text
