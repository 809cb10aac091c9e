"""The hearings of one defendant's case, in the order in which courts sat, and the measures that they decide on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from schemas.court_convictions.v1 import HearingResulted
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.linking.references import case_number, case_of_hearing
from services.platform.domain.linking.same_man import Man, Men
from services.platform.domain.protection.measures import Kind, Known
from services.platform.policy.clocks import ONE_DAY

Heard = tuple[Fact, HearingResulted]


@dataclass(frozen=True, slots=True)
class HearingMeasure:
    """Custody, or conditions of bail, as one hearing left them. No court says whom they protect. `until`: the day
    before the later hearing that changed or ended them, which is `ended_by`."""

    kind: Kind
    stated_by: Fact
    hearing: HearingResulted
    man: Man
    until: date | None = None
    ended_by: Fact | None = None
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

    def ended(self, by: Heard) -> "HearingMeasure":
        """The same, ended by a later hearing."""
        fact, later = by
        return replace(self, until=later.hearing_on - ONE_DAY, ended_by=fact)


@dataclass(slots=True)
class OfOneMan:
    """The hearings of one man in one case. `named`: a fact for each way in which they name him."""

    named: dict[object, Fact] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)


def of_each_man(file: CaseFile) -> tuple[OfOneMan, ...]:
    """Every hearing of a file, by the case and the man, in the order of the hearings."""
    men, cases = file.once(Men), dict[str, list[OfOneMan]]()
    for fact, body in sorted(file.of(HearingResulted), key=_day):
        case = cases.setdefault(case_number(body.hearing), [])
        his = next((one for one in case if any(men.are_one(each, fact) for each in one.named.values())), None)
        if his is None:
            case.append(his := OfOneMan())
        his.named.setdefault((men.of(fact), case_of_hearing(body.hearing)), fact)
        his.heard.append((fact, body))
    return tuple(his for case in cases.values() for his in case)


def before(file: CaseFile, fact: Fact) -> Iterator[Heard]:
    """The hearings of the same man in the same case before this one."""
    for each in file.once(_by_fact)[fact.id].heard:
        if each[0] is fact:
            return
        yield each


def _by_fact(file: CaseFile) -> Mapping[str, OfOneMan]:
    return {fact.id: his for his in file.once(of_each_man) for fact, _ in his.heard}


def _day(heard: Heard) -> tuple[object, ...]:
    """Within a day in a fixed order: hearings state no time of day."""
    return heard[1].hearing_on, heard[1].hearing
