"""What all commands share with the person at the terminal: where to write, which servers, what to say when it fails."""

from rich.console import Console

from services.runtime.settings import Addresses, Settings, load_settings

out = Console(highlight=False, soft_wrap=False)
err = Console(stderr=True, highlight=False)


class UsageError(Exception):
    """The command cannot begin; the text says what would be right. Exit status 2."""


def complain(text: str) -> None:
    err.print(text, style="red", markup=False)


def servers(settings: Settings | None = None) -> Addresses:
    """The servers to work on. UsageError where there are none."""
    found = (settings or load_settings()).servers
    if found is None:
        raise UsageError(
            "No servers: set RELAY_KAFKA and RELAY_DATABASE, or start servers of its own with `make run`."
        )
    return found
