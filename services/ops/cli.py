"""The `relay` command. Each of its commands is a module of this folder, imported only when it is run."""

import sys
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from services.platform.problems import EXIT_NOT_BEGUN, CannotBeginError


class Listed(NamedTuple):
    """A command as `relay --help` lists it: its module in this folder, and its help in one line."""

    module: str
    help: str


# What a module says of its own command; a test holds the two against each other.
COMMANDS = {
    "run": Listed("run", "Run services until Ctrl-C."),
    "publish": Listed(
        "publish",
        "Publish events: JSON as CloudEvents, or results as courts send them or Common Platform publishes them.",
    ),
    "subscribe": Listed("subscribe", "Read what an agency is told: who, what, by when, and how to answer."),
    "respond": Listed(
        "respond", "Answer a notification as the agency that it was sent to, and say whether the answer counts."
    ),
    "link": Listed("respond", "Say whom a court fact is about, or that it is about nobody whom this scheme protects."),
    "attribute": Listed("respond", "Confirm whom an order protects."),
    "explain": Listed(
        "explain",
        "Explain a decision: who was told, who was not, why, when, by which rule, facts, power and policy version.",
    ),
    "pending": Listed("pending", "List what needs a person."),
    "status": Listed(
        "status",
        "Say whether all is well, what is not, and how each service is doing.",
    ),
    "dlq": Listed("dlq", "Dead letters: list them, show one, send them back."),
    "fill": Listed(
        "fill", "Fill a service from archives: it is new, or it was away for longer than Kafka keeps records."
    ),
    "recover": Listed(
        "recover", "Recover after the database was restored from a backup, or a standby was promoted too early."
    ),
    "agencies": Listed("agencies", "Agencies and policy: list agencies, check the files."),
    "topics": Listed("topics", "The relay's topics on Kafka."),
    "db": Listed("db", "The relay's tables in PostgreSQL."),
}


class Commands(TyperGroup):
    """Knows the names of all commands, and imports the module of the one that is run: some need the whole engine, and
    `relay --help` must answer at once."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = {name: TyperCommand(name, help=listed.help) for name, listed in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else loaded(name), rest


def loaded(name: str) -> Any:
    """The command of this name, with all that it needs. KeyError where there is none."""
    module = typer.Typer(rich_markup_mode="markdown", pretty_exceptions_enable=False, add_completion=False)
    module.callback()(lambda: None)  # without a callback a single command would take the place of its group
    import_module(f"services.ops.{COMMANDS[name].module}").register(module)
    group: Any = typer.main.get_command(module)
    return group.commands[name]


app = typer.Typer(
    name="relay",
    cls=Commands,
    help="Tells agencies what they must know about victims, children and suspects, until a person has answered.",
    epilog="Servers: those that RELAY_KAFKA and RELAY_DATABASE name, else those of a running `make run`.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def _say_version(asked: bool) -> None:
    if asked:
        release: Any = import_module("services.platform.release")
        typer.echo(f"Referral Relay, release {release.release_of()}")
        raise typer.Exit


@app.callback()
def relay(
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Say which release this is.")
    ] = False,
) -> None:
    """All commands."""


def main() -> None:
    """Exit status: 0 done, 1 not all of it, 2 not begun. docs/runbook.md has the one table of them all."""
    try:
        app()
    except CannotBeginError as problem:
        typer.secho(str(problem), fg="red", err=True)
        sys.exit(EXIT_NOT_BEGUN)
