"""`relay run`: services on servers that are named; without any, the whole relay on servers of its own, with a story."""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import FrameType
from typing import Annotated, NoReturn

import psycopg
import typer
from kafka.errors import KafkaError

from services.ops.events import NotReady, Ready, read_path, receipts
from services.ops.starting import LOGS, SERVICE_NAMES, Services, ServicesEndedError, all_services, command, prepare
from services.ops.story import STORY, Story, play, read_telling
from services.ops.terminal import UsageError, complain, database_called, heading, kafka_called, out
from services.platform.local.embedded import RELAY_FOLDER, Servers, embedded_servers
from services.platform.local.keeper import PROJECT
from services.platform.local.running import announce
from services.platform.local.story_clock import StoryStuckError, story_clock
from services.platform.policy.load import load
from services.platform.policy.policy import PolicySet
from services.platform.settings import Addresses, load_settings
from services.platform.streaming.health import THIS_MACHINE
from services.platform.streaming.topics import Difference

EVALUATION_SECONDS = 0.3
EXAMPLE = "schemas/examples/police.incidents/incident-reported/high-risk-strangulation.json"
# What a newcomer may type, and what it shows.
WITHOUT_STORY = (
    ("send an event", f"relay publish {EXAMPLE}"),
    ("who was told because of it, who was not, and why", "relay explain 54260012345/1"),
    ("what one agency is told, and how it answers", "relay subscribe idva-larkmead"),
    ("how the services are doing", "relay status"),
)
AFTER_STORY = (
    ("what one agency of the story was told", "relay subscribe idva-larkmead --all"),
    ("who was told in the story, who was not, and why", "relay explain 54250077303/1"),
    ("send another event; schemas/examples has more", f"relay publish {EXAMPLE}"),
    ("how the services are doing", "relay status"),
)

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
    if settings.named_servers is not None:
        run_on(settings.named_servers, services or SERVICE_NAMES, policies)
    if services:
        raise UsageError("To run single services, name servers with RELAY_KAFKA and RELAY_DATABASE.")
    for sign in (signal.SIGTERM, signal.SIGINT):  # also where a shell starts it with SIGINT ignored
        signal.signal(sign, _interrupt)
    try:
        _run_on_own_servers(policies, tell_story=story)
    except KeyboardInterrupt:
        out.print("\nEnded; nothing is left behind.")
    except (ServicesEndedError, StoryStuckError) as problem:
        complain(str(problem))
        raise typer.Exit(1) from None
    except (KafkaError, psycopg.OperationalError):
        complain("Kafka or PostgreSQL is gone.")
        raise typer.Exit(1) from None


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


def _run_on_own_servers(policies: PolicySet, *, tell_story: bool) -> None:
    name = f"run-{os.getpid()}"
    with embedded_servers(RELAY_FOLDER / name, tell=_tell) as servers:
        out.print(f"RELAY_KAFKA={servers.kafka}", soft_wrap=True)
        out.print(f"RELAY_DATABASE={servers.database}", soft_wrap=True)
        with announce(servers.kafka, servers.database) as tell_health:
            _tell("Making tables and topics ...")
            prepare(Addresses(servers.kafka, servers.database), policies)
            _serve(servers, name, policies, _story() if tell_story else None, tell_health)


def _serve(
    servers: Servers, name: str, policies: PolicySet, story: Story | None, tell_health: Callable[[str], None]
) -> None:
    if story is None:
        _tell("Starting the services ...")
        with all_services(servers, LOGS / f"{name}.log", out.print) as services:
            _tell_where(services, tell_health)
            _stay_up(services, WITHOUT_STORY)
    with story_clock(servers.kafka, servers.database) as clock:
        clock.stand_at(story.events[0].time)
        _tell("Starting the services ...")
        with all_services(servers, LOGS / f"{name}.log", out.print) as services:
            _tell_where(services, tell_health)
            play(story, clock, services, policies)
            clock.let_go()
            _stay_up(services, AFTER_STORY)


def _tell_where(services: Services, tell_health: Callable[[str], None]) -> None:
    health = f"http://{THIS_MACHINE}:{services.port}"
    tell_health(health)
    _tell(f"Their logs go to {services.log.relative_to(PROJECT)}.")
    _tell(f"Health and metrics: {health}/readyz, /metrics")


def _story() -> Story:
    read = read_path(STORY, None, receipts(datetime.now(UTC)))
    if wrong := [event for event in read if isinstance(event, NotReady)]:
        raise UsageError(f"The story cannot be told: {wrong[0].origin}: {wrong[0].refusal.detail}")
    return Story(tuple(event for event in read if isinstance(event, Ready)), read_telling())


def _stay_up(services: Services, to_try: Sequence[tuple[str, str]]) -> NoReturn:
    out.print(heading("The relay stays up, in real time", "green"))
    out.print("To try it, in another terminal, in this folder:")
    for what, typed in (("first, so that `relay` is found", "source .venv/bin/activate"), *to_try):
        out.print(f"  # {what}", style="dim")
        out.print(f"  {typed}", soft_wrap=True)
    out.print("Ctrl-C here ends everything.")
    while True:
        services.check()
        time.sleep(EVALUATION_SECONDS)


def _in_words(difference: Difference) -> str:
    return (
        f"{difference.topic}: {difference.setting} is {difference.found}, and declared as {difference.declared}; "
        "left as it is."
    )


def _tell(line: str) -> None:
    out.print(line, style="dim")


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
