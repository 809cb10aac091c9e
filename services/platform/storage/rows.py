"""Many rows in one statement: each column goes as one array, in binary."""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

Connection = AsyncConnection[TupleRow]


async def insert(
    conn: Connection, service: str, into: str, types: str, rows: Sequence[Sequence[Any]], conflict: str = ""
) -> None:
    """Many rows in one statement; `into` begins with the column service, `types` are those of the others."""
    if rows:
        kinds = types.split()
        # Each column as one array, in binary, where texts go as they are; arrays of arrays would have to be equally
        # long, so those go as texts, made by `array`.
        columns_of = ", ".join(f"%b::{'text' if kind == 'text[]' else kind}[]" for kind in kinds)
        selected = ", ".join(f"c{n}::{kind}" if kind == "text[]" else f"c{n}" for n, kind in enumerate(kinds))
        names = ", ".join(f"c{n}" for n in range(len(kinds)))
        statement = f"insert into {into} select %s, {selected} from unnest({columns_of}) as u({names}) {conflict}"  # noqa: S608 - our own words
        await conn.execute(statement, (service, *columns(rows, len(kinds))))


async def with_rows(conn: Connection, service: str, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """A statement over many rows, whose last parameter is the service."""
    if rows:
        await conn.execute(statement, (*columns(rows, len(rows[0])), service))


def columns(rows: Sequence[Sequence[Any]], width: int) -> tuple[list[Any], ...]:
    """Rows as arrays, for `unnest`."""
    return tuple([row[n] for row in rows] for n in range(width))


def array(texts: Iterable[str]) -> str:
    """Texts as PostgreSQL writes an array of them."""
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "{" + ",".join(f'"{text}"' for text in quoted) + "}"
