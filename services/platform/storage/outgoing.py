"""What the outbox keeps: a row to be sent, and why the broker will never take one."""

from enum import StrEnum
from typing import NamedTuple


class Outgoing(NamedTuple):
    """A row of the outbox; headers as `headers_to_text` makes them."""

    topic: str
    duty: str
    revision: int
    key: bytes | None
    value: bytes | None
    headers: str
    notification: str | None


class RefusedFor(StrEnum):
    """Why the broker will never take a message as it is."""

    TOO_LARGE = "too_large"
    UNKNOWN_TOPIC = "unknown_topic"
    NOT_AUTHORISED = "not_authorised"
    INVALID = "invalid"
