"""What a worker's metrics say of the database: people waiting and things that somebody must look at, by service."""

from collections.abc import Sequence

from services.platform import metrics
from services.platform.storage import read_models
from services.platform.storage.read_models import Age, Count, Question
from services.platform.storage.rows import Connection

GAUGES: Sequence[tuple[metrics.Gauge, Question[Count] | Question[Age]]] = (
    (metrics.OUTBOX_UNPUBLISHED, read_models.OUTBOX),
    (metrics.PARKED, read_models.PARKED),
    (metrics.ASKS_OVERDUE, read_models.ASKS_OVERDUE),
    (metrics.OLDEST_PENDING, read_models.OLDEST_PENDING),
    (metrics.UNEXPLAINED, read_models.UNEXPLAINED),
    (metrics.FAULTED_FILES, read_models.FAULTED_FILES),
)


async def gauges(conn: Connection) -> None:
    """Measures every gauge that needs a query, for each service that has read anything; one that has none is 0.

    All of them are read in the caller's transaction, by index.
    """
    services = {position.service for position in await read_models.STREAM_POSITIONS.ask_in_worker(conn)}
    for gauge, question in GAUGES:
        measured = {service: float(value) for service, value in await question.ask_in_worker(conn)}
        for service in services | measured.keys():
            gauge.measured(measured.get(service, 0.0), service)
