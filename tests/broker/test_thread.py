"""The thinnest thread: an event published, a notification read, on real servers."""

from services.incidents.__main__ import SERVICE as INCIDENTS
from tests.broker.conftest import Play
from tests.broker.relay import Relay, message
from tests.support import builders as b


def test_a_high_risk_incident_is_told_to_the_agencies_that_serve_her_once(play: Play) -> None:
    async def thread(relay: Relay) -> None:
        event = message(b.incident(), "uk.police.incident-reported")
        async with relay.working(INCIDENTS) as worker:
            await relay.publish(event, event)
            await relay.settled(worker)
            delivered = await relay.all_delivered()
        assert sorted(delivered) == ["dait-54", "idva-larkmead", "marac-larkmead"]
        for notifications in delivered.values():
            assert [
                (notification.rule, notification.kind, notification.revision) for notification in notifications
            ] == [("high_risk", "notify", 1)]

    play(thread)
