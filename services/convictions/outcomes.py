"""What the courts have decided about one offence of one defendant, over all hearings that a file knows of."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date

from schemas.court_convictions.v1 import HearingResulted, ResultedOffence, Verdict
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.reasons import Reason
from services.platform.domain.linking.charged import named
from services.platform.domain.linking.references import case_of_hearing
from services.platform.domain.protection.taken_back import ACQUITTALS, reopened, reopens

CLOSED_TO_ORDERS = {
    Verdict.UNFIT_DID_ACT: Reason.NO_POWER_UNFIT_DID_ACT,
    Verdict.WITHDRAWN: Reason.NO_POWER_WITHDRAWN,
    Verdict.DISCONTINUED: Reason.NO_POWER_DISCONTINUED,
    Verdict.LIES_ON_FILE: Reason.NO_POWER_LIES_ON_FILE,
    Verdict.JURY_DISCHARGED: Reason.NOT_FINAL,
    Verdict.QUASHED: Reason.NOT_FINAL,
}


@dataclass(frozen=True, slots=True)
class Heard:
    """The offence at one hearing. `verdict`: as stated there, else the earlier one; a sentence need not repeat it."""

    fact: Fact
    body: HearingResulted
    index: int
    verdict: Verdict | None

    @property
    def offence(self) -> ResultedOffence:
        return self.body.offences[self.index]

    @property
    def path(self) -> str:
        """The position of the offence in the body."""
        return f"offences.{self.index}"

    @property
    def sentenced(self) -> bool:
        """Convicted, and the court has dealt with the offender for it (Sentencing Code s.360)."""
        return self.verdict is Verdict.CONVICTED and self.offence.final

    @property
    def on(self) -> date:
        """The day of the sentence, or of the hearing where the court states none."""
        return self.offence.sentenced_on or self.body.hearing_on


@dataclass(frozen=True, slots=True)
class Outcome:
    """One offence of one defendant. `case`: `<urn>/<asn or defendant id>`; `heard`: in the order of the hearings.

    Two offences of one defendant may carry the same sequence number: the code tells them apart (domain 1.2).
    """

    case: str
    sequence: int
    code: str
    heard: tuple[Heard, ...]

    @property
    def last(self) -> Heard:
        return self.heard[-1]

    @property
    def sentenced(self) -> Heard | None:
        """The hearing that sentenced him: the first, for the law's days run from it; after a conviction that was taken
        back, as on a retrial, the first since."""
        return self._first_since(lambda h: h.sentenced, frozenset({Verdict.CONVICTED}))

    @property
    def acquitted(self) -> Heard | None:
        """The hearing that acquitted him: the first, or the first since an acquittal was taken back."""
        return self._first_since(lambda h: h.verdict in ACQUITTALS, ACQUITTALS)

    @property
    def opened(self) -> Heard | None:
        """The hearing after which an order could have been made."""
        return self.sentenced or self.acquitted

    def _first_since(self, opens: Callable[[Heard], bool], keeps: Collection[Verdict]) -> Heard | None:
        """Of an outcome that was taken back and did not come again, the one that was taken back."""
        found, over = None, True
        for heard in self.heard:
            if opens(heard) and over:
                found, over = heard, False
            over = over or heard.verdict not in keeps
        return found

    @property
    def closed_to_orders(self) -> Reason | None:
        """Why no order can be missed as things stand, or None where that is for the rules to say."""
        if self.last.verdict is None:
            return Reason.NO_VERDICT
        if self.last.verdict is Verdict.CONVICTED and not self.last.offence.final:
            return Reason.NOT_SENTENCED
        return CLOSED_TO_ORDERS.get(self.last.verdict)


def outcomes(file: CaseFile) -> tuple[Outcome, ...]:
    """Every offence that a hearing of this file speaks of."""
    return file.once(_worked_out)


def _worked_out(file: CaseFile) -> tuple[Outcome, ...]:
    found: dict[tuple[str, int, str], list[Heard]] = {}
    for fact, body in sorted(file.of(HearingResulted), key=lambda pair: (pair[1].hearing_on, pair[1].hearing)):
        case = case_of_hearing(body.hearing)
        _open_again(found, case, fact, body)
        # Two counts of one hearing may share number and code: what he was convicted of is not undone by the other.
        for index, offence in sorted(enumerate(body.offences), key=lambda pair: pair[1].verdict is Verdict.CONVICTED):
            heard = found.setdefault((case, *named(offence)), [])
            before = heard[-1].verdict if heard else None
            heard.append(Heard(fact, body, index, offence.verdict or before))
    return tuple(Outcome(*offence, tuple(hearings)) for offence, hearings in found.items())


def _open_again(found: dict[tuple[str, int, str], list[Heard]], case: str, fact: Fact, body: HearingResulted) -> None:
    """Where a court opens a case again, or sets a conviction aside, what it touches has no verdict until it has a new
    one."""
    if reopens(body) is None:
        return
    touched = reopened(body)
    for (of_case, sequence, _), heard in found.items():
        if of_case == case and (not touched or sequence in touched):
            heard.append(Heard(fact, body, 0, None))
