"""The parts of one service with both guards in their hooks: the one place where streaming meets recovery."""

from psycopg_pool import AsyncConnectionPool

from services.platform.recovery.clock_guard import ClockGuard
from services.platform.recovery.restore_guard import RestoreGuard
from services.platform.storage.bodies import bodies_of
from services.platform.storage.reader import Reader
from services.platform.storage.rows import Connection
from services.platform.storage.writer import Writer
from services.platform.streaming.judging import Judging
from services.platform.streaming.service_database import ServiceDatabase
from services.platform.streaming.work import Work, work


def guarded(judging: Judging, pool: AsyncConnectionPool[Connection]) -> Work:
    """The work of this service: no moved clock and no database that went back goes unnoticed in it."""
    service = judging.service
    reader, writer = Reader(service.name, bodies_of(judging.contract)), Writer(service.name, judging.contract)
    clock, restore = ClockGuard(reader, writer), RestoreGuard(judging, reader, writer)
    return work(ServiceDatabase(service, pool, reader, writer, clock, restore), judging)
