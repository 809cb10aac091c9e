"""`relay db`: the relay's tables, brought to what this release needs."""

import psycopg
import typer

from services.ops.terminal import UsageError, database_called, out, servers
from services.platform.storage import database
from services.platform.storage.sessions import session


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    group = typer.Typer(help="The relay's tables in PostgreSQL.", no_args_is_help=True)
    group.callback()(lambda: None)
    group.command("migrate", epilog="Example: `relay db migrate`, before the workers of a new release start")(migrate)
    group.command("trust-clock", epilog="Example: `relay db trust-clock`, after a server started with a wrong clock")(
        trust_clock
    )
    app.add_typer(group, name="db")


def migrate() -> None:
    """Make the tables, or bring those of an older release to this one. Doing it again does nothing.

    Exit status: 0 done, 2 not begun.
    """
    try:
        before, after = database.migrate(servers().database)
    except psycopg.OperationalError:
        raise UsageError(f"{database_called()} does not answer: is it up?") from None
    if before == after:
        out.print(f"The tables are those of this release already ({after}).", style="green")
    else:
        out.print(f"The tables are now those of this release ({before or 'none'} → {after}).", style="bold green")


def trust_clock() -> None:
    """Accept the database server's clock as it is now, after a halt with `clock_jumped`.

    Only where it is right: it was wrong before, or a worker's virtual machine was paused. By a wrong clock people are
    told too early or too late.

    Exit status: 0 done, 2 not begun.
    """
    try:
        with session(servers().database) as conn:
            conn.execute("delete from clock_seen")
            (now,) = conn.execute("select clock_timestamp()").fetchone() or (None,)
    except psycopg.OperationalError:
        raise UsageError(f"{database_called()} does not answer: is it up?") from None
    except psycopg.errors.UndefinedTable:
        raise UsageError("The tables are older than this release: run `relay db migrate`.") from None
    out.print(f"Workers begin by the server's clock: {now:%d %B %Y, %H:%M:%S %Z}.", style="bold green")
