"""A disk that can be made full at once: the tables lie on it alone, so that the log of the database still has room.

It is mounted for this process and its children only, and goes with them. A kernel may refuse that to whoever is not
root.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg

from services.platform.local.embedded import Servers
from services.platform.local.keeper import LIBC, NOBODY

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_REMOUNT, MS_REC, MS_PRIVATE, MNT_DETACH = 32, 0x4000, 0x40000, 2
ROOMY = 2 * 1024 * 1024 * 1024


@dataclass(frozen=True)
class SmallDisk:
    folder: Path

    def fill(self) -> None:
        """Leaves no room beyond what is in use."""
        found = os.statvfs(self.folder)
        self._resize((found.f_blocks - found.f_bfree) * found.f_frsize)

    def clear(self) -> None:
        self._resize(ROOMY)

    def _resize(self, size: int) -> None:
        _mount(self.folder, "tmpfs", MS_REMOUNT, f"size={size}")


@contextmanager
def small_disk(servers: Servers, folder: Path) -> Iterator[SmallDisk]:
    """A disk for tablespace `small`; the servers were started after `mount_for_ourselves`."""
    folder.mkdir()
    _mount(folder, "tmpfs", 0, f"size={ROOMY},mode=0777")
    try:
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        with psycopg.connect(servers.database, autocommit=True) as conn:
            # A utility statement takes no parameters; the folder is the test's own.
            conn.execute(f"create tablespace small location '{folder}'".encode())
        yield SmallDisk(folder)
    finally:
        LIBC.umount2(os.fsencode(folder), MNT_DETACH)


@cache
def may_mount() -> bool:
    """Tried in a process of its own."""
    tried = subprocess.run([sys.executable, "-m", __name__], capture_output=True, check=False)
    return tried.returncode == 0


@cache
def mount_for_ourselves() -> None:
    """From now on only this process, and those that it starts, see what it mounts; before it has a second thread."""
    user, group = os.geteuid(), os.getegid()
    if LIBC.unshare(CLONE_NEWNS if user == 0 else CLONE_NEWUSER | CLONE_NEWNS) != 0:
        raise OSError("this kernel lets nobody but root mount anything")
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    _mount(Path("/"), None, MS_REC | MS_PRIVATE, None)


def _mount(folder: Path, kind: str | None, flags: int, options: str | None) -> None:
    name, settings = kind and kind.encode(), options and options.encode()
    if LIBC.mount(name, os.fsencode(folder), name, flags, settings) != 0:
        raise OSError(f"{folder} could not be mounted")


if __name__ == "__main__":
    mount_for_ourselves()
    _mount(Path("/tmp"), "tmpfs", 0, "size=1M")  # noqa: S108 - nobody else sees it
