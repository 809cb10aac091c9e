"""`python -m tests.chaos.broken`: breaks each mechanism of the engine once, and shows that a run under faults tells; it
writes docs/broken.md.

Each run is of a release that lacks one mechanism, through the short faults, each kind
several times. Such a run tells where its verdict is not
clean, or where a worker ends by itself. `make broken` fails where a run tells nothing, where that of the shipped
release tells something, and where a run stops for any other reason, such as time: that tells nothing.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from services.platform.project import PROJECT
from tests.chaos.broken_release import MECHANISMS
from tests.chaos.faults import SHORT, faults
from tests.chaos.run import run
from tests.chaos.verifier import Verdict
from tests.chaos.worker import AS_SHIPPED, WorkerEndedError

SEED, FAMILIES, EACH = 20261123, 90, 3
NONE = "none: the shipped release"
RELEASES: Mapping[str, Sequence[str]] = {
    NONE: AS_SHIPPED,
    **{mechanism: ("tests.chaos.broken_release", mechanism) for mechanism in MECHANISMS},
}
REPORT = PROJECT / "docs" / "broken.md"
DOCUMENT = """\
# Broken on purpose: what a run under faults finds

Written by `make broken`; do not edit.

{on}: each run is of a release in which the engine lacks one mechanism (`tests/chaos/broken_release.py`), under a load of {families} families and {each} faults of each of the eight kinds of `tests/chaos/test_once_and_nothing_lost.py`. The first row is the shipped release under the same. The words are those of [reliability](reliability.md).

| Mechanism that is missing | Lost | Issued twice | Wrong | For example |
| --- | --: | --: | --: | --- |
{rows}
"""  # noqa: E501 - it is prose


class Found(NamedTuple):
    """What the run of a broken release found. `ended`: why a worker ended by itself, if one did. `stopped`: what else
    kept the run from its end."""

    mechanism: str
    verdict: Verdict = Verdict()
    ended: str = ""
    stopped: str = ""

    @property
    def as_it_must_be(self) -> bool:
        clean = self.verdict.clean and not self.ended
        return not self.stopped and clean is (self.mechanism == NONE)

    def __str__(self) -> str:
        ended = f"a worker ended by itself: {self.ended}" if self.ended else ""
        return f"{self.mechanism}:\n{self.stopped or ended or self.verdict}\n"

    @property
    def row(self) -> str:
        if self.stopped:
            return f"| {self.mechanism} | | | | nothing: the run stopped, {self.stopped.splitlines()[0]} |"
        if self.ended:
            return f"| {self.mechanism} | | | | a worker ends by itself: `{self.ended}` |"
        parts = (self.verdict.lost, self.verdict.twice, self.verdict.wrong)
        first = next((lines[0] for lines in parts if lines), "")
        return f"| {self.mechanism} | {' | '.join(str(len(lines)) for lines in parts)} | {first} |"


def without(mechanism: str) -> Found:
    # Open to the user as whom PostgreSQL runs where this is root.
    folder = PROJECT / ".relay" / f"broken-{os.getpid()}-{list(RELEASES).index(mechanism)}"
    folder.mkdir(parents=True)
    try:
        verdict = run(SEED, FAMILIES, faults(SEED, EACH * len(SHORT), SHORT), folder, RELEASES[mechanism]).verdict
    except WorkerEndedError as worker:
        return Found(mechanism, ended=worker.reason)
    except AssertionError as stopped:
        return Found(mechanism, stopped=str(stopped))
    finally:
        shutil.rmtree(folder)
    return Found(mechanism, verdict)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.broken", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=RELEASES, metavar="MECHANISM", help="and nothing is written")
    only = parser.parse_args().only
    found = list[Found]()
    for mechanism in only or RELEASES:
        found.append(without(mechanism))
        sys.stdout.write(f"{found[-1]}\n")
        sys.stdout.flush()
    if not only:
        REPORT.write_text(
            DOCUMENT.format(
                on=datetime.now(UTC).date(), families=FAMILIES, each=EACH, rows="\n".join(each.row for each in found)
            )
        )
        sys.stdout.write(f"written: {REPORT.relative_to(PROJECT)}\n")
    otherwise = [each.mechanism for each in found if not each.as_it_must_be]
    sys.exit(f"otherwise than it must be: {', '.join(otherwise)}" if otherwise else 0)


if __name__ == "__main__":
    main()
