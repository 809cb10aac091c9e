"""Custody as a protective measure: from the hearing that left him in custody until one of his case that did not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import zip_longest

from schemas.court_convictions.v1 import HearingResulted, Remand
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.linking.references import case_number
from services.platform.domain.linking.same_man import Man, Men
from services.platform.domain.protection import hearings
from services.platform.domain.protection.measures import Kind, Known, lasts
from services.platform.policy.clocks import ONE_DAY


@dataclass(frozen=True, slots=True)
class Custody:
    """One man in custody in one case, by what courts decided. No court says whom it protects. `until`: the day before
    the next hearing of his case, which is `ended_by`."""

    stated_by: Fact
    hearing: HearingResulted
    man: Man
    until: date | None = None
    ended_by: Fact | None = None
    kind: Kind = Kind.CUSTODY
    known: Known = Known.UNCONFIRMED
    protects: frozenset[str] = frozenset()

    @property
    def in_force(self) -> bool:
        return self.until is None

    @property
    def place(self) -> str:
        return self.hearing.hearing

    @property
    def code(self) -> str:
        return self.kind.value

    @property
    def urn(self) -> str:
        return case_number(self.hearing.hearing)

    @property
    def since(self) -> date:
        return self.hearing.hearing_on

    @property
    def facts(self) -> tuple[Fact, ...]:
        return (self.stated_by,) if self.ended_by is None else (self.stated_by, self.ended_by)

    def holds_on(self, on: date) -> bool:
        """Whether he was in custody at the end of that day."""
        return self.since <= on and lasts(self.until, on)


def custody(file: CaseFile) -> Iterator[Custody]:
    """Each hearing that left him in custody, until the next hearing of his case."""
    men = file.once(Men)
    for his in file.once(hearings.of_each_man):
        for (fact, body), later in zip_longest(his.heard, his.heard[1:]):
            if not (body.custody is True or body.remand is Remand.CUSTODY):
                continue
            if later is None:
                yield Custody(fact, body, men.of(fact))
            else:
                yield Custody(fact, body, men.of(fact), later[1].hearing_on - ONE_DAY, later[0])
