"""Reads records whose headers' names are not UTF-8, so that whoever publishes one stops nobody but himself.

aiokafka decodes names while it unpacks a fetch, and gives the whole partition up when one is wrong. Names that are not
UTF-8 come as Python's surrogate escapes here, and the contract refuses them.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy, _DefaultRecordPy
from aiokafka.record.memory_records import _MemoryRecordsPy
from aiokafka.record.util import decode_varint


class _Batch:
    """A batch as aiokafka reads it; from the first name that it cannot read on, by `_Lenient`."""

    def __init__(self, batch: Any, content: memoryview) -> None:
        self._batch, self._content = batch, content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        read = 0
        try:
            for record in self._batch:
                yield record
                read += 1
        except UnicodeDecodeError:
            yield from islice(_Lenient(self._content), read, None)


class _Lenient(_DefaultRecordBatchPy):  # type: ignore[misc] # final by its annotation alone
    _pos: int

    def _read_msg(self, decode_varint: Any = decode_varint) -> _DefaultRecordPy:
        """As the original, whose record format version 2 it is, but for the names."""
        buffer = self._buffer

        def number() -> int:
            value, self._pos = decode_varint(buffer, self._pos)
            return int(value)

        def content() -> bytes | None:
            length = number()
            begins = self._pos
            self._pos += max(0, length)
            return None if length < 0 else bytes(buffer[begins : self._pos])

        number()  # the record's length
        number()  # attributes, unused so far
        written_after, offset = number(), self.base_offset + number()
        appended = self.timestamp_type == self.LOG_APPEND_TIME
        timestamp = self.max_timestamp if appended else self.first_timestamp + written_after
        key, value = content(), content()
        headers = [((content() or b"").decode(errors="surrogateescape"), content()) for _ in range(number())]
        return _DefaultRecordPy(offset, timestamp, self.timestamp_type, key, value, headers)


class _Records(_MemoryRecordsPy):  # type: ignore[misc] # final by its annotation alone
    def next_batch(self, *positions: int) -> Any:
        content = self._next_slice
        batch = super().next_batch(*positions)
        return batch if batch is None or content is None or batch.magic < 2 else _Batch(batch, content)


def install() -> None:
    """For every consumer of this process: aiokafka has no place to hand a reader in."""
    fetcher.MemoryRecords = _Records
