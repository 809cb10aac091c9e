"""What a worker reads of a notification: who, what, by when, how long that is, and how to answer."""

from datetime import UTC, datetime, timedelta

from schemas.agency_notifications.v1 import Asked, Continuity, Item, NotificationIssued, Power, Standing
from services.ops.notifications import answered, headline, newest, tell
from services.ops.words import Names
from services.platform.domain.core.duties import notification_id
from services.platform.domain.core.facts import Key

NAMES = Names({"idva-larkmead": "Larkmead IDVA Service"}, forces={"54": "Vale"})
KEY = Key("high_risk", "54250077303/party/1", "idva-larkmead")
AT = datetime(2025, 10, 4, 22, 40, tzinfo=UTC)
ACCEPT = Asked(
    ask="accept", by=datetime(2025, 10, 5, 22, 40, tzinfo=UTC), answers=("accepted", "no_capacity", "out_of_area")
)
NAME = Item(what="parties.name", about="54250077303/party/1", value="Nell Madeup", basis="recorded")
ABUSE = Item(what="abuse_types", value=["physical", "controlling_coercive"], basis="alleged")
NOTIFICATION = NotificationIssued(
    notification=notification_id(KEY, 1),
    kind="notify",
    state="live",
    revision=1,
    replaces=None,
    service="incidents",
    rule=KEY.rule,
    subject=KEY.subject,
    agency=KEY.agency,
    desk="duty",
    occurred_at=AT,
    issued_at=AT,
    tell_by=AT,
    late=False,
    urgency="urgent",
    gather="singly",
    matter=(ABUSE, NAME),
    asks=(ACCEPT,),
    reason=None,
    texts=("Not for emergencies. If someone is in danger now, 999.",),
    grounds=("0b2f7c56-7d0e-5f0b-9a3c-2f8f1a7c0d11",),
    power=Power(lawful_basis="DPA 2018 s.35", gateway="Crime and Disorder Act 1998 s.115", purpose="To protect her"),
    policy_version="2025.1",
    policy_source="SafeLives",
    continuity=Continuity(
        agency_kind="idva",
        place=KEY.subject,
        route="high_risk",
        by_default=False,
        texts=("not_for_emergencies",),
        asked_in=1,
        asked_since=AT,
        first_told_at=AT,
        asks=(Standing(ask="accept", since=AT),),
    ),
)


def changed(**fields: object) -> NotificationIssued:
    return NOTIFICATION.model_copy(update=fields)


def text(notification: NotificationIssued = NOTIFICATION, now: datetime = AT) -> str:
    return "\n".join(line.text for line in tell(notification, now, NAMES))


def test_it_says_what_it_is_and_when_it_was_told_in_london() -> None:
    assert "URGENT New: Referral of somebody at high risk of serious harm" in text()
    assert "Sat 4 Oct 2025, 23:40 · Larkmead IDVA Service, duty desk" in text()


def test_it_says_who_by_name_and_what_with_how_sure_it_is() -> None:
    assert "Nell Madeup, whom this is about (party 1)" in text()
    assert "Kinds of abuse  physical, controlling or coercive  (alleged)" in text()


def test_it_says_what_is_asked_by_when_and_how_long_that_is() -> None:
    assert "say whether you take this on, by Sun 5 Oct 2025, 23:40 (in 1 day)" in text()
    later = datetime(2025, 10, 5, 23, 25, tzinfo=UTC)
    assert "(45 min ago, overdue)" in text(now=later)


def test_it_says_how_to_answer_with_the_codes_that_count() -> None:
    command = f"relay respond {NOTIFICATION.notification}"
    assert f"{command} accepted --as idva-larkmead --actor YOU" in text()
    assert f"{command} declined --reason no_capacity|out_of_area --as idva-larkmead --actor YOU" in text()


def test_a_decision_is_asked_for_with_its_codes() -> None:
    decide = Asked(ask="decide", by=ACCEPT.by, answers=("order_to_be_sought", "order_not_sought"))
    said = text(changed(asks=(decide,)))
    assert "decided --decision order_to_be_sought|order_not_sought --as idva-larkmead --actor YOU" in said


def test_a_decision_that_needs_a_reason_is_shown_with_the_place_for_it() -> None:
    answers = ("risk_grade_confirmed", "risk_grade_raised")
    decide = Asked(ask="decide", by=ACCEPT.by, answers=answers, needs_reason=("risk_grade_confirmed",))
    said = text(changed(asks=(decide,)))
    assert "decided --decision risk_grade_raised --as idva-larkmead --actor YOU" in said
    assert "decided --decision risk_grade_confirmed --reason CODE --as idva-larkmead --actor YOU" in said


def test_fixed_texts_and_the_power_to_share_stand_on_it() -> None:
    assert "Not for emergencies. If someone is in danger now, 999." in text()
    assert "Crime and Disorder Act 1998 s.115" in text()


def test_what_is_met_is_done_and_asks_for_nothing() -> None:
    said = text(changed(asks=(ACCEPT.model_copy(update={"met": True}),)))
    assert "Done: say whether you take this on" in said
    assert "relay respond" not in said


def test_late_is_said_with_the_time_at_which_it_should_have_been_told() -> None:
    said = text(changed(late=True, tell_by=datetime(2025, 10, 4, 22, 0, tzinfo=UTC)))
    assert "LATE" in said
    assert "This is late: you should have been told by Sat 4 Oct 2025, 23:00." in said


def test_a_correction_says_why_and_what_it_replaces_and_asks_nothing() -> None:
    before = notification_id(KEY, 1)
    said = text(
        changed(kind="correct", state="withdrawn", revision=2, replaces=before, reason="ground_fell", matter=())
    )
    assert "Do not act on it. It takes the place of notification " + before in said
    assert "A record that this relied on was corrected or withdrawn." in said
    assert "Asked of you" not in said


def test_a_closed_one_says_why() -> None:
    said = text(changed(kind="close", state="closed", revision=2, reason="order_protects_her"))
    assert "Closed: Referral of somebody" in said
    assert "An order is now known to protect her." in said


def test_a_escalation_step_says_what_nobody_has_answered() -> None:
    step = changed(rule="unanswered_duty_inspector", subject="/".join((*KEY, "accept")), agency="duty-inspector-54")
    assert (
        headline(step)
        == "For the duty inspector: nobody has answered: Referral of somebody at high risk of serious harm"
    )


def test_what_has_been_answered_is_done_and_not_overdue() -> None:
    late = AT + timedelta(days=400)
    asked = {ask.ask for ask in NOTIFICATION.asks}
    assert "overdue" in "\n".join(line.text for line in tell(NOTIFICATION, late, NAMES))
    said = "\n".join(line.text for line in tell(answered(NOTIFICATION, asked), late, NAMES))
    assert "overdue" not in said
    assert said.count("Done: ") == len(asked)
    assert "To answer" not in said


def test_an_update_names_what_is_new_in_it_once_and_in_words() -> None:
    said = text(changed(kind="update", revision=2, changed=("risk.grade", "abuse_types", "risk.grade", "asks")))
    assert "What is new: Risk grade, Kinds of abuse, what is asked of you." in said
    assert "What is new" not in text(NOTIFICATION)


def test_of_each_matter_the_highest_revision_stands_in_whatever_order_it_is_read() -> None:
    second = changed(revision=2, kind="update")
    other = changed(rule="escalation")
    assert newest([second, NOTIFICATION, other]) == (second, other)
    assert newest([NOTIFICATION, other, second]) == (second, other)


def test_who_is_asked_whom_a_court_fact_is_about_reads_what_to_type_also_after_having_read_it() -> None:
    subject = "uk.court.hearing-resulted:54DC0055525/2554DC0100000055501J/C54SD00/2025-12-01"
    read = NOTIFICATION.model_copy(update={"rule": "unlinked_result", "subject": subject, "asks": ()})
    said = [line.text for line in tell(read, AT, NAMES)]
    case = "    relay link case 54DC0055525/2554DC0100000055501J"
    assert f"{case} --party CRIME/N --as idva-larkmead --actor YOU" in said
    assert f"{case} --refuse not_domestic_abuse|not_ours|duplicate --as idva-larkmead --actor YOU" in said


def said(*items: Item, kind: str = "idva", **fields: object) -> str:
    """Of these items alone, read at an agency of this kind."""
    continuity = NOTIFICATION.continuity.model_copy(update={"agency_kind": kind})
    return text(changed(matter=items, continuity=continuity, **fields))


def recorded(what: str, value: object, about: str | None = None, basis: str = "recorded") -> Item:
    return Item.model_validate({"what": what, "about": about, "value": value, "basis": basis})


def test_the_police_force_that_said_it_is_named_in_the_second_line() -> None:
    assert said(recorded("sender.force", "54")).splitlines()[1].endswith("duty desk · from Vale (police force 54)")


def test_how_sure_each_thing_is_stands_behind_it_and_references_have_nothing_there() -> None:
    lines = said(
        recorded("markers.strangulation", True, basis="alleged"),
        recorded("risk.grade", "high", basis="assessed"),
        recorded("verdict", "convicted", basis="court_found"),
        recorded("orders.action", "imposed", basis="court_found"),
        recorded("reported_at", "2026-01-25T10:00:00Z"),
        recorded("crime_reference", "54250077303"),
    ).splitlines()
    ends = {line.split("  ")[2].strip(): line.rpartition("  ")[2] for line in lines if line.startswith("    ")}
    assert ends["Strangulation"] == "(alleged)"
    assert ends["Risk grade"] == "(assessed)"
    assert ends["Verdict"] == "(found by a court)"
    assert ends["What the court did"] == "(decided by a court)"
    assert ends["Reported"] == "(recorded)"
    assert ends["Crime reference"] == "54250077303"


def test_a_school_reads_what_is_alleged_as_reported() -> None:
    present = recorded("children.present", True, "54250077303/child/1", "alleged")
    assert "Was there  yes  (reported)" in said(present, kind="dsl")
    assert "Was there  yes  (alleged)" in said(present, kind="mash")


def test_how_people_are_related_is_a_sentence_and_a_mother_and_her_son_are_not_said_to_be_together() -> None:
    her, him = "54250077303/party/1", "54250077303/party/2"
    people = (
        recorded("parties.role", "victim", her),
        recorded("parties.name", "Nell Madeup", her),
        recorded("parties.role", "suspect", him),
        recorded("parties.name", "Abel Madeup", him),
    )
    related = (recorded("relationships.relationship", "relative", him), recorded("relationships.current", True, him))
    lines = said(*people, *related)
    assert "Relationship  Abel Madeup is a relative of Nell Madeup.  (recorded)" in lines
    assert "Abel Madeup, recorded as the suspect (party 2)" in lines
    before = (recorded("relationships.relationship", "spouse", him), recorded("relationships.current", False, him))
    assert "Abel Madeup was married to Nell Madeup." in said(*people, *before)
    assert "The suspect was married to the victim." in said(*before)


def test_what_a_child_is_to_the_victim_is_a_sentence() -> None:
    child = "54250077303/child/1"
    son = (recorded("children.name", "Abel Madeup", child), recorded("children.relation_to_victim", "son", child))
    assert "Abel Madeup is the victim's son." in said(*son)


def test_a_term_that_has_no_code_but_that_of_its_order_is_said_in_the_orders_words_alone() -> None:
    lines = said(
        recorded("prohibitions.code", "3047", basis="court_found"),
        recorded("prohibitions.text", "Not to contact Nell Madeup", basis="court_found"),
    )
    assert "The order says  Not to contact Nell Madeup  (decided by a court)" in lines
    assert "3047" not in lines


def test_an_escalation_says_what_to_do_and_not_what_nobody_did() -> None:
    step = changed(
        rule="unanswered_duty_inspector",
        subject="/".join((*KEY, "accept")),
        matter=(recorded("unanswered.accept", "the victim's support service"),),
    )
    lines = text(step).splitlines()
    act = "Say who takes this person on, and who sees to them until then. Then answer here."
    assert f"  What to do: Ring now: the victim's support service. {act}" in lines
    assert not any("nobody has done" in line.lower() for line in lines)


def test_what_to_heed_stands_before_what_is_said() -> None:
    lines = text().splitlines()
    heed = next(n for n, line in enumerate(lines) if "Not for emergencies" in line)
    assert heed < next(n for n, line in enumerate(lines) if "Kinds of abuse" in line)


def test_what_was_closed_and_was_partly_wrong_is_corrected_and_not_taken_back() -> None:
    lines = text(changed(kind="correct", state="closed", revision=3, reason="ground_changed"))
    assert lines.splitlines()[0].startswith("URGENT Corrected: ")
    assert "Part of what you were told before is wrong. What is still right is below." in lines
