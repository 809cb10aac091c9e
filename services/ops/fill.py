"""`relay fill`: brings a service up from the owners' archive, where Kafka no longer keeps what it has not read."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from schemas.registry import REGISTRY
from services.ops.kafka_client import members_of, set_committed
from services.ops.policies import load
from services.ops.serving import SERVICES
from services.ops.terminal import UsageError, complain, database_called, err, out, plural, servers
from services.platform import logs
from services.platform.recovery.filling import ArchiveLacksError, Filling, Plan, Stretch
from services.platform.recovery.guarded import guarded
from services.platform.release import release_of
from services.platform.settings import Addresses, load_settings
from services.platform.storage import database
from services.platform.storage.database import AWAY
from services.platform.storage.pseudonyms import pseudonyms_of
from services.platform.streaming.groups import group_of
from services.platform.streaming.halting import Halt
from services.platform.streaming.judging import Judging
from services.platform.streaming.offsets import Offsets
from services.platform.streaming.service import Service
from services.platform.streaming.work import Work

OWNERS: Mapping[str, str] = {stream.topic: stream.owner for stream in REGISTRY.streams if stream.owner}

EXAMPLES = """
Examples:

    relay fill convictions --dry-run
    relay fill convictions
    relay fill incidents --accept-gap
"""


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command(epilog=EXAMPLES, no_args_is_help=True)(fill)


def fill(
    service: Annotated[
        str, typer.Argument(metavar="SERVICE", help="The service to fill, by its name in `relay status`.")
    ],
    accept_gap: Annotated[bool, typer.Option("--accept-gap", help="Go on without the records that are lost.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
) -> None:
    """Fill a service from archives: it is new, or it was away for longer than Kafka keeps records.

    What it has missed is read from the archives of the streams' owners and accepted like any record; then the service
    reads on from Kafka exactly behind it. It evaluates nothing before it has read all that its streams hold now; after
    that at a limited rate. Whom it tells of what is past, the policy decides (`tells_from`, and late is marked late).

    No worker of the service may run meanwhile. Interrupted, it goes on from there when it is run again.

    Records that neither Kafka nor an archive has are lost: they are named, and nothing is done without --accept-gap.

    Exit status: 0 filled, or nothing to fill; 1 not, or with --dry-run: there is something; 2 not begun.
    """
    if service not in SERVICES:
        raise UsageError(f"There is no service {service}; there are {', '.join(SERVICES)}.")
    logs.configure(level="WARNING")
    try:
        done = asyncio.run(_fill(SERVICES[service], servers(), accept_gap=accept_gap, dry_run=dry_run))
    except KeyboardInterrupt:
        complain("Interrupted. Nothing is lost: `relay fill` goes on from there.")
        raise typer.Exit(1) from None
    except AWAY:
        raise UsageError(f"{database_called()} does not answer: is it up?") from None
    except ArchiveLacksError as problem:
        complain(f"The owner accepted a record that is missing in its archive: {problem}. Call the developers.")
        raise typer.Exit(1) from None
    except Halt as halt:
        complain(f"It stopped rather than do harm ({halt.reason}): docs/runbook.md says what to do.")
        raise typer.Exit(1) from None
    raise typer.Exit(0 if done else 1)


async def _fill(service: Service, addresses: Addresses, *, accept_gap: bool, dry_run: bool) -> bool:
    async with _work(service, addresses) as work:
        filling = Filling(work, OWNERS, Offsets(addresses.kafka))
        filled = None
        # While one stretch is filled, Kafka may forget more of another.
        while (plan := await filling.plan()).archived or plan.lost:
            _show(service, plan)
            if plan.owners_first:
                complain(f"Fill {_listed(plan.owners_first)} first: the owners have not read these records either.")
                return False
            if plan.lost and not accept_gap:
                complain(
                    "Nothing was done. With --accept-gap it goes on without the lost records; the gap stays on record."
                )
                return False
            if dry_run:
                return False
            alone(addresses.kafka, [service])
            filled = (filled or 0) + await _accept(filling, plan)
        if filled is None:
            out.print(f"Nothing to fill: Kafka still has all that {service.name} has not read.", style="green")
            return True
        set_committed(addresses.kafka, group_of(service.name), await filling.positions())
        out.print(f"{service.name} is filled: {plural(filled, 'record')} from archives.", style="bold green")
        out.print("Start its workers. They evaluate nothing until they have read what the streams hold now.")
        return True


async def _accept(filling: Filling, plan: Plan) -> int:
    done = 0
    with Progress(
        TextColumn("Accepting"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("records"),
        TimeRemainingColumn(),
        console=err,
        transient=True,
    ) as progress:
        task = progress.add_task("", total=await filling.count(plan.archived))
        async for more in filling.fill(plan):
            done += more
            progress.update(task, advance=more)
    return done


def alone(kafka: str, services: Iterable[Service]) -> None:
    """UsageError where workers of these services run: they would look at what is not yet known again."""
    groups = {group_of(service.name): service.name for service in services}
    working = [groups[group] for group, members in members_of(kafka, list(groups)).items() if members]
    if working:
        raise UsageError(
            f"Workers of {_listed(working)} are running: stop them first. One that was killed counts for some seconds."
        )


@asynccontextmanager
async def _work(service: Service, addresses: Addresses) -> AsyncIterator[Work]:
    settings = load_settings()
    policies = load(settings.policy, settings.agencies)
    database.check(addresses.database)
    async with database.pool(addresses.database, size=4) as pool:
        async with pool.connection() as conn:
            pseudonyms = await pseudonyms_of(conn)
        yield guarded(Judging(service, policies, pseudonyms, release_of()), pool)


def _show(service: Service, plan: Plan) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("stream", "partition", "offsets"):
        table.add_column(column)
    table.add_column(f"for {service.name}")
    for stretch in plan.archived:
        table.add_row(*_cells(stretch), f"from the archive of {OWNERS[stretch.topic]}")
    for gap in plan.lost:
        table.add_row(*_cells(gap), Text("lost: neither Kafka nor an archive has them", style="bold red"))
    out.print(table)


def _cells(stretch: Stretch) -> tuple[str, str, str]:
    return stretch.topic, str(stretch.partition), f"{stretch.start:,} to {stretch.end - 1:,}"


def _listed(names: Iterable[str]) -> str:
    return " and ".join(sorted(names))
