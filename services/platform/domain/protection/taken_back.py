"""Hearings that take back what an earlier one decided, or say that the defendant has died: what rested on it falls.

Courts say so by codes (a case reopened, a conviction set aside on a statutory declaration, an appeal allowed), or by
stating another verdict for an offence that had one.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from schemas.codes.court_results import TakenBack, court_results
from schemas.court_convictions.v1 import HearingResulted, ResultedOffence, Verdict
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.linking.charged import named
from services.platform.domain.linking.references import case_of_hearing

# An order is possible on these only if necessary against harassment (PHA 1997 s.5A; R v Baldwin; R v AJR).
ACQUITTALS = frozenset({Verdict.ACQUITTED, Verdict.NO_EVIDENCE_OFFERED, Verdict.DISMISSED, Verdict.NGRI})


@dataclass(frozen=True, slots=True)
class Undoing:
    """A hearing that took back what an earlier one had decided, in its case or, where `sequences` are given, for these
    offences of it. `how`: in one word. `before` and `verdict`: where it stated another verdict, the earlier one as far
    as it is known, and the new one."""

    fact: Fact
    body: HearingResulted
    how: str
    sequences: frozenset[int] = frozenset()
    before: Verdict | None = None
    verdict: Verdict | None = None

    def touches(self, sequences: Collection[int]) -> bool:
        """Whether what rests on these offences falls; of what rests on nobody knows which, it may."""
        return not self.sequences or not sequences or not self.sequences.isdisjoint(sequences)


def undoings(file: CaseFile) -> tuple[Undoing, ...]:
    """Every hearing of this file that took something back, in the order of the hearings. The first verdict that is
    known of an offence is among them: what stood before it may be unknown here."""
    found: list[Undoing] = []
    grounds_before: dict[tuple[str, int, str], Verdict] = {}
    for fact, body in sorted(file.of(HearingResulted), key=lambda pair: (pair[1].hearing_on, pair[1].hearing)):
        if (row := reopens(body)) is not None:
            found.append(Undoing(fact, body, row.how, reopened(body)))
        case = case_of_hearing(body.hearing)
        for offence in body.offences:
            of_it = frozenset({offence.sequence})
            if any(row.offence is None for row in _rows(offence)):
                found.append(Undoing(fact, body, "appeal_allowed", of_it))
            if offence.verdict is Verdict.QUASHED:
                found.append(
                    Undoing(fact, body, "quashed", of_it, grounds_before.get((case, *named(offence))), offence.verdict)
                )
        for (sequence, code), verdict in _verdicts(body).items():
            before = grounds_before.get((case, sequence, code))
            if verdict is not Verdict.QUASHED and not _alike(before, verdict):
                found.append(Undoing(fact, body, "replaced", frozenset({sequence}), before, verdict))
            grounds_before[case, sequence, code] = verdict
    return tuple(found)


def reopens(body: HearingResulted) -> TakenBack | None:
    """How a court says by the code of an application that it opens a case again or sets a conviction aside."""
    rows = (row for offence in body.offences for row in _rows(offence) if row.offence is not None)
    return next(rows, None)


def reopened(body: HearingResulted) -> frozenset[int]:
    """The offences that such a hearing lists and has not dealt with for good; where it has dealt with each that it
    lists, those. None: it lists none, and all of the case may be meant. The application itself stands among the
    offences, and is none."""
    listed = [offence for offence in body.offences if not any(row.offence for row in _rows(offence))]
    undecided = [offence for offence in listed if not offence.final]
    return frozenset(offence.sequence for offence in undecided or listed)


def deaths(file: CaseFile) -> Iterator[tuple[Fact, HearingResulted]]:
    """The hearings that ended proceedings because the defendant has died."""
    codes = court_results().deaths
    for fact, body in file.of(HearingResulted):
        if any(result.cjs_result_code in codes for offence in body.offences for result in offence.results):
            yield fact, body


def _verdicts(body: HearingResulted) -> dict[tuple[int, str], Verdict]:
    """By number and code. Two counts may share both: what he was convicted of is not undone by the other."""
    found: dict[tuple[int, str], Verdict] = {}
    for offence in body.offences:
        if offence.verdict is not None and found.get(named(offence)) is not Verdict.CONVICTED:
            found[named(offence)] = offence.verdict
    return found


def _rows(offence: ResultedOffence) -> Iterator[TakenBack]:
    codes = {result.cjs_result_code for result in offence.results}
    return (row for row in court_results().taken_back if row.result in codes and row.offence in (None, offence.code))


def _alike(before: Verdict | None, verdict: Verdict) -> bool:
    """Whether what could be ordered on the earlier verdict can be on the later: an order rests on nothing else."""
    if before is Verdict.CONVICTED or before in ACQUITTALS:
        return verdict is before or {verdict, before} <= ACQUITTALS
    return before is not None
