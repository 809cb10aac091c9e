"""A hearing of the size that courts send: taken whole by every service with its orders, on a real broker."""

from datetime import UTC, datetime, timedelta

import pytest

from services.convictions.__main__ import SERVICE as CONVICTIONS
from services.incidents.__main__ import SERVICE as INCIDENTS
from services.ops.events import Format, Ready, Written, events
from services.order_variations.__main__ import SERVICE as ORDER_VARIATIONS
from services.platform.streaming.sending import Message
from tests.broker.conftest import Play
from tests.broker.relay import Relay, message
from tests.support import builders as b
from tests.support.large_hearings import SENTENCE, hearing_of

NOW = datetime.now(UTC).replace(microsecond=0)
SERVICES = (INCIDENTS, CONVICTIONS, ORDER_VARIATIONS)


def sent(content: bytes) -> list[Message]:
    ready = [event for event in events(Written("court", content, Format.SPI), NOW) if isinstance(event, Ready)]
    assert len(ready) == 2
    return [Message(each.publication.topic, *each.publication.record) for each in ready]


@pytest.mark.parametrize("what", ["many orders", "few orders and much else"])
def test_a_hearing_of_two_and_a_half_megabytes_is_taken_whole_with_its_orders(play: Play, what: str) -> None:
    content = hearing_of(2_500_000) if what == "many orders" else hearing_of(2_500_000, said_after=SENTENCE)
    of_court = sent(content)
    hearing = (of_court[0].key or b"").decode()
    happened = NOW - timedelta(days=1)
    incident = message(b.incident(occurred_at=happened), "uk.police.incident-reported", time=happened)
    urn, asn, *_ = hearing.split("/")
    references = b.references(urn=urn, asn=asn, defendant_id=None)
    charge = message(b.charge(references=references, occurred_at=happened), "uk.police.charge-preferred", time=happened)

    async def story(relay: Relay) -> None:
        async with relay.working(*SERVICES) as worker:
            await relay.publish(incident, charge, *of_court)
            await relay.settled(worker)
        current = await relay.rows(
            "select service, kind from fact where is_current and subject = %s order by 1, 2", hearing
        )
        assert set(current) == {
            ("convictions", "uk.court.hearing-resulted"),
            ("incidents", "uk.court.orders-resulted"),
            ("convictions", "uk.court.orders-resulted"),
            ("order_variations", "uk.court.hearing-resulted"),
            ("order_variations", "uk.court.orders-resulted"),
        }
        assert not await relay.rows("select 1 from refusal")
        assert not await relay.rows("select 1 from record where fate = 'faulted'")
        assert not await relay.rows("select 1 from outbox")
        delivered = await relay.all_delivered()
        assert {notification.rule for notifications in delivered.values() for notification in notifications} & {
            "order_imposed",
            "order_unconfirmed",
        }

    play(story)


def test_a_hearing_is_of_the_size_that_is_meant() -> None:
    assert max(len(each.value or b"") for each in sent(hearing_of(2_500_000))) > 1_500_000
