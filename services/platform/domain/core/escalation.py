"""Escalate silence and refusal: who is asked next, who hears that nobody has answered, and who must act at the end."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from itertools import chain

from schemas.agency_responses.v1 import AgencyBody
from schemas.agency_responses.v1 import Answer as AnswerBody
from schemas.attachments import NotificationAnswered
from schemas.classes import DataClass
from schemas.streams import REGISTRY
from services.platform.domain.core.duties import Ask, Asked, AskName, Duty, Item, Notification, Statement, Withheld
from services.platform.domain.core.facts import Answer, Fact, Key
from services.platform.domain.core.matter import derived
from services.platform.domain.core.projection import recipient_label
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Bodies, DerivedRule
from services.platform.policy.model import DeskName, EscalationSteps
from services.platform.policy.policy import Policy

MANAGER, STRATEGIC = "unanswered_manager", "unanswered_strategic"
INSPECTOR, LAST_STEP = "unanswered_duty_inspector", "unanswered_last_step"  # the second where it is another's
TO_ACT = frozenset({INSPECTOR, LAST_STEP})
READ: Bodies = REGISTRY.bodies(NotificationAnswered)
RULES = (
    DerivedRule(MANAGER, title="For the manager: the desk has not answered", reads=READ),
    DerivedRule(STRATEGIC, title="For the strategic contact: desk and manager have not answered", reads=READ),
    DerivedRule(INSPECTOR, title="For the duty inspector: nobody has answered", reads=READ),
    DerivedRule(LAST_STEP, title="For you to act on: nobody has answered", reads=READ),
)
STEPS = frozenset(rule.name for rule in RULES)
OUTDATED = "answer_outdated"  # tells an agency that it answered a notification that had been replaced
ESCALATION_STEPS = STEPS | {OUTDATED}  # what is owed because of another duty, and names it
SAYS_MOST: tuple[AskName, ...] = ("act", "decide", "accept", "acknowledge")
LONG_AGO = datetime.min.replace(tzinfo=UTC)
CHAINS_REMEMBERED = 5_000  # at about 6 kB
READING = frozenset({"acknowledge"})  # the asks that are met once a person has read it
Who = Callable[[str], str]  # the person who stands at a place
Address = tuple[str, DeskName, str]  # agency and desk, and the person whom it is about


@dataclass(frozen=True, slots=True)
class Step:
    """One escalation step: what is owed to a person because an ask went unanswered.

    `due`: since when. `answered_at`: when what was asked was answered, where it was.
    """

    duty: Duty
    due: datetime
    answered_at: datetime | None = None

    @property
    def was_answered_in_time(self) -> bool:
        """Whether it was over before anybody had to hear of it."""
        return self.answered_at is not None and self.answered_at <= self.due

    def address(self, who: Who) -> Address:
        """To whom it goes, and about whom: what is due there at one time is one notification."""
        return self.duty.key.agency, self.duty.desk, who(self.duty.person)


@dataclass(frozen=True, slots=True)
class Escalated:
    """What comes of one statement: what is owed by itself and to the next able, and its escalation steps."""

    owed: tuple[Statement, ...]
    steps: tuple[Step, ...] = ()


def escalate(
    stated: Collection[Statement],
    delivered: Mapping[Key, Notification],
    answers: Iterable[Answer],
    policy: Policy,
    current: Collection[str],
    who: Who,
    now: datetime,
) -> Iterator[Statement]:
    """All that is owed: what rules stated, with what answers made of it, handovers, and escalation steps."""
    steps_delivered = any(key.rule in STEPS for key in delivered)
    escalated = escalate_each(stated, delivered, answers, policy, who, steps_delivered=steps_delivered)
    yield from chain.from_iterable(each.owed for each in escalated)
    yield from in_one(chain.from_iterable(each.steps for each in escalated), delivered, current, who, now)


def escalate_each(
    stated: Collection[Statement],
    delivered: Mapping[Key, Notification],
    answers: Iterable[Answer],
    policy: Policy,
    who: Who,
    *,
    steps_delivered: bool,
) -> list[Escalated]:
    """The same for each statement, with its escalation steps one by one.

    What follows from a statement depends on what was delivered by its rule about its place, and on answers to what the
    same person was told beside it. `steps_delivered`: whether any escalation step was delivered in the whole file; only
    then do other duties count.

    Times are data here too, so this needs no clock: a step is due at its share of the time that was left at the first
    telling.
    """
    by_statement = _ByStatement(policy, delivered, frozenset(statement.key for statement in stated), steps_delivered)
    stated = [_with_its_end(statement, delivered.get(statement.key), policy) for statement in stated]
    heard = _heard(answers, delivered)
    to_steps = [answer for those in heard.values() for answer in those if answer.key.rule in STEPS]
    unanswered = [step for statement in stated for step in by_statement.of(statement, {}).steps] if to_steps else ()
    for answer in to_steps:
        for key in _also_answered(answer, delivered, unanswered, who):
            heard[key] = sorted([*heard.get(key, ()), answer], key=_moment)
    found = [by_statement.of(statement, heard) for statement in stated]
    for numbers in _stated_alike(stated):
        _state_once(found, numbers)
    return found


@dataclass(frozen=True)
class _ByStatement:
    """What was delivered in a file, from which the escalation steps of each statement follow. `by_rule`: what rules
    state themselves."""

    policy: Policy
    delivered: Mapping[Key, Notification]
    by_rule: frozenset[Key]
    steps_delivered: bool

    @cached_property
    def delivered_steps(self) -> Mapping[Key, Sequence[Notification]]:
        """The delivered escalation steps, by the duty that nobody answered."""
        found: dict[Key, list[Notification]] = {}
        for key, notification in self.delivered.items():
            if key.rule in STEPS:
                found.setdefault(asked_of(key)[0], []).append(notification)
        return found

    def of(self, statement: Statement, heard: Mapping[Key, Sequence[Answer]]) -> Escalated:
        if isinstance(statement, Withheld):
            steps = self.delivered_steps.get(statement.key, ())
            return Escalated((statement, *(replace(statement, key=step.key, kind=step.agency_kind) for step in steps)))
        before = self.delivered.get(statement.key)
        if before is None or before.state == "withdrawn" or not (statement.asks or statement.key in heard):
            return Escalated((statement,))  # nobody is waited for
        able = [Key(statement.key.rule, statement.key.subject, agency) for agency in statement.next_able]
        turn = [statement.key, *(key for key in able if key not in self.by_rule)] if able else [statement.key]
        notifications = [self.delivered[key] for key in turn if key in self.delivered]
        if self.delivered_steps:
            notifications += [step for key in turn for step in self.delivered_steps.get(key, ())]
        replies = [(key, tuple(heard[key])) for key in turn if key in heard] if heard else ()
        return _escalated(
            _Chain(self.policy, statement, tuple(turn), tuple(notifications), tuple(replies), self.steps_delivered)
        )


def _also_answered(
    answer: Answer, delivered: Mapping[Key, Notification], unanswered: Iterable[Step], who: Who
) -> Iterator[Key]:
    """The other duties that this one notification also told the same person about. A decision about one of them decides
    nothing about the others."""
    delivered_step, body = delivered[answer.key], answer.fact.body
    answers_all = isinstance(body, AnswerBody) and not (body.decides or body.declines)
    if not answers_all and delivered_step.key.rule not in TO_ACT:
        return
    lead, _ = asked_of(answer.key)
    address = (delivered_step.key.agency, delivered_step.desk, who(delivered_step.person))
    for key in dict.fromkeys(
        asked_of(step.duty.key)[0] for step in unanswered if _beside(step, delivered_step, address, who)
    ):
        if key != lead:
            yield key


def _beside(step: Step, delivered_step: Notification, address: Address, who: Who) -> bool:
    """Whether this step was due when that notification about another one was sent to the same person."""
    return step.due <= delivered_step.first_told_at and step.address(who) == address


def in_one(
    steps: Iterable[Step], delivered: Mapping[Key, Notification], current: Collection[str], who: Who, now: datetime
) -> Iterator[Duty]:
    """What is owed to those who hear of silence: of several steps that are due to one person, about one person, at one
    time, one notification; and as long as one of them goes on, it does."""
    groups: dict[Address, list[Step]] = {}
    for step in steps:
        groups.setdefault(step.address(who), []).append(step)
    for address, group in groups.items():
        leads = {step.duty.key: step for step in group if _is_live(delivered.get(step.duty.key))}
        beside: dict[Key, list[Step]] = {key: [] for key in leads}
        due: list[Step] = []
        for step in (step for step in group if step.duty.key not in leads):
            lead = next((key for key in leads if _beside(step, delivered[key], address, who)), None)
            if lead is not None and (not _is_over(step.duty) or _answered_since(step, delivered[lead])):
                beside[lead].append(step)
            elif _is_over(step.duty):
                yield from (
                    [_as_delivered(step.duty, delivered[step.duty.key], current)] if step.duty.key in delivered else ()
                )
            elif step.due > now:
                yield step.duty
            else:
                due.append(step)
        yield from (_going_on(lead, beside[key], delivered[key], current) for key, lead in leads.items())
        if due:
            first, *others = sorted(due, key=_leads)
            yield _joined(first, (first, *others)).but(opens=None)


def _is_live(before: Notification | None) -> bool:
    return before is not None and before.state == "live"


def _answered_since(step: Step, delivered_step: Notification) -> bool:
    """Whether it waited when that was told, was said there, and has been answered since."""
    since = step.answered_at is not None and step.answered_at > delivered_step.first_told_at
    return since and set(step.duty.grounds) <= set(delivered_step.grounds)


def _going_on(lead: Step, beside: Sequence[Step], before: Notification, current: Collection[str]) -> Duty:
    """What was told as one and still waits, for one part of it at least. What has been answered since stays said of it:
    it is not told anew for that. What has ended is left out."""
    parts = [step for step in (lead, *beside) if not _is_over(step.duty) or step.answered_at is not None]
    if all(_is_over(step.duty) for step in parts):
        return _as_delivered(lead.duty, before, current)
    return _joined(lead, parts)


def _as_delivered(duty: Duty, before: Notification, current: Collection[str]) -> Duty:
    """An ended step keeps the grounds with which it was delivered as one with others, while all of them are current."""
    if set(duty.grounds) <= set(before.grounds) <= {*current, *duty.met_by}:
        return duty.but(grounds=before.grounds)
    return duty


def _is_over(duty: Duty) -> bool:
    return bool(duty.met_by or duty.ended)


def _leads(step: Step) -> tuple[bool, datetime, int, Key]:
    """The step under which several are delivered as one: one that asks to act, else the one due longest, then the one
    that says most."""
    _, ask = asked_of(step.duty.key)
    says = next((n for n, name in enumerate(SAYS_MOST) if name == ask), len(SAYS_MOST))
    return step.duty.key.rule not in TO_ACT, step.due, says, step.duty.key


def _joined(lead: Step, parts: Sequence[Step]) -> Duty:
    """One duty for all these parts, some of them still open, under the key of the leading step."""
    duties = [step.duty for step in parts]
    if duties == [lead.duty]:
        return lead.duty
    persons = dict.fromkeys(place for duty in duties for place in (duty.person, *duty.same_person))
    asks: dict[AskName, Ask] = {}
    for ask in (ask for duty in duties for ask in duty.asks):
        known = asks.setdefault(ask.ask, ask)
        answers = tuple(dict.fromkeys((*known.answers, *ask.answers)))
        met_by = known.met_by if ask.met_by is not None else None
        asks[ask.ask] = replace(known, by=min(known.by, ask.by), answers=answers, met_by=met_by)
    return lead.duty.but(
        grounds=tuple(sorted({ground for duty in duties for ground in duty.grounds})),
        matter=tuple(dict.fromkeys(item for duty in duties for item in duty.matter)),
        asks=tuple(asks.values()),
        same_person=tuple(place for place in persons if place != lead.duty.person),
        texts=tuple(dict.fromkeys(text for duty in duties for text in duty.texts)),
        tell_by=min(duty.tell_by for duty in duties),
        changes_at=tuple(sorted({moment for duty in duties for moment in duty.changes_at})),
        met_by=(),
        ended=None,
    )


def _with_its_end(statement: Statement, before: Notification | None, policy: Policy) -> Statement:
    """A duty that policy ends some time after it was first told, with that end."""
    if not isinstance(statement, Duty) or statement.ends_after is None:
        return statement
    if before is None or before.state == "withdrawn":
        return statement
    ends = policy.due(before.first_told_at, statement.ends_after)
    if statement.lapses is not None and statement.lapses <= ends:
        return statement
    return statement.but(lapses=ends, lapses_as=Reason.NO_LONGER_ASKED)


def _stated_alike(stated: Iterable[Statement]) -> list[list[int]]:
    """The duties of one place, two or more, that another agency may be able to take on instead."""
    found: dict[tuple[str, str], list[int]] = {}
    for number, statement in enumerate(stated):
        if isinstance(statement, Duty) and statement.next_able:
            found.setdefault(statement.key[:2], []).append(number)
    return [numbers for numbers in found.values() if len(numbers) > 1]


def _state_once(found: list[Escalated], numbers: Sequence[int]) -> None:
    """One agency may be able to stand in for several: it is owed once, for that one which needs it first."""
    needed: dict[Key, Statement] = {}
    duties = chain.from_iterable((*found[n].owed, *(step.duty for step in found[n].steps)) for n in numbers)
    for statement in sorted(duties, key=_need):
        needed.setdefault(statement.key, statement)
    for n in numbers:
        owed = tuple(statement for statement in found[n].owed if needed[statement.key] is statement)
        found[n] = Escalated(owed, tuple(step for step in found[n].steps if needed[step.duty.key] is step.duty))


def _need(statement: Statement) -> tuple[bool, datetime]:
    """The least is the most needed: what lives before what has ended, then what opens earlier."""
    assert isinstance(statement, Duty)  # noqa: S101 - nobody stands in for what is withheld
    return bool(statement.met_by or statement.ended), statement.opens or LONG_AGO


def step_key(rule: str, of: Key, ask: str, agency: str) -> Key:
    """An escalation step is about an ask of another duty, so its place is that duty's key and the ask."""
    return Key(rule, "/".join((*of, ask)), agency)


def asked_of(delivered_step: Key) -> tuple[Key, str]:
    """The duty and the ask that an escalation step is about. Rules and agencies have no slash in their names; places
    have."""
    return asked_in(delivered_step.subject)


def asked_in(subject: str) -> tuple[Key, str]:
    """The same, from the subject of an escalation step."""
    rule, _, rest = subject.partition("/")
    place, agency, ask = rest.rsplit("/", 2)
    return Key(rule, place, agency), ask


def place_of(key: Key) -> tuple[str, str]:
    """The rule and the subject that a key comes from: for an escalation step, those of the duty which nobody
    answered."""
    return (asked_of(key)[0] if key.rule in ESCALATION_STEPS else key)[:2]


def rule_of(key: Key) -> str:
    """The rule that a key comes from: for an escalation step, that of the duty which nobody answered."""
    return asked_of(key)[0].rule if key.rule in ESCALATION_STEPS else key.rule


def that_count(answers: Iterable[Answer], delivered: Mapping[Key, Notification]) -> Iterator[tuple[Key, Answer]]:
    """The answers that count for what is asked now, each with its duty. Only the recipient answers; one to a escalation
    step counts for its duty while that has not been asked anew."""
    for answer in answers:
        notification, body = delivered.get(answer.key), answer.fact.body
        if notification is None or not notification.heeds(answer.revision):
            continue
        if not isinstance(body, AgencyBody) or body.agency != answer.key.agency:
            continue
        key = answer.key
        if key.rule in ESCALATION_STEPS:
            key, ask = asked_of(key)
            asked = _asked(delivered.get(key), ask)
            if asked is None or notification.first_told_at < asked.since:
                continue
        yield key, answer


def _heard(answers: Iterable[Answer], delivered: Mapping[Key, Notification]) -> dict[Key, list[Answer]]:
    """The answers that count, by duty, in the order in which they were given."""
    found: dict[Key, list[Answer]] = {}
    for key, answer in that_count(answers, delivered):
        found.setdefault(key, []).append(answer)
    for heard in found.values():
        heard.sort(key=_moment)
    return found


def _asked(notification: Notification | None, ask: str) -> Asked | None:
    return next((asked for asked in notification.asks if asked.ask == ask), None) if notification is not None else None


@dataclass(frozen=True, slots=True)
class _Member:
    """One agency to which the duty is owed in turn: the first by the rule, others by refusal or silence before them."""

    duty: Duty
    notification: Notification | None
    declined: Answer | None
    met: Mapping[str, Fact]  # ask to the answer of its own that met it

    @property
    def asks(self) -> tuple[Asked, ...]:
        """As this agency was told them, while they stand."""
        return (
            self.notification.asks
            if self.notification is not None and self.notification.state == "live" and not self.declined
            else ()
        )


@dataclass(frozen=True)
class _Chain:
    """One duty as a rule states it, with those that are asked in turn and those who hear of the silence.

    `turn`: the duty's own key, and those of the agencies that may be asked in its place and are told by no rule.
    `notifications`: what those and the escalation steps were told; `replies`: what they answered.
    """

    policy: Policy
    head: Duty
    turn: tuple[Key, ...]
    notifications: tuple[Notification, ...]
    replies: tuple[tuple[Key, tuple[Answer, ...]], ...]

    steps_delivered: bool  # whether any escalation step was delivered in this file

    def __hash__(self) -> int:
        return hash((self.policy, self.head.key))  # of these few are remembered: all else is compared

    @cached_property
    def delivered(self) -> Mapping[Key, Notification]:
        return {notification.key: notification for notification in self.notifications}

    @cached_property
    def heard(self) -> Mapping[Key, Sequence[Answer]]:
        return dict(self.replies)

    @cached_property
    def delivered_steps(self) -> Mapping[Key, Sequence[Key]]:
        found: dict[Key, list[Key]] = {}
        for key in self.delivered:
            if key.rule in STEPS:
                found.setdefault(asked_of(key)[0], []).append(key)
        return found

    @cached_property
    def over(self) -> bool:
        return bool(self.head.met_by or self.head.ended)

    @cached_property
    def shares(self) -> EscalationSteps:
        return self.policy.escalation_steps(self.head.on)

    @cached_property
    def members(self) -> tuple[_Member, ...]:
        """The agency of the rule and all that are able to in its place, needed or not, in the order of asking."""
        first, *others = self.turn
        able = [key for key in others if self.policy.agency(key.agency) is not None]
        return tuple(self.member(key) for key in (first, *able))

    @cached_property
    def met(self) -> Mapping[str, Fact]:
        """The answer to each ask, whichever of the agencies gave it: once a person has taken it on, nobody hears of
        silence. For the person who must act at the end, reading it meets nothing."""
        found: dict[str, Fact] = {}
        for answer in self.heard.get(self.head.key, ()):
            if answer.key.rule in TO_ACT and _acts(answer, self.head):
                found |= dict.fromkeys(SAYS_MOST, answer.fact)
        for member in reversed(self.members):
            found |= member.met
        return found

    def own(self, key: Key) -> Sequence[Answer]:
        heard = self.heard.get(key, ())
        return [answer for answer in heard if answer.key.agency == key.agency and answer.key.rule not in TO_ACT]

    @cached_property
    def taken_on(self) -> Mapping[Key, Answer]:
        """The agencies whose latest word is that they take it on, with that word."""
        found = {}
        for key in self.turn:
            words = [a for a in self.own(key) if _declines(a) or _takes_on(a, self.head)]
            if words and not _declines(words[-1]):
                found[key] = words[-1]
        return found

    def member(self, key: Key) -> _Member:
        """What this agency has answered: of taking it on and declining, the latest counts. One that had declined
        takes it on after all only while no other holds it."""
        met: dict[str, Fact] = {}
        for answer in self.own(key):
            met |= dict.fromkeys(_meets(answer, self.head), answer.fact)
        declined = next((answer for answer in reversed(self.own(key)) if _declines(answer)), None)
        taken_on = self.taken_on.get(key)
        if taken_on is not None and not any(_moment(other) < _moment(taken_on) for other in self.taken_on.values()):
            declined = None
        duty = self.head
        if key != duty.key:
            agency = self.policy.agency(key.agency)
            duty = duty.but(key=key, kind=duty.kind if agency is None else agency.kind, settles=False)
        return _Member(duty, self.delivered.get(key), declined, {} if declined else met)

    def escalated(self) -> Escalated:
        return Escalated(tuple(self.owed()), tuple(self.steps()))

    def steps(self) -> Iterator[Step]:
        """The escalation steps that are ahead or due, and those that were delivered and are over."""
        open_asks = {step.duty.key: step for step in self.unanswered()} if not self.over else {}
        yield from open_asks.values()
        for member in self.members:
            for key in self.delivered_steps.get(member.duty.key, ()):
                if key not in open_asks and (asked := self.delivered_ask(member, key)) is not None:
                    yield self.answered(member, key, asked)

    def owed(self) -> Iterator[Duty]:
        """The duty to the first; to the next able one when this one declines, or beside it when this one is silent."""
        grounds, handed, beside, held = self.head.grounds, False, None, False
        for place, member in enumerate(self.members):
            duty = member.duty.but(grounds=grounds)
            if place > 0:
                duty = duty.but(opens=beside)
                needed = handed or beside is not None or bool(member.met)
                if member.notification is None and (self.over or not (needed or member.declined)):
                    handed, beside = False, None
                    continue
                if not needed and not self.over:
                    duty = duty.but(ended=Reason.SUPERSEDED if self.open_asks(self.members[0]) else Reason.ANSWERED)
            yield self.with_answers(member, duty)
            # Silence brings in one service beside the one that holds it, not all of them in turn.
            beside = self.silent_at(member) if place == 0 or handed else None
            held = held or (member.duty.key in self.taken_on and member.declined is None)
            handed = member.declined is not None and not held
            if member.declined is not None:
                grounds = tuple(sorted({*grounds, member.declined.fact.id}))

    def with_answers(self, member: _Member, duty: Duty) -> Duty:
        """The duty with the answers to its asks, and reminders of the open ones; ended if this agency declined."""
        if member.declined is not None and not self.over:
            return duty.but(ended=Reason.DECLINED, met_by=(*duty.met_by, member.declined.fact.id))
        asks = tuple(replace(ask, met_by=self.met_by(ask.ask)) for ask in duty.asks)
        open_asks = self.open_asks(member) if duty.escalates else ()
        reminders = tuple(self.at(asked, self.shares.remind) for asked in open_asks)
        return duty.but(asks=asks, remind_at=(*duty.remind_at, *reminders))

    def met_by(self, ask: str) -> str | None:
        return self.met[ask].id if ask in self.met else None

    def open_asks(self, member: _Member) -> list[Asked]:
        return [asked for asked in member.asks if asked.ask not in self.met]

    def silent_at(self, member: _Member) -> datetime | None:
        """When the next able service is owed the same, beside this one. Only a request to take the person on is passed
        on: an unread receipt is no reason to disclose to a second service."""
        to_take_on = (asked for asked in self.open_asks(member) if asked.ask == "accept" and self.head.escalates)
        return min((self.at(asked, self.shares.next_able) for asked in to_take_on), default=None)

    def at(self, asked: Asked, share: float) -> datetime:
        """The moment at which this share of the time to answer has passed, in the time in which it was given."""
        given = next((ask for ask in self.head.asks if ask.ask == asked.ask), None)
        return self.policy.share(asked.since, asked.by, share, given.counted if given is not None else "elapsed")

    def unanswered(self) -> Iterator[Step]:
        """The manager and the strategic contact of each silent agency, and, once for all of them, the person who must
        act at the end."""
        if not self.head.escalates:
            return
        for member in self.members:
            of = member.duty
            for asked in member.asks if self.steps_delivered else self.open_asks(member):
                manager = step_key(MANAGER, of.key, asked.ask, of.key.agency)
                yield self.step(
                    self.step_duty(manager, of, "manager", asked), self.at(asked, self.shares.manager), asked
                )
                above = step_key(STRATEGIC, of.key, asked.ask, of.key.agency)
                yield self.step(
                    self.step_duty(above, of, "strategic", asked), self.at(asked, self.shares.strategic), asked
                )
        yield from self.to_act()

    def to_act(self) -> Iterator[Step]:
        """When the last step is due: at the end of the time; at once if no able agency is left, or if one declines with
        little time left."""
        first, last = self.members[0], self.head.last_step
        if last is None or self.policy.agency(last.agency) is None:
            return
        if first.notification is None or not (first.asks or first.declined):
            return
        at_once = all(member.declined for member in self.members) or any(self.late(member) for member in self.members)
        declined_at = max((member.declined.fact.at for member in self.members if member.declined), default=LONG_AGO)
        rule = INSPECTOR if last.kind == "duty_inspector" else LAST_STEP
        for asked in first.notification.asks:
            if asked.ask in self.met and not self.steps_delivered:
                continue
            key = step_key(rule, self.head.key, asked.ask, last.agency)
            duty = self.step_duty(key, self.head.but(kind=last.kind, urgency="urgent"), last.desk, asked)
            end = self.at(asked, self.shares.last_step)
            at_last = self.step(duty, min(declined_at, end) if at_once else end, asked)
            yield replace(at_last, duty=at_last.duty.but(opens=None)) if at_once else at_last

    def late(self, member: _Member) -> bool:
        """Whether this agency declined when most of the time of some ask had gone."""
        if member.declined is None or member.notification is None:
            return False
        at = member.declined.fact.at
        return any(at >= self.at(asked, self.shares.next_able) for asked in member.notification.asks)

    def step(self, duty: Duty, due: datetime, asked: Asked) -> Step:
        """The step with its times, ended if its ask was answered. Steps that were delivered as one with it go on."""
        by = self.met.get(asked.ask)
        duty = duty.but(opens=due, tell_by=max(asked.by, due + duty.shortest_window))
        if by is None:
            return Step(duty, due)
        asks = tuple(replace(ask, met_by=by.id) for ask in duty.asks)
        return Step(duty.but(ended=Reason.ANSWERED, met_by=(by.id,), asks=asks), due, by.at)

    def step_duty(self, key: Key, of: Duty, desk: DeskName, asked: Asked) -> Duty:
        """Owed to a person who can still act. What is asked is the same, and due when it was; who is asked in the end
        is asked to act."""
        asks, texts = (Ask(asked.ask, asked.by, asked.answers, needs_reason=asked.needs_reason),), of.texts
        last = self.head.last_step
        if key.rule in TO_ACT and last is not None:
            decisions = asked.answers if asked.ask == "decide" and last.agency == self.head.key.agency else ()
            asks = (Ask("act", asked.by, (*last.answers, *decisions), needs_reason=asked.needs_reason),)
            texts = (last.text, *of.texts)
        return of.but(
            key=key,
            matter=(*of.matter, *self.silence(key, of, asked)),
            opens=None,
            tell_by=asked.by,
            asks=asks,
            texts=texts,
            remind_at=(),
            settles=False,
            next_able=(),
            desk=desk,
            gather="singly",
        )

    def silence(self, key: Key, of: Duty, asked: Asked) -> tuple[Item, ...]:
        """What nobody has done, and which kind of agency was silent; of a school also which one, to those who can reach
        it."""
        silent = derived(f"unanswered.{asked.ask}", recipient_label(self.head.kind, self.policy), DataClass.R)
        school = self.policy.agency(self.head.key.agency)
        if key.rule not in TO_ACT or school is None or self.policy.kind(self.head.kind).serves != "school":
            return silent
        return (*silent, *derived("unanswered.school", school.name, DataClass.C, about=of.person))

    def delivered_ask(self, member: _Member, key: Key) -> Asked | None:
        """The ask that an escalation step was told about; None where both it and the duty have been taken back
        since."""
        _, ask = asked_of(key)
        return _asked(member.notification, ask) or _asked(self.delivered[key], ask)

    def answered(self, member: _Member, key: Key, asked: Asked) -> Step:
        """A step that was told and is no longer needed: those who heard of the silence hear of its end, too."""
        notification, (_, ask) = self.delivered[key], asked_of(key)
        duty = self.step_duty(key, member.duty.but(kind=notification.agency_kind), notification.desk, asked)
        by = self.met.get(ask)
        if not self.over and by is not None:
            duty = duty.but(ended=Reason.ANSWERED, met_by=(by.id,))
        elif not self.over:
            duty = duty.but(ended=Reason.DECLINED if member.declined else Reason.SUPERSEDED)
        return Step(duty, notification.first_told_at, by.at if by is not None and not self.over else None)


@lru_cache(maxsize=CHAINS_REMEMBERED)
def _escalated(of: _Chain) -> Escalated:
    """Remembered for the next evaluation: a chain stays the same while nobody answers and nobody else is told."""
    return of.escalated()


def _acts(answer: Answer, duty: Duty) -> bool:
    """Whether who was asked to act in the end takes it on, or has done what was to be done."""
    body, last = answer.fact.body, duty.last_step
    if not isinstance(body, AnswerBody):
        return False
    if not body.decides:
        return "accept" in body.meets
    return (last is not None and body.code in last.answers) or "decide" in _meets(answer, duty)


def _meets(answer: Answer, duty: Duty) -> frozenset[str]:
    """A decision about something else, or without its reason, shows that a person has read it. Asks to take on and to
    decide stay open."""
    body = answer.fact.body
    if not isinstance(body, AnswerBody):
        return frozenset()
    if body.decides:
        ask = next((ask for ask in duty.asks if ask.ask == "decide"), None)
        if ask is None or body.code not in ask.answers or body.lacks_reason(ask.needs_reason):
            return READING
    return body.meets


def _takes_on(answer: Answer, duty: Duty) -> bool:
    return bool(_meets(answer, duty) - READING)


def _declines(answer: Answer) -> bool:
    return isinstance(answer.fact.body, AnswerBody) and answer.fact.body.declines


def _moment(answer: Answer) -> tuple[datetime, str]:
    return answer.fact.at, answer.fact.id
