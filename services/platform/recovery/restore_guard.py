"""Halts a service whose database went back under it, and lays what was read back once its facts are known again."""

from collections.abc import Callable, Iterable
from datetime import datetime

import structlog

from services.platform.logs import Event
from services.platform.recovery.read_so_far import ReadSoFar
from services.platform.recovery.restored import lay_delivered, number_evaluations
from services.platform.storage.reader import Reader
from services.platform.storage.records import Partition
from services.platform.storage.rows import Connection
from services.platform.storage.writer import Writer
from services.platform.streaming.halting import RECOVER, DatabaseWentBack
from services.platform.streaming.hooks import Positions
from services.platform.streaming.judging import Judging

log = structlog.get_logger("relay")


class RestoreGuard:
    """The guard of one service (`streaming.hooks.RestoreHook`)."""

    def __init__(self, judging: Judging, reader: Reader, writer: Writer) -> None:
        self._judging, self._reader, self._writer = judging, reader, writer
        self._so_far = ReadSoFar()

    def ask(self) -> Callable[[Positions], None]:
        seen = self._so_far.seen()

        def check(positions: Positions) -> None:
            if back := self._so_far.went_back(positions, seen):
                topic, partition = back.partition
                place = {"service": self._reader.service, "topic": topic, "partition": partition}
                log.critical(Event.DATABASE_WENT_BACK, **place, seen=back.seen, database=back.found, advice=RECOVER)
                raise DatabaseWentBack

        return check

    def committed(self, offsets: Iterable[tuple[Partition, int]]) -> None:
        self._so_far.learn(offsets)

    async def hold(self, conn: Connection) -> None:
        await self._writer.hold_evaluations_until_recovered(conn, await self._reader.positions(conn))

    async def caught_up(self, conn: Connection, now: datetime) -> None:
        is_placeholder = self._judging.policies.at(now).is_placeholder
        runs_in = {rule.name: rule.runs_in for rule in self._judging.service.rules}
        delivered, left = await lay_delivered(conn, self._reader, runs_in, is_placeholder, now)
        await number_evaluations(conn, self._reader.service, self._judging.pseudonyms)
        if left:
            log.error(Event.DELIVERED_NOT_LAID, service=self._reader.service, duties=left, of=delivered)
