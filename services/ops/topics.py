"""`relay topics`: every topic that the relay needs, made where it is missing; where one differs, a person decides."""

import typer
from kafka.errors import KafkaError
from rich.table import Table

from services.ops.kafka_client import wait_for
from services.ops.policies import load
from services.ops.terminal import UsageError, kafka_called, out, plural, servers
from services.platform.settings import load_settings
from services.platform.streaming.topics import Applied, apply_topics, topics


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    group = typer.Typer(help="The relay's topics on Kafka.", no_args_is_help=True)
    group.callback()(lambda: None)
    group.command("apply", epilog="Example: `relay topics apply`, after every change of agencies")(apply)
    app.add_typer(group, name="topics")


def apply() -> None:
    """Make the topics that are missing: streams, dead letters, decisions, and one for each agency.

    Nothing is changed or deleted: where a topic is not as declared, this says so.

    Exit status: 0 all are there and as declared, 1 some differ, 2 not begun.
    """
    settings = load_settings()
    declared = topics(load(settings.policy, settings.agencies))
    kafka = servers(settings).kafka
    wait_for(kafka)
    try:
        applied = apply_topics(kafka, declared)
    except KafkaError:
        raise UsageError(f"{kafka_called()} did not do it: is it up?") from None
    there = len(declared) - len(applied.created)
    out.print(f"{plural(len(applied.created), 'topic')} made; {there} were there.", style="bold green")
    for name in applied.created:
        out.print(f"  {name}")
    _differences(applied)
    raise typer.Exit(1 if applied.differences else 0)


def _differences(applied: Applied) -> None:
    if not applied.differences:
        return
    out.print("\nThese differ from what is declared, and were left as they are:", style="bold yellow")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("topic", "setting", "declared", "found"):
        table.add_column(column, overflow="fold")
    for difference in applied.differences:
        table.add_row(difference.topic, difference.setting, difference.declared, difference.found)
    out.print(table)
