"""What all commands share with the person at the terminal: where to write, which servers, what to say when it fails."""

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.constrain import Constrain
from rich.rule import Rule

from services.ops.running import find_running
from services.platform.policy.clocks import LONDON
from services.platform.problems import CannotBeginError
from services.platform.settings import Addresses, Settings, load_settings

PIPE_WIDTH = 1000  # every line that is to be copied fits
HEADING_WIDTH = 80


class Output(Console):
    """Where commands write. What they are given is text, never markup: a file may be called `:100:` or `[bold]`.

    A terminal folds its lines to its width. A pipe does not, because a program or a person copies ids from there.
    """

    def __init__(self, stream: TextIO, *, stderr: bool = False) -> None:
        width = None if stream.isatty() else PIPE_WIDTH
        super().__init__(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)

    def print(self, *given: Any, **options: Any) -> None:
        if self.is_terminal:
            super().print(*given, **options)
            return
        with self.capture() as captured:
            super().print(*given, **options)
        self.file.write("\n".join(line.rstrip() for line in captured.get().split("\n")))


out = Output(sys.stdout)
err = Output(sys.stderr, stderr=True)


class UsageError(CannotBeginError):
    """The command cannot begin; the text says what would be right. Exit status 2."""


def complain(text: str) -> None:
    err.print(text, style="red", soft_wrap=True)


def shown(text: str) -> str:
    """A text from outside as a terminal may be given it: what would steer it, and what is no text, is spelt out."""
    sound = text.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in sound)


def heading(title: str, style: str = "dim") -> RenderableType:
    """A title with a line behind it, of the same width everywhere."""
    return Constrain(Rule(title, align="left", style=style, characters="─"), HEADING_WIDTH)


def servers(settings: Settings | None = None) -> Addresses:
    """The servers that the environment names, else those of a `make run` that is up. UsageError if there are none."""
    if (named := (settings or load_settings()).servers) is not None:
        return named
    if (running := find_running()) is not None:
        return Addresses(running.kafka, running.database)
    raise UsageError("No servers: set RELAY_KAFKA and RELAY_DATABASE, or start servers of its own with `make run`.")


def kafka_called() -> str:
    """How the person at the terminal knows it."""
    return "Kafka at RELAY_KAFKA" if load_settings().servers is not None else "The Kafka of the `make run`"


def database_called() -> str:
    """How the person at the terminal knows it."""
    named = load_settings().servers is not None
    return "The database at RELAY_DATABASE" if named else "The database of the `make run`"


def moment(when: datetime, *, year: bool = True) -> str:
    """`Sat 4 Oct 2025, 22:41`, in London. In the hour of October that is there twice, with BST or GMT."""
    local = when.astimezone(LONDON)
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    zone = f" {local.tzname()}" if twice else ""
    return f"{local:%a} {local.day} {local:%b}{f' {local.year}' if year else ''}, {local:%H:%M}{zone}"


def span(seconds: float) -> str:
    """A length of time in its two largest units: `3 days 2 h`, `45 min`."""
    minutes = int(abs(seconds) // 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        said = f"{days} day{'s' if days != 1 else ''}"
        return f"{said} {hours} h" if hours and days < 7 else said
    if hours:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{rest} min" if rest else "less than a minute"


def plural(number: int, one: str, many: Callable[[str], str] = lambda word: word + "s") -> str:
    """`1 event`, `12 events`."""
    return f"{number:,} {one if number == 1 else many(one)}"
