"""`relay db`: the relay's tables, brought to what this release needs."""

import typer
from sqlalchemy.exc import OperationalError

from services.ops.terminal import UsageError, database_called, out, servers
from services.runtime import database


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    group = typer.Typer(help="The relay's tables in PostgreSQL.", no_args_is_help=True)
    group.callback()(lambda: None)
    group.command("migrate", epilog="Example: `relay db migrate`, before the workers of a new release start")(migrate)
    app.add_typer(group, name="db")


def migrate() -> None:
    """Make the tables, or bring those of an older release to this one. Doing it again does nothing.

    Exit status: 0 done, 2 not begun.
    """
    try:
        before, after = database.migrate(servers().database)
    except OperationalError:
        raise UsageError(f"{database_called()} does not answer: is it up?") from None
    if before == after:
        out.print(f"The tables are those of this release already ({after}).", style="green", markup=False)
    else:
        out.print(f"The tables are now those of this release ({before or 'none'} → {after}).", style="bold green")
