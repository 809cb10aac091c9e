"""Writes down what runs under faults found: a table by kind of fault, in docs/reliability.md."""

import os
from collections.abc import Mapping, Sequence
from datetime import date
from statistics import median

from services.platform.project import PROJECT
from tests.chaos.run import SETTLES, Outcome, Struck
from tests.chaos.verifier import Verdict

REPORT = PROJECT / "docs" / "reliability.md"


DOCUMENT = """\
# Reliability: what was lost, issued twice or wrong under faults

Written by `make chaos`; do not edit.

{on}: {faults} faults of {kinds} kinds, seeds {seeds}, {events:,} events, {minutes:.0f} minutes on {cores} cores.

**{lost} lost, {twice} issued twice, {wrong} wrong.**

Two workers, each with all services, are under load: corrections, withdrawals, links made, refused and taken back, duplicates, late and disordered events, cases heard live, and agencies that answer what they are told.
A fault strikes whenever another equal part of the load has been judged, while the part after the next is published.

Afterwards a verifier that shares no code with the relay reads what agencies were told and the dead letters with a plain consumer, and each record's end from the relay's own table.
It compares what agencies hold then with what the same records and answers give in a calm run: decoded, linked and evaluated once by the rules of the same release, in memory, where no server takes part and nothing can fail.
What must be equal, for each rule, place and agency, is what the newest live notification says: matter, asks, fixed texts, urgency, desk, legal power and route.
Ids, revisions, lateness and times are left out, because they depend on when an agency was told; grounds, because they change without a word where nothing visible changes; and which asks have been met.
Agencies answer what they see, so an answer counts in the calm run for the person and the asks of the notification that its agency had read. Whether an answer came too late depends on how fast its notification was replaced: replies to late answers are not compared, and one to an answer that still counts is wrong.
The same loads were also put through real servers without a fault: **{calm_lost} lost, {calm_twice} issued twice, {calm_wrong} wrong** in {calm_events:,} events. So a difference under faults is the work of a fault, not of the servers.
[ADR 19](adr/0019-chaos-compares-with-calm.md) says why the calm run is in memory. `make broken` shows what is found of a release that lacks one mechanism.
*Lost*: a notification, a reminder, a dead letter, or a record without its end.
*Issued twice*: one id with two contents, one revision with two ids, the same told again, or a record with two ends or two dead letters.
*Wrong*: held with other content, held and not owed, refused and good, or told of something that was missing for a moment only.
What is found cannot be laid at the door of one fault: a row counts what was found in the runs that its kind struck in.
The times run from the moment when the fault was over and its part of the load was published, in seconds, median and worst; 0.0 where all had been done by then.

| Fault | How often | Lost | Issued twice | Wrong | First record judged after | First notification after |
| --- | --: | --: | --: | --: | --: | --: |
{rows}

In {absences} cases an order or a charge was missing for a moment and came within the settling time, here {settles:.0f} s: nobody was to hear of it.
"""  # noqa: E501 - it is prose


def written(outcomes: Sequence[Outcome], calm: Sequence[Outcome], left_out: Mapping[str, str], on: date) -> str:
    """The whole document, as text. `calm`: of runs without a fault."""
    struck = [(outcome, each) for outcome in outcomes for each in outcome.struck]
    verdict = sum((outcome.verdict for outcome in outcomes), Verdict())
    undisturbed = sum((outcome.verdict for outcome in calm), Verdict())
    kinds = sorted({each.kind for _, each in struck})
    rows = [_row(kind, [(outcome, each) for outcome, each in struck if each.kind == kind]) for kind in kinds]
    rows += [f"| {kind} | left out: {why} | | | | | |" for kind, why in sorted(left_out.items())]
    return DOCUMENT.format(
        on=on.isoformat(),
        faults=len(struck),
        kinds=len(kinds),
        seeds=", ".join(str(outcome.seed) for outcome in outcomes),
        events=sum(outcome.events for outcome in outcomes),
        minutes=sum(outcome.seconds for outcome in outcomes) / 60,
        cores=os.cpu_count(),
        lost=len(verdict.lost),
        twice=len(verdict.twice),
        wrong=len(verdict.wrong),
        calm_events=sum(outcome.events for outcome in calm),
        calm_lost=len(undisturbed.lost),
        calm_twice=len(undisturbed.twice),
        calm_wrong=len(undisturbed.wrong),
        rows="\n".join(rows),
        absences=sum(outcome.absences for outcome in outcomes),
        settles=SETTLES.total_seconds(),
    )


def _row(kind: str, struck: Sequence[tuple[Outcome, Struck]]) -> str:
    runs = {id(outcome): outcome.verdict for outcome, _ in struck}
    found = sum(runs.values(), Verdict())
    times = [
        f"{median(after):.1f}, {max(after):.1f}"
        for after in ([each.judged_after for _, each in struck], [each.told_after for _, each in struck])
    ]
    counts = (len(struck), len(found.lost), len(found.twice), len(found.wrong))
    return f"| {kind} | {' | '.join(map(str, counts))} | {' | '.join(times)} |"
