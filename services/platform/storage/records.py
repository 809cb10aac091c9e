"""A record of Kafka as it came, how many are handed out at once, and its headers as the tables keep them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.envelope import LONGEST_KEY

Partition = tuple[str, int]  # topic and number

BATCH = 500
HEADER_BYTES = 64
NO_TIME = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Record:
    """What came off a stream, untouched; the timestamp is the broker's, 1970 where that one cannot be a time."""

    topic: str
    partition: int
    offset: int
    timestamp: datetime
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def size(self) -> int:
        """Bytes of what it holds; a header without any takes memory too."""
        headers = sum(len(name) + len(value) + HEADER_BYTES for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers


def claimed(record: Record, header: str) -> str | None:
    """What the record says in this header, as far as it is text of a sensible length."""
    for name, value in record.headers:
        if name == header and len(value) <= LONGEST_KEY:
            return value.decode("ascii", errors="ignore").replace("\x00", "") or None
    return None


def headers_to_text(headers: Iterable[tuple[str, bytes]]) -> str:
    """Headers as the tables keep them: bytes of any kind come back as they were, those of texts can be read."""
    return json.dumps([(name, (value or b"").decode("latin-1")) for name, value in headers])


def headers_from_text(text: str) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, value.encode("latin-1")) for name, value in json.loads(text))
