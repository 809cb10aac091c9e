"""`relay recover`: after a restore, reads back what agencies were told since, and lets the streams be read again."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from schemas.registry import REGISTRY
from services.ops.fill import alone
from services.ops.kafka_client import set_committed
from services.ops.policies import load
from services.ops.serving import SERVICES
from services.ops.terminal import UsageError, complain, database_called, err, moment, out, plural, servers
from services.platform import logs
from services.platform.recovery.guarded import guarded
from services.platform.recovery.recovering import Back, Behind, CannotReadBackError, Recovery
from services.platform.release import release_of
from services.platform.settings import Addresses, load_settings
from services.platform.storage import database
from services.platform.storage.database import AWAY
from services.platform.storage.pseudonyms import pseudonyms_of
from services.platform.streaming.groups import group_of
from services.platform.streaming.judging import Judging
from services.platform.streaming.offsets import Offsets

KEPT_DAYS = min(stream.retention_days for stream in REGISTRY.streams if stream.direction == "out")

EXAMPLES = """
Examples:

    relay recover --dry-run
    relay recover
"""


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command(epilog=EXAMPLES)(recover)


def recover(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
) -> None:
    """Recover after the database was restored from a backup, or a standby was promoted too early.

    The database is then older than what the services have read and said. First what agencies were told since is read
    back from their topics, so that no notification ever gets a second content; also which records have their dead
    letter, and which evaluations were published. Then the groups are set back to where the database is. The workers,
    once started, read the streams again from there. They evaluate nothing, and tell nobody, before they have read all
    that the streams hold now.

    Run it after every restore, also where no worker has halted: what the clock alone caused shows nowhere else.
    It does no harm where nothing was lost. No worker of any service may run meanwhile. Interrupted, it is run again.

    Exit status: 0 recovered; 1 not, or with --dry-run: a service has read more than the database holds; 2 not begun.
    """
    logs.configure(level="WARNING")
    try:
        done = asyncio.run(_recover(servers(), dry_run=dry_run))
    except KeyboardInterrupt:
        complain("Interrupted. Nothing is lost: run `relay recover` again; until then no worker begins.")
        raise typer.Exit(1) from None
    except AWAY:
        raise UsageError(f"{database_called()} does not answer: is it up?") from None
    except CannotReadBackError as problem:
        complain(f"What agencies were told cannot be read back: {problem}. Start nothing, and call the developers.")
        raise typer.Exit(1) from None
    raise typer.Exit(0 if done else 1)


async def _recover(addresses: Addresses, *, dry_run: bool) -> bool:
    settings = load_settings()
    policies = load(settings.policy, settings.agencies)
    database.check(addresses.database)
    async with database.pool(addresses.database, size=4) as pool:
        async with pool.connection() as conn:
            pseudonyms = await pseudonyms_of(conn)
        works = [guarded(Judging(each, policies, pseudonyms, release_of()), pool) for each in SERVICES.values()]
        recovery = Recovery(works, addresses.kafka, Offsets(addresses.kafka))
        behind = await recovery.behind()
        if behind:
            _show(behind)
        else:
            out.print(
                "No group has read more than the database holds. Notifications that a clock alone caused move no "
                "offset."
            )
        since = await recovery.since()
        out.print(f"Agencies' topics are read back from {moment(since) if since else 'their beginning'} on.")
        if since is not None and datetime.now(UTC) - since > timedelta(days=KEPT_DAYS):
            raise CannotReadBackError(f"topics keep {KEPT_DAYS} days, and the backup is older")
        if dry_run:
            return not behind
        alone(addresses.kafka, SERVICES.values())
        await recovery.hold_evaluations()
        back = await _read_back(recovery)
        _say(back)
        if back.nameless:
            listed = ", ".join(back.nameless[:5])
            raise CannotReadBackError(
                f"nobody can name the duty of {plural(len(back.nameless), 'notification')}: {listed}"
            )
        lost = await recovery.forgotten()
        for name, database_of in recovery.databases.items():
            set_committed(addresses.kafka, group_of(name), await recovery.positions(database_of))
        await recovery.finish()
        _advise(lost)
        return not lost


async def _read_back(recovery: Recovery) -> Back:
    with Progress(
        TextColumn("Reading back"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("records"),
        TimeRemainingColumn(),
        console=err,
        transient=True,
    ) as progress:
        task = progress.add_task("")
        return await recovery.read_back(
            await recovery.since(), lambda read, total: progress.update(task, completed=read, total=total)
        )


def _show(behind: list[Behind]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("service", "stream", "partition"):
        table.add_column(column)
    for column in ("read before", "in the database", "to read again"):
        table.add_column(column, justify="right")
    for place in behind:
        again = place.group - place.database
        table.add_row(
            place.service,
            place.partition[0],
            str(place.partition[1]),
            f"{place.group:,}",
            f"{place.database:,}",
            f"{again:,}",
        )
    out.print(table)


def _say(back: Back) -> None:
    out.print(f"Read back: {plural(back.notifications, 'notification')}, {back.unknown:,} of them new to the database.")
    if back.letters:
        out.print(f"  {plural(back.letters, 'dead letter')} that the database did not know.")


def _advise(lost: list[Behind]) -> None:
    services = sorted({place.service for place in lost})
    if not services:
        out.print(
            "Recovered. Start the workers: they read the streams again, and evaluate when they have read them.",
            style="bold green",
        )
        return
    for place in lost:
        where = f"{place.partition[0]}, partition {place.partition[1]}"
        complain(f"{place.service}: Kafka no longer has {where}, offsets {place.database:,} to {place.group - 1:,}.")
    complain(f"Before the workers start: {'; '.join(f'relay fill {name}' for name in services)}.")
