"""The difference between what is owed and what was told: at most one notification for each duty, and nothing unsaid."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from services.platform.domain.core.duties import (
    Ask,
    Asked,
    Content,
    Duty,
    Evaluation,
    Notification,
    Statement,
    Whom,
    Withheld,
)
from services.platform.domain.core.facts import Key
from services.platform.domain.core.reasons import UNSPOKEN, Reason

URGENCIES = ("routine", "prompt", "urgent")


class Projection(NamedTuple):
    """What one agency may see of a duty: the matter, and the codes of the fixed texts; and whom it is about."""

    content: Content
    texts: tuple[str, ...]
    whom: Whom | None = None


def reconcile(
    delivered: Mapping[Key, Notification],
    owed: Collection[Statement],
    current: frozenset[str],
    read_to: datetime,
    now: datetime,
    project: Callable[[Duty], Projection],
    words_when_over: Callable[[Notification], tuple[str, ...]],
) -> Evaluation:
    """Compare what is owed with what was delivered.

    `delivered`: the newest notification of each key. `current`: ids of the facts that a duty may rest on. `read_to`:
    how far all streams have been read. `project`: what the duty's agency may see of it. `words_when_over`: the fixed
    texts of a notification that closes or takes back.

    A closing or a correction tells its agency nothing new, and asks for nothing.

    Keys must be stated once. Those of a rule that raised are left out of both `delivered` and `owed`. The time of the
    next evaluation follows from all that is owed, and is not found here.
    """
    found = _Found(current, read_to, now, project, words_when_over)
    gone = dict(delivered)
    for statement in owed:
        before = gone.pop(statement.key, None)
        if isinstance(statement, Withheld):
            found.withheld_now(before, statement)
        else:
            found.owed_now(before, statement)
    found.no_longer_stated(gone.values())
    return found.evaluate()


def remember(delivered: Mapping[Key, Notification], evaluation: Evaluation) -> dict[Key, Notification]:
    """What each agency was told after this evaluation."""
    return dict(delivered) | {
        notification.key: notification for notification in (*evaluation.regrounded, *evaluation.notifications)
    }


def correction(
    before: Notification, reason: str, now: datetime, words_when_over: Callable[[Notification], tuple[str, ...]]
) -> Notification:
    """What was told is taken back, whole."""
    after = _after(before, "correct", now)
    after = replace(after, state="withdrawn", content=(), asks=(), asked_since=now, reason=reason)
    return replace(after, texts=words_when_over(after))


@dataclass(slots=True)
class _Found:
    """What one comparison has found so far."""

    current: frozenset[str]
    read_to: datetime
    now: datetime
    project: Callable[[Duty], Projection]
    words_when_over: Callable[[Notification], tuple[str, ...]]
    notifications: list[Notification] = field(default_factory=list)
    regrounded: list[Notification] = field(default_factory=list)
    withheld: list[Withheld] = field(default_factory=list)
    unexplained: list[Key] = field(default_factory=list)
    held_back: list[datetime] = field(default_factory=list)

    def evaluate(self) -> Evaluation:
        return Evaluation(
            notifications=tuple(self.notifications),
            withheld=tuple(self.withheld),
            unexplained=tuple(sorted(self.unexplained)),
            evaluate_again_at=None,
            held_back_until=min(self.held_back, default=None),
            regrounded=tuple(self.regrounded),
        )

    def seen(self, duty: Duty) -> Projection:
        """What its agency may see of what is true now."""
        return self.project(duty.as_true_at(self.now))

    def rests_on_current(self, before: Notification) -> bool:
        return self.current.issuperset(before.grounds)

    def owed_now(self, before: Notification | None, duty: Duty) -> None:
        over = duty.over(self.now)
        if before is not None and before.state == "live":
            if over is not None:
                self.close(before, duty, over)
            else:
                self.go_on(before, duty)
        elif before is not None and before.state == "closed" and over is not None:
            self.compare(before, duty)
        elif over is not None:
            self.withheld.append(Withheld(duty.key, duty.kind, _rests_on(duty), _ended_before_delivery(over), duty.why))
        else:
            self.begin(before, duty)

    def begin(self, before: Notification | None, duty: Duty) -> None:
        """Tells it, for the first time or again, unless it has not opened or the streams are not read so far."""
        if duty.opens is not None and self.now < duty.opens:
            return
        if duty.settles and duty.opens is not None and self.read_to < duty.opens:
            self.held_back.append(duty.opens)
            return
        self.notifications.append(_first(before, duty, self.seen(duty), self.now))

    def go_on(self, before: Notification, duty: Duty) -> None:
        """Send an update if something that this agency may see has changed, else a reminder if one is due. An answer is
        recorded and not echoed to the agency that gave it, and nobody counts that agency as silent."""
        changed = _rests_on(duty) != before.grounds
        passed = any(before.at < moment <= self.now for moment in duty.changes_at)
        if (changed or passed) and (updated := _updated(before, duty, self.seen(duty), self.now)) is not None:
            self.notifications.append(updated)
        elif any(before.at < moment <= self.now for moment in duty.remind_at):
            after = _after(before, "remind", self.now)
            asks, seen = _flagged(before.asks, duty), self.seen(duty)
            content = _still_so(before, seen)
            self.notifications.append(
                replace(after, grounds=_rests_on(duty), content=content, asks=asks, texts=seen.texts, reason=None)
            )
        elif changed or _flagged(before.asks, duty) != before.asks:
            asks, about = _flagged(before.asks, duty), duty.asked_for
            self.regrounded.append(replace(before, grounds=_rests_on(duty), asks=asks, asked_for=about))

    def close(self, before: Notification, duty: Duty, reason: str) -> None:
        """Tell the agency that the duty has ended, and why. Statements about the present are left out, because nobody
        will say when they change."""
        of_now = duty.speaks_of_now()
        content = tuple(line for line in _still_so(before, self.seen(duty)) if line[0] not in of_now)
        self.end(
            replace(
                _after(before, "close", self.now),
                state="closed",
                grounds=_rests_on(duty),
                content=content,
                asks=_flagged(before.asks, duty),
                reason=reason,
            )
        )

    def end(self, notification: Notification) -> None:
        self.notifications.append(replace(notification, texts=self.words_when_over(notification)))

    def compare(self, before: Notification, duty: Duty) -> None:
        """The duty has ended and its notification still counts: take out what proved wrong, and send nothing new."""
        grounds = _rests_on(duty)
        if grounds == before.grounds:
            return
        still_so, of_now = _still_so(before, self.project(duty)), duty.speaks_of_now()
        content = tuple(line for line in before.content if line in still_so or line[0] in of_now)
        if content == before.content:
            self.regrounded.append(replace(before, grounds=grounds))
        else:
            after = _after(before, "correct", self.now)
            self.end(replace(after, grounds=grounds, content=content, reason=Reason.GROUND_CHANGED))

    def withheld_now(self, before: Notification | None, statement: Withheld) -> None:
        """Tell an agency that was told before why it is owed no longer; correct what is wrong now."""
        self.withheld.append(statement)
        if before is None or before.state == "withdrawn":
            return
        unspoken = statement.reason in UNSPOKEN
        if not self.rests_on_current(before):
            self.correct(before, Reason.GROUND_FELL if unspoken else statement.reason)
        elif before.state == "live":
            grounds = tuple(sorted({*before.grounds, *statement.grounds}))
            after = _after(before, "close", self.now)
            reason = Reason.OTHER_ROUTES_APPLY if unspoken else statement.reason
            self.end(replace(after, state="closed", grounds=grounds, reason=reason))

    def no_longer_stated(self, gone: Iterable[Notification]) -> None:
        """Correct it if a fact behind it is no longer current; otherwise write to nobody, and let a person look."""
        for before in gone:
            if before.state == "withdrawn":
                continue
            if not self.rests_on_current(before):
                self.correct(before, Reason.GROUND_FELL)
            elif before.state == "live":
                self.unexplained.append(before.key)

    def correct(self, before: Notification, reason: str) -> None:
        self.notifications.append(correction(before, reason, self.now, self.words_when_over))


def _rests_on(duty: Duty) -> tuple[str, ...]:
    return tuple(sorted({*duty.grounds, *duty.met_by}))


def _ended_before_delivery(over: str) -> str:
    match over:
        case Reason.MET:
            return Reason.MET_BEFORE_DELIVERY
        case Reason.LAPSED:
            return Reason.LAPSED_BEFORE_DELIVERY
    return over


def _first(before: Notification | None, duty: Duty, seen: Projection, now: datetime) -> Notification:
    revision = 1 if before is None else before.revision + 1
    answered: dict[str, Asked] = {}
    if before is not None and before.reason == Reason.DECLINED and set(seen.content) <= set(before.content):
        # Its answer brought it back: what it answered is not asked of it again.
        answered = {asked.ask: asked for asked in _flagged(before.asks, duty) if asked.met_by is not None}
    return Notification(
        kind="notify",
        state="live",
        key=duty.key,
        agency_kind=duty.kind,
        person=duty.person,
        revision=revision,
        grounds=_rests_on(duty),
        content=seen.content,
        asks=tuple(
            answered.get(ask.ask) or _newly_asked(ask, _by(ask.by, now, duty.tell_by, duty.shortest_window), now)
            for ask in duty.asks
        ),
        asked_at=before.asked_at if before is not None and answered else revision,
        asked_since=before.asked_since if before is not None and answered else now,
        reason=None,
        late=before.late if before is not None and before.tell_by == duty.tell_by else now > duty.tell_by,
        at=now,
        first_told_at=now,
        arose=duty.arose,
        tell_by=duty.tell_by,
        desk=duty.desk,
        urgency=duty.urgency,
        gather=duty.gather,
        texts=seen.texts,
        why=duty.why,
        whom=seen.whom,
        asked_for=duty.asked_for,
    )


def _still_so(before: Notification, seen: Projection) -> Content:
    """The part of what the agency was given that is still right and that it may still see; nothing new."""
    return tuple(line for line in before.content if line in seen.content)


def _updated(before: Notification, duty: Duty, seen: Projection, now: datetime) -> Notification | None:
    """The update, or None where nothing that the agency may see has changed.

    Where it adds something that they are about or is more urgent, asks that had been answered are asked for anew.
    Times never move later.
    """
    raised = URGENCIES.index(duty.urgency) > URGENCIES.index(before.urgency)
    same_is_asked = _same_is_asked(before, duty)
    adds = not set(seen.content) <= set(before.content)
    anew = raised or (adds if same_is_asked is None else not same_is_asked)
    tell_by = min(before.tell_by, duty.tell_by)
    asks = tuple(_asked(before, duty, tell_by, now, anew=anew))
    delivered = (before.content, before.texts), before.urgency, _flagged(before.asks, duty)
    if (seen[:2], duty.urgency, asks) == delivered and same_is_asked is not False:
        return None
    after = _after(before, "update", now)
    updated = replace(
        after,
        grounds=_rests_on(duty),
        content=seen.content,
        texts=seen.texts,
        asks=asks,
        asked_at=after.revision if anew else before.asked_at,
        asked_since=now if anew else before.asked_since,
        urgency=duty.urgency,
        tell_by=tell_by,
        person=duty.person,
        why=duty.why,
        reason=None,
        whom=seen.whom and seen.whom.as_known_before(before.whom),
        asked_for=duty.asked_for,
    )
    return replace(updated, changed=tuple(dict.fromkeys(_changed(before, updated))))


def _changed(before: Notification, updated: Notification) -> Iterator[str]:
    """The names of items that are new or gone in an update, and which other parts it changes."""
    differ = set(before.content) ^ set(updated.content)
    yield from (line[0] for line in (*updated.content, *before.content) if line in differ)
    if updated.asked_at != before.asked_at or _as_asked(updated) != _as_asked(before):
        yield "asks"
    if updated.texts != before.texts:
        yield "texts"
    if updated.urgency != before.urgency:
        yield "urgency"


def _as_asked(notification: Notification) -> list[Asked]:
    """Its asks, answered or not."""
    return [replace(asked, met_by=None) for asked in notification.asks]


def _same_is_asked(before: Notification, duty: Duty) -> bool | None:
    """Whether its asks are about the same as when they were delivered. None: they are about the whole matter, or it is
    no longer known what they were about."""
    if duty.asked_for is None or before.asked_for is None:
        return None
    return duty.asked_for == before.asked_for


def _asked(before: Notification, duty: Duty, tell_by: datetime, now: datetime, *, anew: bool) -> Iterable[Asked]:
    earlier = {asked.ask: asked for asked in before.asks}
    for ask in duty.asks:
        asked = earlier.get(ask.ask)
        if asked is None or (anew and ask.met_by is not None):
            yield _newly_asked(ask, _by(ask.by, now, tell_by, duty.shortest_window), now)
        else:
            by = min(asked.by, _by(ask.by, asked.since, tell_by, duty.shortest_window))
            yield replace(asked, by=by, answers=ask.answers, met_by=ask.met_by, needs_reason=ask.needs_reason)


def _newly_asked(ask: Ask, by: datetime, since: datetime) -> Asked:
    return Asked(ask.ask, by, ask.answers, since, needs_reason=ask.needs_reason)


def _flagged(asks: tuple[Asked, ...], duty: Duty) -> tuple[Asked, ...]:
    """The same asks, with what has met them by now."""
    met = {ask.ask: ask.met_by for ask in duty.asks}
    if all(met.get(asked.ask) == asked.met_by for asked in asks):
        return asks
    return tuple(replace(asked, met_by=met.get(asked.ask)) for asked in asks)


def _by(by: datetime, since: datetime, tell_by: datetime, shortest_window: timedelta) -> datetime:
    """When an ask is due: at its own time, but who is told late has at least the shortest window from the telling."""
    return max(by, since + shortest_window) if since > tell_by or by <= since else by


def _after(before: Notification, kind: str, now: datetime) -> Notification:
    return replace(before, kind=kind, revision=before.revision + 1, at=now, changed=())  # type: ignore[arg-type]
