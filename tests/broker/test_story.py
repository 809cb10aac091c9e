"""The story on real servers: who is told what, at the moments that it is about, and nobody twice."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.agency_notifications.v1 import NotificationIssued
from services.ops.events import Ready, read_path, receipts
from services.ops.policies import load
from services.ops.publish import connected, send
from services.ops.starting import prepare
from services.ops.subscribe import open_topics, read_to_end
from services.platform.local.embedded import embedded_servers
from services.platform.local.services import Services, all_services
from services.platform.local.story import STORY, Played, Story, play, read_telling, show
from services.platform.local.story_clock import StoryClock, story_clock
from services.platform.project import PROJECT
from services.platform.settings import Addresses

pytestmark = [pytest.mark.broker, pytest.mark.one_process]

DRAINED_WITHIN = 60.0
POLICIES = load(PROJECT / "deploy" / "policy", PROJECT / "deploy" / "agencies")
THIRD = "54250077303"
Delivered = tuple[NotificationIssued, ...]


def story_events() -> tuple[Ready, ...]:
    return tuple(event for event in read_path(STORY, None, receipts(datetime.now(UTC))) if isinstance(event, Ready))


def kinds(delivered: Delivered, agency: str, rule: str, about: str = "") -> list[str]:
    """The kinds of notifications of one matter, in the order of their revisions."""
    found = [n for n in delivered if (n.agency, n.rule) == (agency, rule) and about in n.subject]
    return [n.kind for n in sorted(found, key=lambda n: n.revision)]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Played, Services, StoryClock]]:
    """The story, told to its end on servers of its own, which are still up."""
    folder = tmp_path_factory.mktemp("story")
    with embedded_servers(durable=False) as servers:
        prepare(Addresses(servers.kafka, servers.database), POLICIES)
        story = Story(story_events(), read_telling())
        with story_clock(servers.kafka, servers.database) as clock:
            clock.stop_at(story.events[0].time)
            with all_services(servers, folder / "services.log") as services:
                whole = play(story, clock, services, POLICIES)
                clock.let_go()
                yield whole, services, clock


@pytest.fixture(scope="module")
def delivered(played: tuple[Played, Services, StoryClock]) -> Delivered:
    return played[0].notifications


def test_at_least_eight_agencies_are_told_and_none_of_them_late_but_for_who_is_asked_next(delivered: Delivered) -> None:
    assert len({notification.agency for notification in delivered}) >= 8
    assert {notification.agency for notification in delivered if notification.late} <= {"idva-downland"}


def test_no_notification_has_two_contents_and_no_matter_two_first_notifications(delivered: Delivered) -> None:
    assert len({notification.notification for notification in delivered}) == len(delivered)
    first = [
        (notification.rule, notification.subject, notification.agency)
        for notification in delivered
        if notification.revision == 1
    ]
    assert len(set(first)) == len(first)


def test_support_that_she_declined_is_told_to_the_investigating_team_alone(delivered: Delivered) -> None:
    assert {notification.agency for notification in delivered if notification.subject.startswith("54250011101/")} == {
        "dait-54"
    }


def test_the_wrong_school_is_corrected_and_the_right_one_told_in_its_place(delivered: Delivered) -> None:
    assert kinds(delivered, "school-100001", "child_school") == ["notify", "correct"]
    assert kinds(delivered, "school-100002", "child_school", "54250044202")[0] == "notify"
    assert not [n for n in delivered if n.agency == "school-100001" and THIRD in n.subject]


def test_who_declines_is_closed_and_the_next_able_one_is_asked_by_the_old_time(delivered: Delivered) -> None:
    larkmead = [n for n in delivered if n.agency == "idva-larkmead" and n.rule == "high_risk"]
    downland = [n for n in delivered if n.agency == "idva-downland" and n.rule == "high_risk"]
    assert [n.kind for n in larkmead] == ["notify", "remind", "close"]
    assert larkmead[-1].reason == "declined"
    assert downland[0].asks[0].by == larkmead[0].asks[0].by


def test_who_declined_hears_no_more_of_her_than_its_own_end(delivered: Delivered) -> None:
    larkmead = [n for n in delivered if n.agency == "idva-larkmead"]
    assert {n.rule for n in larkmead} == {"high_risk"}
    assert max(larkmead, key=lambda n: n.issued_at).kind == "close"


def test_silence_of_the_front_door_climbs_to_the_duty_inspector_and_ends_when_he_answers(
    delivered: Delivered,
) -> None:
    unanswered = [n for n in delivered if n.rule.startswith("unanswered_")]
    escalated = [n for n in unanswered if n.subject.startswith("front_door_referral/")]
    assert {n.rule for n in escalated} == {"unanswered_manager", "unanswered_strategic", "unanswered_duty_inspector"}
    inspector = [n.kind for n in escalated if n.agency == "duty-inspector-54"]
    assert inspector == ["notify", "close"]
    assert {n.reason for n in escalated if n.kind == "close"} == {"answered"}


def test_three_incidents_of_one_pair_within_a_year_are_an_escalation(delivered: Delivered) -> None:
    assert kinds(delivered, "dait-54", "escalation", f"{THIRD}/party/1")[0] == "notify"


def test_a_missed_order_is_told_to_cps_and_dait_and_closed_when_an_order_is_known_to_protect_her(
    delivered: Delivered,
) -> None:
    for agency in ("cps-westmarch", "dait-54"):
        said = kinds(delivered, agency, "missed_order")
        assert (said[0], said[-1]) == ("notify", "close")
    closed = [n for n in delivered if n.rule == "missed_order" and n.kind == "close"]
    assert {n.reason for n in closed} == {"order_protects_her"}


def test_an_order_whose_protection_nobody_confirmed_closes_nothing(delivered: Delivered) -> None:
    asked = next(n for n in delivered if n.rule == "attribution_question" and n.kind == "notify")
    confirmed = next(n for n in delivered if n.rule == "attribution_question" and n.kind == "close")
    closed = next(n for n in delivered if n.rule == "missed_order" and n.kind == "close")
    assert asked.issued_at < confirmed.issued_at == closed.issued_at


def test_a_street_in_the_order_is_reviewed_by_both_who_must_assume_that_he_knows_it(delivered: Delivered) -> None:
    agencies = {"dait-54", "idva-downland"}
    assert {n.agency for n in delivered if n.rule == "place_term_made"} == agencies
    for agency in agencies:
        assert kinds(delivered, agency, "place_term_made") == ["notify", "update"]


def test_an_application_to_lift_the_order_is_told_and_its_decision_closes_it(delivered: Delivered) -> None:
    agencies = {"cps-westmarch", "dait-54", "idva-downland", "wcu-54"}
    lodged = {*agencies, "probation-westmarch"}  # which supervises him, and hears of no outcome
    assert {n.agency for n in delivered if n.rule == "application_lodged" and n.kind == "notify"} == lodged
    assert {n.agency for n in delivered if n.rule == "application_lodged" and n.kind == "close"} == lodged
    assert {n.agency for n in delivered if n.rule == "application_decided"} == agencies


def test_schools_hear_nothing_of_courts_and_of_applications(delivered: Delivered) -> None:
    assert {n.rule for n in delivered if n.agency.startswith("school-")} == {"child_school"}


def test_every_answer_of_the_story_found_its_notification(delivered: Delivered) -> None:
    assert not [n for n in delivered if n.rule == "answer_without_notification"]


def test_the_story_ends_with_a_picture_and_with_one_decision_explained(
    played: tuple[Played, Services, StoryClock], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, services, _ = played
    picture = tmp_path / "story.svg"
    show(whole, Story(story_events(), read_telling()), services.servers.database, POLICIES, picture)
    printed = capsys.readouterr().out
    assert "Downland IDVA Project" in printed
    assert "Why: one decision explained" in printed
    written = picture.read_text("utf-8")
    assert written.count("told</title>") == len({(n.agency, n.rule, n.subject) for n in whole.notifications})
    assert written.count("answered</title>") == len(whole.answers)


def test_after_the_story_the_clock_is_the_true_one_and_publishing_it_again_tells_nobody_anything(
    played: tuple[Played, Services, StoryClock],
) -> None:
    (delivered, _), services, clock = played
    assert clock.now() > max(notification.issued_at for notification in delivered)
    clock.wait_until_drained(services.reads, DRAINED_WITHIN, services.check)
    topics = [f"agency.{agency.id}.notifications" for agency in POLICIES.agencies]
    with open_topics(services.servers.kafka, topics) as consumer:
        before = len(read_to_end(consumer))
        with connected(services.servers.kafka) as producer:
            assert send(producer, story_events()).unsent == []
        clock.wait_until_drained(services.reads, DRAINED_WITHIN, services.check)
        assert len(read_to_end(consumer)) == 0
    assert before >= len(delivered)
    assert '"event": "worker_started"' in Path(services.log).read_text()
