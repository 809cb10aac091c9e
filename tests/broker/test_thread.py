"""The thinnest thread: an event published, a notification read, on real servers."""

import asyncio
from pathlib import Path

import pytest

from services.incidents.__main__ import SERVICE as INCIDENTS
from services.platform.local.embedded import embedded_servers
from tests.broker.relay import message, relay_on
from tests.support import builders as b


@pytest.mark.broker
def test_a_high_risk_incident_is_told_to_the_agencies_that_serve_her_once(tmp_path: Path) -> None:
    async def thread() -> None:
        with embedded_servers(durable=False) as servers:
            async with relay_on(servers, tmp_path) as relay:
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

    asyncio.run(thread())
