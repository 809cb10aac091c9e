"""Read every record that a broker took, so that an unreadable record stops nobody but its sender.

aiokafka decodes the names of headers while it unpacks a fetch, and gives up the whole partition when one is not UTF-8.
Here such names become Python's surrogate escapes, and the contract refuses them. aiokafka also unpacks a compressed
batch whatever its size, and a few kilobytes can become gigabytes. Here a batch that is larger than the contract allows
stays packed, with a header that says so, and the contract refuses it.
"""

import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import cramjam
from aiokafka.codec import snappy_decode
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy, _DefaultRecordPy
from aiokafka.record.memory_records import _MemoryRecordsPy
from aiokafka.record.util import decode_varint

from schemas.envelope import LARGEST_UNPACKED, STILL_PACKED

MOST_UNPACKED = 16 * 1024 * 1024  # of a batch; publishers' clients put together one or two megabytes
GZIP = 16 + zlib.MAX_WBITS
CODECS = {1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}


class _Batch:
    """A batch as aiokafka reads it; from the first name that it cannot read on, by `_Lenient`."""

    def __init__(self, batch: Any, content: memoryview) -> None:
        self._batch, self._content = batch, content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        codec = CODECS.get(self._batch.compression_type)
        if codec is None:
            yield from _records(self._batch, self._content)
            return
        packed = self._content[_Lenient.HEADER_STRUCT.size :]
        unpacked = _unpacked(codec, packed)
        if unpacked is None:
            yield from self._as_packed(codec, packed)
            return
        content = memoryview(_header_of(self._content) + unpacked)
        for record in _records(DefaultRecordBatch(content), content):
            if _size(record) <= LARGEST_UNPACKED:
                yield record
            else:
                yield _still_packed(record.offset, record.timestamp, record.timestamp_type, codec, bytes(packed))

    def _as_packed(self, codec: str, packed: memoryview) -> Iterator[Any]:
        """A place for each record; the first has the whole batch."""
        first = self._batch.base_offset
        for offset in range(first, self._batch.next_offset):
            content = bytes(packed) if offset == first else b""
            yield _still_packed(offset, self._batch.max_timestamp, self._batch.timestamp_type, codec, content)


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


def _records(batch: Any, content: memoryview) -> Iterator[Any]:
    read = 0
    try:
        for record in batch:
            yield record
            read += 1
    except UnicodeDecodeError:
        yield from islice(_Lenient(content), read, None)


def _header_of(content: memoryview) -> bytes:
    """The batch's header, saying that what follows is not packed."""
    header = bytearray(content[: _Lenient.HEADER_STRUCT.size])
    header[_Lenient.ATTRIBUTES_OFFSET + 1] &= ~_Lenient.CODEC_MASK & 0xFF
    return bytes(header)


def _unpacked(codec: str, packed: memoryview) -> bytes | None:
    """None where it is larger than any honest batch. The broker has unpacked it before, so that it can be unpacked."""
    match codec:
        case "gzip":
            unpacking = zlib.decompressobj(GZIP)
            found = unpacking.decompress(packed, MOST_UNPACKED)
            return found if unpacking.eof else None
        case "snappy":
            return bytes(snappy_decode(packed))  # it becomes some twenty times as large at most
        case "lz4":
            return _into_room(cramjam.lz4.decompress_into, packed)
    return _into_room(cramjam.zstd.decompress_into, packed)


def _into_room(unpack: Callable[..., int], packed: memoryview) -> bytes | None:
    """These formats do not say how large they become, so the room is made larger until it is enough."""
    room = 64 * 1024
    while room <= MOST_UNPACKED:
        found = bytearray(room)
        try:
            return bytes(found[: unpack(bytes(packed), found)])
        except cramjam.DecompressionError:
            room *= 4
    return None


def _size(record: Any) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def _still_packed(offset: int, timestamp: int, timestamp_type: int, codec: str, content: bytes) -> _DefaultRecordPy:
    return _DefaultRecordPy(offset, timestamp, timestamp_type, None, content, [(STILL_PACKED, codec.encode())])
