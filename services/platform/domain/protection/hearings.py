"""The hearings of one defendant's case, in the order in which courts sat."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from schemas.court_convictions.v1 import HearingResulted
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.linking.references import case_number, case_of_hearing
from services.platform.domain.linking.same_man import Men

Heard = tuple[Fact, HearingResulted]


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
