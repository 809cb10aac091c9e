"""The release before, beside the new one: its files as they were at a git revision, with the packages that it names."""

import json
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from services.platform.project import PROJECT
from tests.bench.entrants import RELAY, Entrant

LIES_IN = PROJECT / ".relay" / "before"
COSTS = """
import json, sys
from tests.bench.evaluations import cost
found = [cost(int(length)) for length in sys.argv[1:]]
print(json.dumps([[each.facts, each.cold.all, each.warm.all] for each in found]))
"""


class NoReleaseBeforeError(RuntimeError):
    """The revision that was asked for cannot be run here."""


def release_before(revision: str) -> Entrant:
    """The relay as it was at this revision, made the first time; later runs use it again. NoReleaseBeforeError where
    git does not know it, as in a copy without its history."""
    commit = _said("git", "rev-parse", "--short=12", "--verify", f"{revision}^{{commit}}").decode().strip()
    root = LIES_IN / commit
    if not root.exists():
        files = _said("git", "archive", "--format=tar", commit)
        with tarfile.open(fileobj=BytesIO(files)) as archive:
            archive.extractall(root, filter="data")
    _said("make", "--directory", str(root), f"PYTHON={sys.executable}", ".venv-bench/.installed")
    python = root / ".venv-bench" / "bin" / "python"
    title = f"the release before ({commit[:7]})"
    return replace(RELAY, name="before", title=title, root=root, python=str(python))


def costs_before(before: Entrant, lengths: Sequence[int]) -> dict[int, tuple[float, float]]:
    """What an evaluation cost then, by the length of its file: milliseconds, cold and warm."""
    found = json.loads(_said(before.python, "-c", COSTS, *map(str, lengths), within=before.root))
    return {facts: (cold, warm) for facts, cold, warm in found}


def _said(*command: str, within: Path = PROJECT) -> bytes:
    done = subprocess.run(command, cwd=within, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-1_000:]
        raise NoReleaseBeforeError(f"the release before cannot be run ({' '.join(command[:3])}): {said}")
    return done.stdout
