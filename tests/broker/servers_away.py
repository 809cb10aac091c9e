"""Servers that are away for a while: killed, or frozen where they are."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from services.platform.local.embedded import Name, Servers


@contextmanager
def away(servers: Servers, server: Name, how: str) -> Iterator[None]:
    """Without this server for as long as the block lasts: killed, or all its processes stopped where they are."""
    if how == "killed":
        servers.stop(server, kill=True)
        try:
            yield
        finally:
            servers.start(server)
        return
    main = servers.pids[server]
    processes = [main, *map(int, Path(f"/proc/{main}/task/{main}/children").read_text().split())]
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
