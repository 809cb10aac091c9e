"""`python -m tests.chaos`: three loads, without a fault and under a hundred of every kind; it writes
docs/reliability.md."""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from services.platform.project import PROJECT
from tests.chaos.faults import KINDS, Fault, faults, left_out
from tests.chaos.report import REPORT, written
from tests.chaos.run import Outcome, run

SEEDS = (1, 2, 3)
EACH = 34


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="others tell, and write nothing down")
    parser.add_argument("--families", type=int, default=250)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, metavar="KIND", help="only these, and nothing is written")
    wanted = parser.parse_args()
    missing = left_out()
    for kind, why in missing.items():
        sys.stdout.write(f"left out: {kind}: {why}\n")
    kinds = [kind for kind in wanted.kinds or KINDS if kind not in missing]
    calm = [one(seed, wanted.families, ()) for seed in wanted.seeds]
    outcomes = [one(seed, wanted.families, faults(seed, EACH, kinds)) for seed in wanted.seeds]
    if tuple(wanted.seeds) == SEEDS and wanted.kinds is None:
        REPORT.write_text(written(outcomes, calm, missing, datetime.now(UTC).date()))
        sys.stdout.write(f"written: {REPORT.relative_to(PROJECT)}\n")
    sys.exit(not all(outcome.verdict.clean for outcome in (*calm, *outcomes)))


def one(seed: int, families: int, troubles: Sequence[Fault]) -> Outcome:
    # Open to the user as whom PostgreSQL runs where this is root.
    folder = PROJECT / ".relay" / f"chaos-{os.getpid()}-{seed}-{len(troubles)}"
    folder.mkdir(parents=True)
    outcome = run(seed, families, troubles, folder)
    sys.stdout.write(f"seed {seed}: {outcome.events} events in {outcome.seconds:.0f} s through {len(outcome.struck)} ")
    sys.stdout.write(f"faults\n{outcome.verdict}\n")
    if outcome.verdict.clean:
        shutil.rmtree(folder)
    else:
        sys.stdout.write(f"what the workers logged is kept in {folder.relative_to(PROJECT)}\n")
    return outcome


if __name__ == "__main__":
    main()
