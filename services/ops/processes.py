"""Whether another process still runs, told apart from one that was given its number later."""

import time
from pathlib import Path


def started_at(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None if it has ended, noticed by its parent or not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name of the program, in brackets, may itself hold spaces and brackets.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def wait_until_gone(pid: int, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    start = started_at(pid)
    while start is not None and started_at(pid) == start:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
