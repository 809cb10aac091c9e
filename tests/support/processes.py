"""Processes that tests start, and what they take."""

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.platform.local.keeper import die_with_keeper
from services.platform.project import PROJECT


def started(command: Sequence[str], **settings: Any) -> "subprocess.Popen[Any]":
    """One that cannot outlive the tests, be they killed; `settings` as for Popen."""
    return subprocess.Popen(
        command,
        cwd=PROJECT,
        preexec_fn=die_with_keeper(signal.SIGKILL),  # noqa: PLW1509 - it only calls prctl
        **settings,
    )


def processor_seconds(pid: int) -> float:
    """What it has used so far, for itself and in the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def most_resident_mib(pid: int) -> float:
    """The most memory that it ever held."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
