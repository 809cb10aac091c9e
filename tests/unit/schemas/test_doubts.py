"""An event is accepted with what is doubtful in it, and each doubtful value is named by its place and never quoted."""

from collections.abc import Iterator

from schemas.doubts import Doubt, DoubtReason, doubts
from schemas.values import Frozen

WHY = DoubtReason.BIRTH_DATE_IMPOSSIBLE


class Born(Frozen):
    year: int

    def doubted(self) -> Iterator[Doubt]:
        if self.year > 2026:
            yield Doubt("year", WHY)


class Family(Frozen):
    mother: Born
    children: tuple[Born, ...] = ()

    def doubted(self) -> Iterator[Doubt]:
        for number, child in enumerate(self.children):
            if child.year <= self.mother.year:
                yield Doubt(f"children[{number}].year", WHY)


def test_nothing_is_doubtful_in_an_ordinary_event() -> None:
    assert doubts(Family(mother=Born(year=1990), children=(Born(year=2015),))) == ()


def test_a_doubtful_value_is_named_by_its_place_in_the_whole_event() -> None:
    said = Family(mother=Born(year=1990), children=(Born(year=2015), Born(year=2091)))
    assert doubts(said) == (Doubt("children[1].year", WHY),)


def test_what_only_the_whole_event_can_judge_is_named_in_the_same_way() -> None:
    said = Family(mother=Born(year=1990), children=(Born(year=1980),))
    assert doubts(said) == (Doubt("children[0].year", WHY),)


def test_every_reason_tells_the_sender_what_to_do() -> None:
    assert all(reason.sentence.endswith(".") for reason in DoubtReason)
