"""How high a risk is, by what the assessor recorded and by the area's thresholds; the higher view decides."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from schemas.police_incidents.v1 import Grade, Risk
from schemas.values import Tri
from services.platform.domain.core.facts import Fact
from services.platform.policy.model import Thresholds

UNANSWERED = frozenset({Tri.UNKNOWN, Tri.NOT_ASKED})


class Level(IntEnum):
    """The routes of a risk, the higher the more urgent."""

    BELOW = 0
    IDVA_WITH_CONSENT = 1
    IDVA_WITHOUT_CONSENT = 2
    HIGH = 3


@dataclass(frozen=True)
class Assessment:
    """One view of the risk to one person: the incident's own or a later one. `thresholds` None: the area has none for
    this tool (DARA has no tick count), and the grade alone speaks."""

    fact: Fact
    risk: Risk
    thresholds: Thresholds | None

    @cached_property
    def yes(self) -> int:
        """Ticks: the assessor's total or the answers listed, whichever is more."""
        listed = sum(answer.answer is Tri.YES for answer in self.risk.answers)
        return max(listed, self.risk.tick_count or 0)

    @cached_property
    def possible(self) -> int:
        """Ticks if each question that is listed as unanswered were a yes: unanswered is not no."""
        return self.yes + sum(answer.answer in UNANSWERED for answer in self.risk.answers)

    @property
    def ticked(self) -> bool:
        """Whether anything of a checklist is stated, so that ticks can be spoken of."""
        return bool(self.risk.answers) or self.risk.tick_count is not None

    @property
    def graded_high(self) -> bool:
        return self.risk.grade is Grade.HIGH or self.risk.professional_judgement_high is True

    @cached_property
    def by_ticks(self) -> Level:
        return max((level for level, least in self._steps() if self.yes >= least), default=Level.BELOW)

    @property
    def recorded(self) -> Level:
        """By grade, judgement and ticks: judgement may raise an actuarial result and never lowers it (SafeLives)."""
        return Level.HIGH if self.graded_high else self.by_ticks

    @cached_property
    def meanwhile(self) -> Level | None:
        """The next higher route, where the unanswered questions could reach it; until the assessment is complete."""
        higher = [
            level for level, least in self._steps() if self.recorded < level and self.yes < least <= self.possible
        ]
        return min(higher, default=None)

    @property
    def level(self) -> Level:
        """The route to take now."""
        return self.recorded if self.meanwhile is None else self.meanwhile

    @property
    def routed_by(self) -> str:
        """Which of its parts decides the route, as one word."""
        if self.risk.grade is Grade.HIGH:
            return "grade"
        if self.risk.professional_judgement_high:
            return "professional_judgement"
        if self.meanwhile is not None:
            return "unanswered_questions"
        return "ticks" if self.by_ticks > Level.BELOW else "grade"

    def _steps(self) -> tuple[tuple[Level, int], ...]:
        if self.thresholds is None:
            return ()
        steps = (
            (Level.IDVA_WITH_CONSENT, self.thresholds.idva_with_consent),
            (Level.IDVA_WITHOUT_CONSENT, self.thresholds.idva_without_consent),
            (Level.HIGH, self.thresholds.marac),
        )
        return tuple((level, least) for level, least in steps if least is not None)


def in_order(assessments: Iterable[Assessment]) -> list[Assessment]:
    """As their sources recorded them."""
    return sorted(assessments, key=lambda a: (a.fact.at, a.fact.id))


def first_of(assessments: Iterable[Assessment]) -> Assessment | None:
    """The one that was recorded first, if there is any."""
    return next(iter(in_order(assessments)), None)


def deciding(assessments: Iterable[Assessment]) -> Assessment:
    """Of all views the first that is the highest: a later and lower one closes nothing. Raises ValueError for none."""
    return max(in_order(assessments), key=lambda a: a.level)
