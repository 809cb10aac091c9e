"""`relay run`: services on servers that are named; without any, the whole relay on servers of its own, with a story."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any, NoReturn

import psycopg
import typer
from kafka.errors import KafkaError

from services.ops.policies import load
from services.ops.starting import SERVICE_NAMES, command, prepare
from services.ops.terminal import UsageError, complain, database_called, kafka_called
from services.platform.policy.policy import PolicySet
from services.platform.project import PROJECT
from services.platform.settings import Addresses, load_settings
from services.platform.streaming.topics import Difference

OWN_SERVERS = "services.platform.local"

EXAMPLES = """
Examples:

    relay run
    RELAY_KAFKA=host:9092 RELAY_DATABASE=postgresql://… relay run incidents
"""


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command(epilog=EXAMPLES)(run)


def run(
    services: Annotated[
        list[str] | None, typer.Argument(metavar="[SERVICE]...", help=f"Which services: {', '.join(SERVICE_NAMES)}.")
    ] = None,
    story: Annotated[bool, typer.Option(help="On servers of its own: play the year of one family first.")] = True,
    pace: Annotated[bool, typer.Option("--pace", help="Play it at the pace of a reader; any key goes on.")] = False,
) -> None:
    """Run services until Ctrl-C.

    Where RELAY_KAFKA and RELAY_DATABASE name servers: these services (all, if none is named) on those servers, after
    making the tables and topics of the relay that are missing. Nothing is published and nothing else is touched.

    Otherwise: Kafka and PostgreSQL of its own, all services, and a story that is played and told in about a minute;
    then everything stays up for you to publish to and subscribe from. Nothing is left behind.
    """
    settings = load_settings()
    if unknown := [name for name in services or () if name not in SERVICE_NAMES]:
        raise UsageError(f"There is no service {unknown[0]}; there are {', '.join(SERVICE_NAMES)}.")
    policies = load(settings.policy, settings.agencies)
    if settings.servers is not None:
        run_on(settings.servers, services or SERVICE_NAMES, policies)
    if services:
        raise UsageError("To run single services, name servers with RELAY_KAFKA and RELAY_DATABASE.")
    _own_servers().run_on_own_servers(policies, tell_story=story, at_reading_pace=pace)


def _own_servers() -> Any:
    """The part for development, which is not deployed; imported here alone, and only when it is asked for."""
    if find_spec(OWN_SERVERS) is None:
        raise UsageError(
            "This installation has no servers of its own: name servers with RELAY_KAFKA and RELAY_DATABASE, or use "
            "`make run` in a checkout."
        )
    return import_module(f"{OWN_SERVERS}.run")


def run_on(servers: Addresses, services: Sequence[str], policies: PolicySet) -> NoReturn:
    """Becomes the process of these services."""
    try:
        differences = prepare(servers, policies)
    except psycopg.OperationalError:
        raise UsageError(f"{database_called()} does not answer: is it up?") from None
    except KafkaError:
        raise UsageError(f"{kafka_called()} cannot be reached: is it up?") from None
    for difference in differences:
        complain(_in_words(difference))
    sys.stdout.flush()
    os.chdir(PROJECT)
    os.execv(sys.executable, command(*services))  # noqa: S606 - this project's own module


def _in_words(difference: Difference) -> str:
    return (
        f"{difference.topic}: {difference.setting} is {difference.found}, and declared as {difference.declared}; "
        "left as it is."
    )
