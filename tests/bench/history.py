"""Whether a backlog takes longer where very many rows of other people's history lie in the same tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from services.platform.streaming.sending import Message
from tests.bench.entrants import Entrant
from tests.bench.stage import Appearance, FellBehindError, Stage
from tests.bench.throughput import WARM

# Columns that say whose a row is: a copy belongs to somebody else. Everything else is copied as it is.
IDENTITIES = frozenset(
    (
        "id",
        "event_id",
        "fact_id",
        "notification_id",
        "subject",
        "duty_subject",
        "file",
        "place",
        "person",
        "name",
        "crime",
    )
)
# What is about streams and releases, and what is on its way out, does not grow with history.
NOT_HISTORY = frozenset(("clock", "position", "stream_position", "outbox", "release", "attempt", "alembic_version"))
OFFSET_STEP = 1_000_000
COPIES_AT_ONCE = 40


@dataclass(frozen=True, slots=True)
class Grown:
    """A backlog among so many rows of history; `seconds` is None where it was not done in the time given."""

    entrant: Entrant
    rows: int
    gib: float
    events: int
    seconds: float | None

    @property
    def events_a_second(self) -> float | None:
        return None if self.seconds is None else self.events / self.seconds


def grown(
    stage: Stage,
    entrant: Entrant,
    sizes: Sequence[int],
    load: Sequence[Message],
    seconds: float,
    tell: Callable[[str], None],
) -> list[Grown]:
    """The same number of new events at each size of history, one worker, which stays up. The history is what the first
    events left behind, copied over and over under other names: rows of every table, in their real proportions."""
    found: list[Grown] = []
    share = len(load) // (len(sizes) + 1)
    with stage.appearance(entrant) as shown:
        shown.start(1)
        shown.warm(load[:WARM])
        shown.publish_all(load[WARM:share])
        shown.settle(seconds)
        kept = rows_of(shown)
        copied = 1
        for turn, size in enumerate(sizes, 1):
            tell(f"{entrant.title}: growing to {size:,} rows")
            upto = copied + max(0, round((size - rows_of(shown)) / (kept * turn)))
            copy(shown, copied, upto)
            copied = upto
            tell(f"{entrant.title}: {share:,} events among {size:,} rows")
            rows, gib = rows_of(shown), _gib(shown)
            began = shown.publish_all(load[turn * share : (turn + 1) * share])
            try:
                shown.settle(seconds)
                took: float | None = shown.reader.found[-1].at - began
            except FellBehindError:
                took = None
            found.append(Grown(entrant, rows if size else 0, gib, share, took))
            if took is None:
                break
    return found


def copy(shown: Appearance, first: int, beyond: int, only: str | None = None) -> None:
    """Copies number `first` up to `beyond` of the original rows of every table, or of one."""
    if beyond <= first:
        return
    with psycopg.connect(shown.addresses.database, autocommit=True) as conn:
        conn.execute("set synchronous_commit = off")
        conn.execute("set maintenance_work_mem = '256MB'")
        for table, columns in _tables(conn).items():
            if only not in (None, table):
                continue
            own = [_original(column, kind) for column, kind in columns.items() if _is_identity(column, kind)]
            if not own:
                continue
            picked = [_copied(column, kind) for column, kind in columns.items()]
            for start in range(first, beyond, COPIES_AT_ONCE):
                conn.execute(
                    sql.SQL(
                        "insert into {table} ({columns}) select {picked} from {table} t, "
                        "generate_series(%s::int, %s::int) as k where {own} on conflict do nothing"
                    ).format(
                        table=sql.Identifier(table),
                        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
                        picked=sql.SQL(", ").join(picked),
                        own=sql.SQL(" and ").join(own),
                    ),
                    (start, min(start + COPIES_AT_ONCE, beyond) - 1),
                )
        conn.execute("vacuum analyze")
        conn.execute("checkpoint")


def _is_identity(column: str, kind: str) -> bool:
    return column == "offset" or (column in IDENTITIES and kind == "text")


def _original(column: str, kind: str) -> sql.Composable:
    name = sql.Identifier("t", column)
    if kind == "text":
        return sql.SQL("position('~' in {}) = 0").format(name)
    return sql.SQL("{} < {}").format(name, OFFSET_STEP)


def _copied(column: str, kind: str) -> sql.Composable:
    name = sql.Identifier("t", column)
    if column == "offset":
        return sql.SQL("{} + k::bigint * {}").format(name, OFFSET_STEP)
    if _is_identity(column, kind):
        return sql.SQL("{} || '~' || k").format(name)
    if column == "next_evaluation_at":
        return sql.SQL("{} + interval '1 year'").format(name)  # a history that falls due is another measurement
    return name


def _tables(conn: psycopg.Connection[Any]) -> dict[str, dict[str, str]]:
    """Of each table that grows, its columns and their types, those left out that number themselves."""
    rows = conn.execute(
        """select table_name, column_name, data_type from information_schema.columns
        where table_schema = 'public' and is_identity = 'NO' and is_generated = 'NEVER'
        order by table_name, ordinal_position"""
    ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        if table not in NOT_HISTORY:
            found.setdefault(table, {})[column] = kind
    return found


def rows_of(shown: Appearance) -> int:
    with psycopg.connect(shown.addresses.database, autocommit=True) as conn:
        counts = [
            conn.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(table))).fetchone() or (0,)
            for table in _tables(conn)
        ]
    return sum(count for (count,) in counts)


def _gib(shown: Appearance) -> float:
    return float(shown.rows("select pg_database_size(current_database())")[0][0]) / 2**30
