"""What only real transactions show: answers find their service, links are never missed, a moved place is told once."""

import random
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from services.convictions.__main__ import SERVICE as CONVICTIONS
from services.incidents.__main__ import SERVICE as INCIDENTS
from services.order_variations.__main__ import SERVICE as ORDER_VARIATIONS
from services.platform.streaming.sending import Message
from services.responses.__main__ import SERVICE as RESPONSES
from tests.broker.conftest import Play
from tests.broker.relay import Relay, drained, message, until
from tests.broker.troubled import GRADE_REVIEW, STREAM, fates, incident, service
from tests.support import builders as b

pytestmark = pytest.mark.broker

ANSWERS = "agency.responses"
NOBODYS = "5f2b7f0c-6a35-5d0e-9a51-0c5a3d1e9b77"


def test_an_answer_ends_in_the_service_that_asked_and_one_to_no_notification_is_told_to_its_sender(play: Play) -> None:
    asked, other = service(reads=(STREAM, ANSWERS)), service(GRADE_REVIEW, reads=(STREAM, ANSWERS))
    responses = replace(RESPONSES, name=service().name)

    async def story(relay: Relay) -> None:
        async with relay.working(asked, other, responses) as worker:
            await relay.publish(incident("CR1"))
            await relay.settled(worker)
            (notification,) = (await relay.all_delivered())["idva-larkmead"]
            await relay.publish(
                message(b.acknowledged(notification.notification), "uk.agency.acknowledged"),
                message(b.declined(notification.notification, agency="marac-larkmead"), "uk.agency.declined"),
                message(b.declined(NOBODYS, agency="marac-larkmead"), "uk.agency.declined"),
                message(b.accepted("nobodys-notice"), "uk.agency.accepted"),
            )
            await relay.settled(worker)
        assert await fates(relay, asked.name) == {"accepted": 2, "not_ours": 3}
        assert await fates(relay, other.name) == {"accepted": 1, "not_ours": 4}
        assert await fates(relay, responses.name) == {"accepted": 3, "not_ours": 1}
        assert not await relay.read(f"{ANSWERS}.dlq")
        delivered = await relay.all_delivered()
        rules = [(n.rule, n.kind) for n in delivered["idva-larkmead"]]
        assert rules == [("high_risk", "notify"), ("answer_without_notification", "notify")]
        replies = [n for n in delivered["marac-larkmead"] if n.rule == "answer_without_notification"]
        answered = {item.value for reply in replies for item in reply.matter if item.what == "notification"}
        assert answered == {notification.notification, NOBODYS}
        guessed, nobodys = (
            (
                reply.kind,
                reply.texts,
                reply.asks,
                reply.urgency,
                [item.what for item in reply.matter],
                len(reply.grounds),
            )
            for reply in replies
        )
        assert guessed == nobodys
        why = await relay.rows("select subject, missing from fact where missing is not null order by missing, subject")
        assert why == [
            (notification.notification, "not_the_recipient"),
            *((subject, "unknown_notification") for subject in sorted([NOBODYS, "nobodys-notice"])),
        ]

    play(story)


def test_what_arises_later_goes_to_the_service_that_took_her_on(play: Play) -> None:
    referring = replace(service(), reads=(STREAM, ANSWERS))
    orders = replace(ORDER_VARIATIONS, name=service().name)
    took_her_on, chosen_by_area, forger = "idva-downland", "idva-larkmead", "idva-harebell"
    of_her = ("high_risk", b.VICTIM)

    async def referral_to(relay: Relay, agency: str) -> str:
        return next(n.notification for n in (await relay.all_delivered())[agency] if (n.rule, n.subject) == of_her)

    async def advocates_told_of_the_order(relay: Relay) -> set[str]:
        delivered = (await relay.all_delivered()).items()
        state = {
            agency: n.state for agency, notifications in delivered for n in notifications if n.rule == "order_imposed"
        }
        return {agency for agency, now in state.items() if now == "live" and agency.startswith("idva-")}

    async def story(relay: Relay) -> None:
        court = [
            message(b.charge(), "uk.police.charge-preferred"),
            message(b.orders_resulted(b.order(protected_persons=(b.protected(),))), "uk.court.orders-resulted"),
        ]
        async with relay.working(referring, orders) as worker:
            await relay.publish(incident(b.CRIME), incident("CR2"), *court)
            await relay.settled(worker)
            assert await advocates_told_of_the_order(relay) == {chosen_by_area}
            first = await referral_to(relay, chosen_by_area)
            for answer in (b.declined(first), b.accepted(first, agency=forger)):
                await relay.publish(message(answer, f"uk.agency.{type(answer).__name__.lower()}"))
            await relay.settled(worker)
            second = await referral_to(relay, took_her_on)
            await relay.publish(message(b.accepted(second, agency=took_her_on), "uk.agency.accepted"))
            await relay.settled(worker)
        assert await advocates_told_of_the_order(relay) == {took_her_on}
        assert forger not in await relay.all_delivered()
        assert await relay.rows("select count(*) from unexplained") == [(0,)]

    play(story)


def test_a_result_and_the_charge_that_links_it_never_miss_each_other(play: Play) -> None:
    mine = replace(CONVICTIONS, name=service().name)
    cases = 40

    def case(n: int) -> list[Message]:
        refs = b.references(urn=f"54DC{n:07}", asn=f"2654DC01000000{n:05}A")
        return [
            incident(f"CR{n}"),
            message(b.charge(b.charged(crime=f"CR{n}"), references=refs), "uk.police.charge-preferred"),
            message(b.hearing(references=refs), "uk.court.hearing-resulted"),
        ]

    async def story(relay: Relay) -> None:
        events = [event for n in range(cases) for event in case(n)]
        random.Random(1).shuffle(events)  # noqa: S311 - only to mix them
        async with AsyncExitStack() as stack:
            first, second = [await stack.enter_async_context(relay.working(mine)) for _ in range(2)]
            await until(lambda: _shared(first, second))
            await relay.publish(*events)
            await until(lambda: drained(relay, first))
        assert await fates(relay, mine.name) == {"accepted": 3 * cases}
        assert await relay.rows("select kind, missing from fact where is_current and missing is not null") == []

    async def _shared(*workers: object) -> bool:
        return all(worker.running[0].consumer.partitions for worker in workers)  # type: ignore[attr-defined]

    play(story)


def test_a_child_corrected_to_another_person_leaves_the_school_told(play: Play) -> None:
    mine = replace(INCIDENTS, name=service().name)
    kind = "uk.police.children-linked"

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            await relay.publish(incident("CR1"), message(b.children("CR1", b.child(record=b.record("one"))), kind))
            await relay.settled(worker)
            school = "select file, state from delivery where rule = 'child_school'"
            assert await relay.rows(school) == [("record:vale-records:one", "live")]
            await relay.publish(message(b.children("CR1", b.child(record=b.record("another"))), kind, version=2))
            await relay.settled(worker)
            assert await relay.rows(school) == [("record:vale-records:another", "live")]
        notifications = [
            n for delivered in (await relay.all_delivered()).values() for n in delivered if n.rule == "child_school"
        ]
        assert max(notifications, key=lambda notification: notification.revision).state == "live"

    play(story)
