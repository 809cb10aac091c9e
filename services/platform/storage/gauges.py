"""What a worker's metrics say of the database: people waiting and things that somebody must look at, by service."""

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from services.platform import metrics
from services.platform.storage.clock import NOW

# When the open asks of a live duty are due, earliest first, is kept beside it: only what is past its time is read.
ASKS_OVERDUE = f"""
select service, sum(width_bucket({NOW}, asks_by)) from delivery
where asks_by is not null and asks_by[1] <= {NOW} group by service
"""  # noqa: S608 - our own words

# Linked nowhere: a service that does not read the stream with the other half lacks it for ever, and nobody waits.
# An answer to no notification of its sender is no link: its sender has been told.
PENDING = """
select f.service, f.id, f.accepted_at from fact f
where f.is_current and f.missing is not null and f.missing not in ('unknown_notification', 'not_the_recipient')
and not exists (
    select 1 from release r join fact o on o.service = r.service and o.id = f.id
    where o.is_current and o.missing is null)
"""

COUNTS: tuple[tuple[metrics.Gauge, str], ...] = (
    (metrics.OUTBOX_PENDING, "select service, count(*) from outbox where parked is null group by service"),
    (metrics.PARKED, "select service, count(*) from outbox where parked is not null group by service"),
    (metrics.ASKS_OVERDUE, ASKS_OVERDUE),
    (
        metrics.OLDEST_PENDING,
        f"""select service, greatest(0, extract(epoch from {NOW} - min(accepted_at)))
        from ({PENDING}) w group by service""",  # noqa: S608
    ),
    (metrics.UNEXPLAINED, "select service, count(*) from unexplained group by service"),
    (metrics.FAULTED_FILES, "select service, count(*) from case_file where faulted_on is not null group by service"),
)


async def gauges(conn: AsyncConnection[TupleRow]) -> None:
    """Measures every gauge that needs a query, for each service that the database knows; one that has none is 0.

    All of them are read in the caller's transaction, by index.
    """
    rows = await conn.execute("select distinct service from stream_position")
    services = [service async for (service,) in rows]
    for gauge, statement in COUNTS:
        counted = {service: number async for service, number in await conn.execute(statement)}
        for service in {*services, *counted}:
            gauge.measured(float(counted.get(service, 0)), service)
