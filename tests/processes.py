"""Processes that tests start."""

import signal
import subprocess
from collections.abc import Sequence
from typing import Any

from services.runtime.keeper import PROJECT, die_with_keeper


def started(command: Sequence[str], **settings: Any) -> "subprocess.Popen[Any]":
    """One that cannot outlive the tests, be they killed; `settings` as for Popen."""
    return subprocess.Popen(
        command,
        cwd=PROJECT,
        preexec_fn=die_with_keeper(signal.SIGKILL),  # noqa: PLW1509 - it only calls prctl
        **settings,
    )
