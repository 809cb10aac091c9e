"""What agencies do with what they are told: they read it, or take it on."""

from collections.abc import Iterable
from datetime import UTC, datetime

from schemas.agency_notifications.v1 import NotificationIssued
from services.platform.streaming.sending import Message
from tests.broker.relay import message
from tests.support import builders as b

ANSWERS = {
    "acknowledge": (b.acknowledged, "uk.agency.acknowledged"),
    "accept": (b.accepted, "uk.agency.accepted"),
}


def asked_to(ask: str, delivered: Iterable[NotificationIssued]) -> list[NotificationIssued]:
    """Those that ask for this."""
    return [notification for notification in delivered if any(one.ask == ask for one in notification.asks)]


def answer(notification: NotificationIssued, ask: str) -> Message:
    """The agency does what it is asked to, now."""
    say, kind = ANSWERS[ask]
    return message(say(notification.notification, agency=notification.agency), kind, time=datetime.now(UTC))
