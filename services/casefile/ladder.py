"""Silence and refusal: who is asked next and who hears that nobody has answered, as duties of their own."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from itertools import chain

from schemas.agency_responses.v1 import Accepted, Acknowledged, AgencyBody, Decided, Declined
from schemas.classes import DataClass
from services.casefile.duties import Ask, Asked, AskName, Duty, Notice, Statement, Withheld
from services.casefile.facts import Answer, Key
from services.casefile.matter import derived
from services.casefile.projection import recipient_label
from services.casefile.reasons import Reason
from services.policy.model import DeskName, Ladder
from services.policy.policy import Policy

MANAGER, STRATEGIC, INSPECTOR = "unanswered_manager", "unanswered_strategic", "unanswered_duty_inspector"
RUNGS = frozenset({MANAGER, STRATEGIC, INSPECTOR})
LONG_AGO = datetime.min.replace(tzinfo=UTC)
CHAINS_REMEMBERED = 5_000  # at about 6 kB
MEETS: Mapping[type[AgencyBody], frozenset[AskName]] = {
    Acknowledged: frozenset({"acknowledge"}),
    Accepted: frozenset({"acknowledge", "accept"}),
    Decided: frozenset({"acknowledge", "accept", "decide"}),
}


def climb(
    stated: Collection[Statement], told: Mapping[Key, Notice], answers: Iterable[Answer], policy: Policy
) -> Iterator[Statement]:
    """All that is owed: what rules stated, with what answers made of it, handovers, and the rungs of the ladder.

    Times are data here too, so this needs no clock: a rung opens at its share of what was left at the first telling.
    """
    return chain.from_iterable(climb_each(stated, told, answers, policy))


def climb_each(
    stated: Collection[Statement], told: Mapping[Key, Notice], answers: Iterable[Answer], policy: Policy
) -> list[Sequence[Statement]]:
    """The same, for each that was stated. What comes of one follows from what was told by its rule about its place, and
    from nothing else of `told`."""
    rungs: dict[Key, list[Notice]] = {}
    for key, notice in told.items():
        if key.rule in RUNGS:
            rungs.setdefault(asked_of(key)[0], []).append(notice)
    heard = _heard(answers, told)
    by_rule = {statement.key for statement in stated}
    stated = [_with_its_end(statement, told.get(statement.key), policy) for statement in stated]

    def climbed(statement: Statement) -> Sequence[Statement]:
        if isinstance(statement, Withheld):
            if statement.key not in rungs:
                return (statement,)
            told_of = rungs[statement.key]
            return (statement, *(replace(statement, key=rung.key, kind=rung.agency_kind) for rung in told_of))
        before = told.get(statement.key)
        if before is None or before.state == "withdrawn" or not (statement.asks or statement.key in heard):
            return (statement,)  # nobody is waited for
        able = [Key(statement.key.rule, statement.key.subject, agency) for agency in statement.next_able]
        turn = [statement.key, *(key for key in able if key not in by_rule)] if able else [statement.key]
        notices = [told[key] for key in turn if key in told]
        if rungs:
            notices += [rung for key in turn for rung in rungs.get(key, ())]
        replies = [(key, tuple(heard[key])) for key in turn if key in heard] if heard else ()
        return _statements(_Chain(policy, statement, tuple(turn), tuple(notices), tuple(replies)))

    found = [climbed(statement) for statement in stated]
    for numbers in _standing_in(stated):
        _state_once(found, numbers)
    return found


def _with_its_end(statement: Statement, before: Notice | None, policy: Policy) -> Statement:
    """A duty that policy ends some time after it was first told, with that end."""
    if not isinstance(statement, Duty) or statement.ends_after is None:
        return statement
    if before is None or before.state == "withdrawn":
        return statement
    ends = policy.due(before.first_told_at, statement.ends_after)
    return statement.but(lapses=min(ends, statement.lapses or ends))


def _standing_in(stated: Iterable[Statement]) -> list[list[int]]:
    """The duties of one place, two or more, that another agency may be able to take on instead."""
    found: dict[tuple[str, str], list[int]] = {}
    for number, statement in enumerate(stated):
        if isinstance(statement, Duty) and statement.next_able:
            found.setdefault(statement.key[:2], []).append(number)
    return [numbers for numbers in found.values() if len(numbers) > 1]


def _state_once(found: list[Sequence[Statement]], numbers: Sequence[int]) -> None:
    """One agency may be able to stand in for several: it is owed once, for that one which needs it first."""
    needed: dict[Key, Statement] = {}
    for statement in sorted((statement for number in numbers for statement in found[number]), key=_need):
        needed.setdefault(statement.key, statement)
    for number in numbers:
        found[number] = tuple(statement for statement in found[number] if needed[statement.key] is statement)


def _need(statement: Statement) -> tuple[bool, datetime]:
    """The least is the most needed: what lives before what has ended, then what opens earlier."""
    assert isinstance(statement, Duty)  # noqa: S101 - nobody stands in for what is withheld
    return bool(statement.met_by or statement.ended), statement.opens or LONG_AGO


def rung_key(rule: str, of: Key, ask: str, agency: str) -> Key:
    """A rung is about an ask of another duty, so its place is that duty's key and the ask."""
    return Key(rule, "/".join((*of, ask)), agency)


def asked_of(rung: Key) -> tuple[Key, str]:
    """The duty and the ask that a rung is about. Rules and agencies have no slash in their names; places have."""
    rule, _, rest = rung.subject.partition("/")
    subject, agency, ask = rest.rsplit("/", 2)
    return Key(rule, subject, agency), ask


def place_of(key: Key) -> tuple[str, str]:
    """The rule and the subject that a key comes from: for a rung, those of the duty which nobody answered."""
    return (asked_of(key)[0] if key.rule in RUNGS else key)[:2]


def rule_of(key: Key) -> str:
    """The rule that a key comes from: for a rung, that of the duty which nobody answered."""
    return asked_of(key)[0].rule if key.rule in RUNGS else key.rule


def that_count(answers: Iterable[Answer], told: Mapping[Key, Notice]) -> Iterator[tuple[Key, Answer]]:
    """The answers that count for what is asked now, each with its duty. Only the recipient answers; one to a rung
    counts for its duty while that has not been asked anew."""
    for answer in answers:
        notice, body = told.get(answer.key), answer.fact.body
        if notice is None or not notice.heeds(answer.revision):
            continue
        if not isinstance(body, AgencyBody) or body.agency != answer.key.agency:
            continue
        key = answer.key
        if key.rule in RUNGS:
            key, ask = asked_of(key)
            asked = _asked(told.get(key), ask)
            if asked is None or notice.first_told_at < asked.since:
                continue
        yield key, answer


def _heard(answers: Iterable[Answer], told: Mapping[Key, Notice]) -> Mapping[Key, list[Answer]]:
    """The answers that count, by duty, in the order in which they were given."""
    found: dict[Key, list[Answer]] = {}
    for key, answer in that_count(answers, told):
        found.setdefault(key, []).append(answer)
    for heard in found.values():
        heard.sort(key=_moment)
    return found


def _asked(notice: Notice | None, ask: str) -> Asked | None:
    return next((asked for asked in notice.asks if asked.ask == ask), None) if notice is not None else None


@dataclass(frozen=True, slots=True)
class _Member:
    """One agency to which the duty is owed in turn: the first by the rule, others by refusal or silence before them."""

    duty: Duty
    notice: Notice | None
    declined: Answer | None
    met: Mapping[str, str]  # ask to the answer of its own that met it

    @property
    def asks(self) -> tuple[Asked, ...]:
        """As this agency was told them, while they stand."""
        return self.notice.asks if self.notice is not None and self.notice.state == "live" and not self.declined else ()


@dataclass(frozen=True)
class _Chain:
    """One duty as a rule states it, with those that are asked in turn and those who hear of the silence.

    `turn`: the duty's own key, and those of the agencies that may be asked in its place and are told by no rule.
    `notices`: what those and the rungs were told; `replies`: what they answered.
    """

    policy: Policy
    head: Duty
    turn: tuple[Key, ...]
    notices: tuple[Notice, ...]
    replies: tuple[tuple[Key, tuple[Answer, ...]], ...]

    def __hash__(self) -> int:
        return hash((self.policy, self.head.key))  # of these few are remembered: all else is compared

    @cached_property
    def told(self) -> Mapping[Key, Notice]:
        return {notice.key: notice for notice in self.notices}

    @cached_property
    def heard(self) -> Mapping[Key, Sequence[Answer]]:
        return dict(self.replies)

    @cached_property
    def rungs(self) -> Mapping[Key, Sequence[Key]]:
        found: dict[Key, list[Key]] = {}
        for key in self.told:
            if key.rule in RUNGS:
                found.setdefault(asked_of(key)[0], []).append(key)
        return found

    @cached_property
    def over(self) -> bool:
        return bool(self.head.met_by or self.head.ended)

    @cached_property
    def shares(self) -> Ladder:
        return self.policy.ladder(self.head.on)

    @cached_property
    def members(self) -> tuple[_Member, ...]:
        """The agency of the rule and all that are able to in its place, needed or not, in the order of asking."""
        first, *others = self.turn
        able = [key for key in others if self.policy.agency(key.agency) is not None]
        return tuple(self.member(key) for key in (first, *able))

    @cached_property
    def met(self) -> Mapping[str, str]:
        """What answered each ask, whoever of them did: once a person has taken it on, nobody hears of silence."""
        found: dict[str, str] = {}
        for answer in self.heard.get(self.head.key, ()):
            if answer.key.rule == INSPECTOR:
                found |= dict.fromkeys(_meets(answer, self.head), answer.fact.id)
        for member in reversed(self.members):
            found |= member.met
        return found

    def own(self, key: Key) -> Sequence[Answer]:
        return [answer for answer in self.heard.get(key, ()) if answer.key.agency == key.agency]

    @cached_property
    def taken_on(self) -> Mapping[Key, Answer]:
        """The agencies whose latest word is that they take it on, with that word."""
        found = {}
        for key in self.turn:
            words = [a for a in self.own(key) if _is(a, Declined) or _takes_on(a, self.head)]
            if words and not _is(words[-1], Declined):
                found[key] = words[-1]
        return found

    def member(self, key: Key) -> _Member:
        """What this agency has answered: of taking it on and declining, the latest counts. One that had declined
        takes it on after all only while no other holds it."""
        met: dict[str, str] = {}
        for answer in self.own(key):
            met |= dict.fromkeys(_meets(answer, self.head), answer.fact.id)
        declined = next((answer for answer in reversed(self.own(key)) if _is(answer, Declined)), None)
        taken_on = self.taken_on.get(key)
        if taken_on is not None and not any(_moment(other) < _moment(taken_on) for other in self.taken_on.values()):
            declined = None
        duty = self.head
        if key != duty.key:
            agency = self.policy.agency(key.agency)
            duty = duty.but(key=key, kind=duty.kind if agency is None else agency.kind, settles=False)
        return _Member(duty, self.told.get(key), declined, {} if declined else met)

    def statements(self) -> Iterator[Statement]:
        yield from self.owed()
        waiting = {duty.key: duty for duty in self.unanswered()} if not self.over else {}
        yield from waiting.values()
        for member in self.members:
            for key in self.rungs.get(member.duty.key, ()):
                if key not in waiting and (asked := self.told_ask(member, key)) is not None:
                    yield self.answered(member, key, asked)

    def owed(self) -> Iterator[Duty]:
        """The duty to the first; to the next able one when this one declines, or beside it when this one is silent."""
        grounds, handed, beside, held = self.head.grounds, False, None, False
        for place, member in enumerate(self.members):
            duty = member.duty.but(grounds=grounds)
            if place > 0:
                duty = duty.but(opens=beside)
                needed = handed or beside is not None or bool(member.met)
                if member.notice is None and (self.over or not (needed or member.declined)):
                    handed, beside = False, None
                    continue
                if not needed and not self.over:
                    duty = duty.but(ended=Reason.SUPERSEDED if self.waiting(self.members[0]) else Reason.ANSWERED)
            yield self.with_answers(member, duty)
            # Silence brings in one service beside the one that holds it, not all of them in turn.
            beside = self.silent_at(member) if place == 0 or handed else None
            held = held or (member.duty.key in self.taken_on and member.declined is None)
            handed = member.declined is not None and not held
            if member.declined is not None:
                grounds = tuple(sorted({*grounds, member.declined.fact.id}))

    def with_answers(self, member: _Member, duty: Duty) -> Duty:
        """The duty with what met its asks and a reminder of those still open; ended where this agency declined."""
        if member.declined is not None and not self.over:
            return duty.but(ended=Reason.DECLINED, met_by=(*duty.met_by, member.declined.fact.id))
        asks = tuple(replace(ask, met_by=self.met.get(ask.ask)) for ask in duty.asks)
        waiting = self.waiting(member) if duty.climbs else ()
        reminders = tuple(self.at(asked, self.shares.remind) for asked in waiting)
        return duty.but(asks=asks, remind_at=(*duty.remind_at, *reminders))

    def waiting(self, member: _Member) -> list[Asked]:
        return [asked for asked in member.asks if asked.ask not in self.met]

    def silent_at(self, member: _Member) -> datetime | None:
        """When the next able service is owed the same beside this one: only where this one was asked to take it on. A
        receipt that nobody ticked discloses nothing to a second service."""
        to_take_on = (asked for asked in self.waiting(member) if asked.ask == "accept" and self.head.climbs)
        return min((self.at(asked, self.shares.next_able) for asked in to_take_on), default=None)

    def at(self, asked: Asked, share: float) -> datetime:
        """The moment at which this share of the time to answer has passed, in the time in which it was given."""
        given = next((ask for ask in self.head.asks if ask.ask == asked.ask), None)
        return self.policy.share(asked.since, asked.by, share, given.counted if given is not None else "elapsed")

    def unanswered(self) -> Iterator[Duty]:
        """Manager and strategic contact of each agency that is silent; the duty inspector once for the duty."""
        if not self.head.climbs:
            return
        for member in self.members:
            for asked in self.waiting(member):
                of = member.duty
                manager = rung_key(MANAGER, of.key, asked.ask, of.key.agency)
                yield self.rung(manager, of, "manager", asked, self.at(asked, self.shares.manager))
                strategic = rung_key(STRATEGIC, of.key, asked.ask, of.key.agency)
                yield self.rung(strategic, of, "strategic", asked, self.at(asked, self.shares.strategic))
        yield from self.to_inspector()

    def to_inspector(self) -> Iterator[Duty]:
        """At the end of the clock; at once when nobody is left able, or when one declines with little of it left."""
        first = self.members[0]
        inspector = self.policy.agency(self.head.inspector) if self.head.inspector is not None else None
        if inspector is None or first.notice is None or not (first.asks or first.declined):
            return
        waiting = [asked for asked in first.notice.asks if asked.ask not in self.met]
        at_once = all(member.declined for member in self.members) or any(self.late(member) for member in self.members)
        for asked in waiting:
            key = rung_key(INSPECTOR, self.head.key, asked.ask, inspector.id)
            duty = self.head.but(kind=inspector.kind, urgency="urgent")
            if not at_once:
                yield self.rung(key, duty, "duty", asked, self.at(asked, self.shares.duty_inspector))
            elif asked is waiting[-1] or key in self.told:  # one silence is told once, by the ask that says most
                yield self.rung(key, duty, "duty", asked, None)

    def late(self, member: _Member) -> bool:
        """Whether this agency declined when most of the time of some ask had gone."""
        if member.declined is None or member.notice is None:
            return False
        at = member.declined.fact.at
        return any(at >= self.at(asked, self.shares.next_able) for asked in member.notice.asks)

    def rung(self, key: Key, of: Duty, desk: DeskName, asked: Asked, opens: datetime | None) -> Duty:
        """Owed to a person who can still act. What is asked is the same, and due when it was."""
        silent = recipient_label(self.head.kind, self.policy)
        return of.but(
            key=key,
            matter=(
                *of.matter,
                *derived("unanswered", asked.ask, DataClass.R),
                *derived("unanswered_by", silent, DataClass.R),
            ),
            opens=opens,
            tell_by=max(asked.by, opens + of.shortest_window) if opens is not None else asked.by,
            asks=(Ask(asked.ask, asked.by, asked.answers, needs_reason=asked.needs_reason),),
            remind_at=(),
            settles=False,
            next_able=(),
            desk=desk,
            gather="singly",
        )

    def told_ask(self, member: _Member, key: Key) -> Asked | None:
        """The ask that a rung was told about; None where both it and the duty have been taken back since."""
        _, ask = asked_of(key)
        return _asked(member.notice, ask) or _asked(self.told[key], ask)

    def answered(self, member: _Member, key: Key, asked: Asked) -> Duty:
        """A rung that was told and is no longer needed: those who heard of the silence hear of its end, too."""
        notice, (_, ask) = self.told[key], asked_of(key)
        duty = self.rung(key, member.duty.but(kind=notice.agency_kind), notice.desk, asked, None)
        if self.over:
            return duty
        by = self.met.get(ask)
        if by is not None:
            return duty.but(ended=Reason.ANSWERED, met_by=(by,))
        return duty.but(ended=Reason.DECLINED if member.declined else Reason.SUPERSEDED)


@lru_cache(maxsize=CHAINS_REMEMBERED)
def _statements(of: _Chain) -> tuple[Statement, ...]:
    """Remembered for the next look: while nobody answers and nobody else is told, a chain stays as it was."""
    return tuple(of.statements())


def _meets(answer: Answer, duty: Duty) -> frozenset[AskName]:
    """A decision about something else, or one that lacks its reason, shows that a person has read it, and leaves open
    what was to be taken on and decided."""
    body = answer.fact.body
    if isinstance(body, Decided):
        ask = next((ask for ask in duty.asks if ask.ask == "decide"), None)
        if ask is None or body.decision not in ask.answers or body.lacks_reason(ask.needs_reason):
            return MEETS[Acknowledged]
    return next((asks for kind, asks in MEETS.items() if isinstance(body, kind)), frozenset[AskName]())


def _takes_on(answer: Answer, duty: Duty) -> bool:
    return bool(_meets(answer, duty) - MEETS[Acknowledged])


def _is(answer: Answer, kind: type[AgencyBody]) -> bool:
    return isinstance(answer.fact.body, kind)


def _moment(answer: Answer) -> tuple[datetime, str]:
    return answer.fact.at, answer.fact.id


def _answers(duty: Duty, name: AskName) -> tuple[str, ...]:
    return next((ask.answers for ask in duty.asks if ask.ask == name), ())
