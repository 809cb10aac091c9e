"""Runs the whole relay on a Kafka and a PostgreSQL of its own, tells the story, and stays up until it is stopped."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import FrameType
from typing import NoReturn

import psycopg
import typer
from kafka.errors import KafkaError

from services.ops.events import NotReady, Ready, read_path, receipts
from services.ops.starting import prepare
from services.ops.terminal import UsageError, complain, heading, out
from services.platform.local.embedded import RELAY_FOLDER, Servers, embedded_servers
from services.platform.local.pace import wait_for_reader
from services.platform.local.running import announce
from services.platform.local.services import LOGS, Services, ServicesEndedError, all_services
from services.platform.local.story import STORY, Story, at_once, play, read_telling, show
from services.platform.local.story_clock import StoryStuckError, story_clock
from services.platform.policy.policy import PolicySet
from services.platform.project import PROJECT
from services.platform.settings import Addresses
from services.platform.streaming.health import THIS_MACHINE

POLL_SECONDS = 0.3
PICTURE = RELAY_FOLDER / "story.svg"
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


def run_on_own_servers(policies: PolicySet, *, tell_story: bool, at_reading_pace: bool) -> None:
    """Returns when the person ends it. typer.Exit with status 1 where it ends by itself."""
    for sign in (signal.SIGTERM, signal.SIGINT):  # also where a shell starts it with SIGINT ignored
        signal.signal(sign, _interrupt)
    try:
        _run(policies, _story() if tell_story else None, wait_for_reader if at_reading_pace else at_once)
    except KeyboardInterrupt:
        out.print("\nEnded; nothing is left behind.")
    except (ServicesEndedError, StoryStuckError) as problem:
        complain(str(problem))
        raise typer.Exit(1) from None
    except (KafkaError, psycopg.OperationalError):
        complain("Kafka or PostgreSQL is gone.")
        raise typer.Exit(1) from None


def _run(policies: PolicySet, story: Story | None, pace: Callable[[int], None]) -> None:
    name = f"run-{os.getpid()}"
    with embedded_servers(RELAY_FOLDER / name, tell=_tell) as servers:
        out.print(f"RELAY_KAFKA={servers.kafka}", soft_wrap=True)
        out.print(f"RELAY_DATABASE={servers.database}", soft_wrap=True)
        with announce(servers.kafka, servers.database) as tell_health:
            _tell("Making tables and topics ...")
            prepare(Addresses(servers.kafka, servers.database), policies)
            _serve(servers, name, policies, story, pace, tell_health)


def _serve(
    servers: Servers,
    name: str,
    policies: PolicySet,
    story: Story | None,
    pace: Callable[[int], None],
    tell_health: Callable[[str], None],
) -> None:
    if story is None:
        _tell("Starting the services ...")
        with all_services(servers, LOGS / f"{name}.log", out.print) as services:
            _tell_where(services, tell_health)
            _stay_up(services, WITHOUT_STORY)
    with story_clock(servers.kafka, servers.database) as clock:
        clock.stop_at(story.events[0].time)
        _tell("Starting the services ...")
        with all_services(servers, LOGS / f"{name}.log", out.print) as services:
            _tell_where(services, tell_health)
            played = play(story, clock, services, policies, pace)
            show(played, story, servers.database, policies, PICTURE)
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
        time.sleep(POLL_SECONDS)


def _tell(line: str) -> None:
    out.print(line, style="dim")


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
