"""A record as it came off a stream, and how many are handed out at once."""

from dataclasses import dataclass
from datetime import UTC, datetime

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
