"""The `relay` command: every group of commands is a module of this folder, registered here by one line."""

import sys
from typing import Annotated

import typer

from services.ops import (
    agencies,
    db,
    dlq,
    explain,
    fill,
    publish,
    recover,
    respond,
    run,
    status,
    subscribe,
    topics,
    waiting,
)
from services.ops.terminal import UsageError, complain, out
from services.policy.load import PolicyRefusedError
from services.runtime.embedded import EmbeddedServersError
from services.runtime.settings import SettingsError
from services.runtime.worker import release_of

USAGE = 2

app = typer.Typer(
    name="relay",
    help="Tells agencies what they must know about victims, children and suspects, and keeps at it until a person "
    "has answered.",
    epilog="Servers are those that RELAY_KAFKA and RELAY_DATABASE name, else those of a `make run` that is up.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def _say_version(asked: bool) -> None:
    if asked:
        out.print(f"Referral Relay, release {release_of()}", markup=False)
        raise typer.Exit


@app.callback()
def relay(
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Say which release this is.")
    ] = False,
) -> None:
    """All commands."""


# A module registers its own commands: `def register(app: typer.Typer) -> None`.
for module in (run, publish, subscribe, respond, explain, waiting, status, dlq, fill, recover, agencies, topics, db):
    module.register(app)


def main() -> None:
    """Exit status: 0 done, 1 not all of it, 2 not begun (wrong usage, no servers, policy that cannot be used)."""
    try:
        app()
    except (SettingsError, PolicyRefusedError, EmbeddedServersError, UsageError) as problem:
        complain(str(problem))
        sys.exit(USAGE)
