"""Whatever arrives and whoever declines, no support service hears of two people who accuse each other."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.agency_responses.v1 import Accepted, Declined
from schemas.places import Place
from schemas.values import Residence, Role
from services.platform.domain.core.duties import Notification
from services.platform.domain.core.facts import Key
from tests.situations.relay import Relay
from tests.support import builders as b

APART = "high_risk_roles_unresolved"
PEOPLE = ("first", "second")
ORDINARY = {"866": "idva-larkmead", "865": "idva-downland", "916": "idva-severnmouth", None: "default-idva"}
SOMEWHERE = st.sampled_from(
    [b.residence(), b.residence("54", "865"), b.residence("53", "916"), b.residence("99", None)]
)
SAYS = st.sampled_from([Accepted, Declined])


class Story:
    """The incidents between two people, in all services, and whom each support service was told of."""

    def __init__(self, lives: Sequence[Residence]) -> None:
        self.lives, self.now = lives, b.NOON
        self.relay = Relay(b.shipped())
        self.versions: dict[str, int] = {}

    def report(self, crime: str, *people: int, victim: int | None = None, **over: Any) -> None:
        """An incident with these people as its parties, in this order; the victim of it, or nobody knows who is."""
        roles = {n: Role.UNRESOLVED if victim is None else Role.VICTIM if n == victim else Role.SUSPECT for n in people}
        parties = [
            b.victim(number, role=roles[n], record=b.record(PEOPLE[n]), relationships=(), residence=self.lives[n])
            for number, n in enumerate(people, 1)
        ]
        body = b.incident(crime, parties=tuple(parties), **over)
        self.versions[crime] = self.versions.get(crime, 0) + 1
        self.relay.accept(b.fact(body, version=self.versions[crime], at=self.now), self.now)

    def answer(self, says: Callable[..., Any], which: int) -> None:
        """One of the services that have been asked to take somebody on and have not said so answers."""
        asked = sorted(
            key
            for key, one in self.relay.delivered.items()
            if one.agency_kind == "idva" and one.state == "live" and any(a.met_by is None for a in one.asks)
        )
        if asked:
            key = asked[which % len(asked)]
            self.relay.answer(lambda name: self.said(says, key, name), key, None, self.now)

    def said(self, says: Callable[..., Any], key: Key, name: str) -> Any:
        more = {"reason": "no_capacity"} if says is Declined else {}
        body = says(occurred_at=self.now, agency=key.agency, actor="worker-1", notification=name, **more)
        return b.fact(body, at=self.now)

    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.relay.until(self.now)

    @property
    def sent(self) -> list[Notification]:
        return [one for desk in self.relay.desks for one in desk.sent if one.agency_kind == "idva"]

    def heard(self, told: Callable[[Notification], bool] = lambda _: True) -> dict[str, set[str]]:
        """The people of whom each service was ever given something."""
        persons = {place: who for desk in self.relay.desks for place, who in desk.persons.items()}
        found: dict[str, set[str]] = {}
        for one in self.sent:
            if one.content and told(one):
                found.setdefault(one.key.agency, set()).add(persons[Place(one.person)])
        return found

    def nobody_told_apart_hears_of_another(self) -> None:
        """A service that is told of one of them because roles are unresolved hears of nobody else by any route."""
        heard = self.heard()
        apart = self.heard(lambda one: one.key.rule == APART)
        assert {agency: heard[agency] for agency in apart if len(heard[agency]) > 1} == {}
        assert not self.relay.faults

    def hears_of_both(self) -> set[str]:
        return {agency for agency, people in self.heard().items() if len(people) > 1}


STEP = st.one_of(
    st.tuples(st.just("earlier"), st.integers(0, 1)),
    st.tuples(st.just("later"), st.integers(0, 1)),
    st.tuples(st.just("unresolved"), st.integers(0, 1)),
    st.tuples(st.just("resolved"), st.integers(0, 1)),
    st.tuples(st.just("answer"), st.tuples(SAYS, st.integers(0, 3))),
    st.tuples(st.just("wait"), st.integers(1, 30)),
)


def at(moment: datetime) -> dict[str, Any]:
    return dict.fromkeys(("reported_at", "occurred_at", "occurred_from", "occurred_to"), moment)


def go_on(story: Story, steps: Sequence[tuple[str, Any]], order: tuple[int, int] = (0, 1), **over: Any) -> None:
    for number, (what, value) in enumerate(steps):
        match what:
            case "earlier":
                story.report(f"EARLIER{number}", value, 1 - value, victim=value, **at(b.NOON - timedelta(days=1)))
            case "later":
                story.report(f"LATER{number}", value, 1 - value, victim=value, **at(story.now))
            case "unresolved":
                story.report(f"AGAIN{number}", value, 1 - value, **at(story.now), **over)
            case "resolved":
                story.report(b.CRIME, *order, victim=value, **over)
            case "answer":
                story.answer(*value)
            case _:
                story.wait(value)


@settings(max_examples=60)
@given(lives=st.tuples(SOMEWHERE, SOMEWHERE), steps=st.lists(STEP, max_size=9))
def test_no_service_that_was_told_apart_hears_of_the_other_by_any_route(
    lives: tuple[Residence, Residence], steps: list[tuple[str, Any]]
) -> None:
    story = Story(lives)
    story.report(b.CRIME, 0, 1, counter_allegation=True)
    go_on(story, steps, counter_allegation=True)
    story.nobody_told_apart_hears_of_another()
    ordinary = {ORDINARY[home.la_code] for home in lives}
    assert story.hears_of_both() <= (ordinary if len(ordinary) == 1 else set())


@settings(max_examples=60)
@given(
    lives=st.tuples(SOMEWHERE, SOMEWHERE),
    victims=st.lists(st.integers(0, 1), min_size=1, max_size=2),
    first=st.integers(0, 1),
    words=st.lists(SAYS, min_size=4, max_size=4),
    steps=st.lists(STEP, max_size=5),
)
def test_who_answered_about_one_of_them_before_is_not_told_of_the_other_when_roles_become_unresolved(
    lives: tuple[Residence, Residence],
    victims: list[int],
    first: int,
    words: list[Any],
    steps: list[tuple[str, Any]],
) -> None:
    """Everybody asked has answered when the roles become unresolved: of silence nobody else's file knows."""
    story = Story(lives)
    for number, victim in enumerate(victims):
        story.report(f"BEFORE{number}", victim, 1 - victim, victim=victim, **at(b.NOON - timedelta(days=2)))
    for says in (*words, *[Accepted] * 8):
        story.answer(says, 0)
    before = story.hears_of_both()
    story.report(b.CRIME, first, 1 - first, counter_allegation=True)
    go_on(story, steps, (first, 1 - first), counter_allegation=True)
    if not before:
        story.nobody_told_apart_hears_of_another()
    assert before.isdisjoint(story.heard(lambda one: one.key.rule == APART))


def test_a_merge_of_records_gives_neither_the_others_service() -> None:
    story = Story([b.residence(), b.residence()])
    story.report(b.CRIME, 0, 1)
    before = story.heard()
    story.relay.accept(b.fact(b.merged("a-least-record", PEOPLE[1])), story.now)
    assert {agency: len(people) for agency, people in story.heard().items()} == dict.fromkeys(before, 1)
    assert len([one for one in story.sent if one.key.rule == APART]) == 2


def test_a_correction_of_an_incident_does_not_say_that_its_parties_were_once_referred_apart() -> None:
    """What an incident said before is in nobody's file: without a counter-allegation and without a word of the service
    itself, it can be asked in another's place."""
    story = Story([b.residence(), b.residence()])
    story.report(b.CRIME, 0, 1)
    assert len(story.heard()["idva-downland"]) == 1
    story.report(b.CRIME, 0, 1, victim=1)
    story.answer(Declined, 0)
    assert len(story.heard()["idva-downland"]) == 2


def test_agencies_that_begin_and_end_bring_nobody_to_the_others_service() -> None:
    shipped = b.shipped()
    ends = b.NOON + timedelta(hours=2)
    gone = next(agency for agency in shipped.agencies if agency.id == "idva-larkmead").model_copy(update={"ends": ends})
    next_one = gone.model_copy(update={"id": "idva-new", "name": "A new service", "begins": ends, "ends": None})
    story = Story([b.residence(), b.residence("54", "865")])
    others = tuple(agency for agency in shipped.agencies if agency.id != gone.id)
    story.relay = Relay(replace(shipped, agencies=(*others, gone, next_one)))
    story.report(b.CRIME, 0, 1)
    story.wait(3)
    heard = story.heard()
    assert {agency: len(people) for agency, people in heard.items()} == dict.fromkeys(
        ("idva-larkmead", "idva-new", "idva-downland"), 1
    )
    assert heard["idva-new"] == heard["idva-larkmead"]
