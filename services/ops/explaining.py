"""Why agencies were told and why not, as one reader may know it: pure, from what the database keeps."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from schemas.classes import DataClass, Form
from services.ops.existing import existing
from services.ops.explanation import (
    AUDIT,
    OPS,
    Ahead,
    Change,
    Conflict,
    DeliveredDuty,
    EscalationStep,
    Evaluated,
    Explanation,
    FactVersion,
    Issued,
    Kept,
    Line,
    Material,
    Moment,
    Reader,
    Reply,
    Version,
    Wanted,
    WithheldFrom,
)
from services.ops.unread import NOTHING_UNREAD, UnreadEvents
from services.platform.domain.core.duties import Notification
from services.platform.domain.core.escalation import ESCALATION_STEPS, TO_ACT, asked_of
from services.platform.domain.core.facts import Key
from services.platform.domain.core.projection import VICTIM_SERVICE, project_explanation, recipient_label
from services.platform.domain.core.reasons import UNSPOKEN
from services.platform.domain.linking.speaking import NOT_THE_RECIPIENT, as_anybody_hears
from services.platform.policy.policy import Policy


def explain(
    material: Material, reader: Reader, policy: Policy, unread_events: UnreadEvents = NOTHING_UNREAD
) -> Explanation | None:
    """What this reader may know of what was decided; None where for them nothing goes by that name. `unread_events`:
    what is not read yet. Raises KeyError for a role that policy has no kind for."""
    known = existing(material, reader, policy)
    if known is None:
        return None
    said = _Explaining(known, reader, policy).explanation()
    if said.restricted and not (said.delivered or said.withheld):
        return None
    return replace(said, unread=unread_events) if known is material else said


@dataclass(frozen=True)
class _Explaining:
    material: Material
    reader: Reader
    policy: Policy

    def explanation(self) -> Explanation:
        m = self.material
        delivered = tuple(self.delivered())
        withheld = tuple(self.withheld())
        ahead = tuple(self.ahead())
        known = {i for duty in delivered for i in duty.grounds} | {i for said in withheld for i in said.grounds}
        known |= {i for duty in delivered for change in duty.changes for i in change.grounds}
        everything = self.sees_all
        facts = tuple(fact for fact in self.facts() if everything or fact.id in known)
        return Explanation(
            asked=m.asked,
            question=m.question,
            role=self.reader.role,
            at=m.now,
            delivered=delivered,
            withheld=withheld,
            ahead=ahead,
            facts=facts,
            conflicts=tuple(self.conflicts()) if everything else (),
            refused=m.refused if everything else (),
            ends=m.ends if everything else (),
            faulted=self.faulted() if everything else (),
            timeline=tuple(self.timeline(delivered, facts)),
            restricted=not everything,
        )

    @cached_property
    def sees_all(self) -> bool:
        """Who was considered is class L: beside audit and ops, only a kind that sees all locations sees all of them."""
        if self.reader.role in (AUDIT, OPS):
            return True
        grants = self.policy.kind(self.reader.role).grants
        return any((g.data_class, g.form, g.whose) == (DataClass.L, Form.FULL, "any") for g in grants)

    @cached_property
    def keys(self) -> tuple[tuple[str, Key], ...]:
        """The duties that were told and asked about, escalation steps left to the duties that they belong to."""
        found = [key for key in self.material.delivered if self.asked_about(key)]
        heads = {(service, self.head(key)) for service, key in found}
        return tuple(
            sorted(
                heads & self.material.delivered.keys(), key=lambda head: (self.revisions[head][0].notification.at, head)
            )
        )

    @cached_property
    def kept(self) -> tuple[Kept, ...]:
        m = self.material
        found = [kept for kept in m.kept if kept.withheld.key.rule not in ESCALATION_STEPS]
        if m.keys is not None:
            about = {(key.rule, key.subject) for key in m.keys}
            found = [kept for kept in found if (kept.withheld.key.rule, kept.withheld.key.subject) in about]
        elif m.about is not None:
            found = [kept for kept in found if m.about & set(kept.withheld.grounds)]
        return tuple(sorted(found, key=lambda kept: (kept.since, kept.service, kept.withheld.key)))

    @cached_property
    def revisions(self) -> Mapping[tuple[str, Key], list[Issued]]:
        found: dict[tuple[str, Key], list[Issued]] = {}
        for issued in sorted(self.material.issued, key=lambda issued: issued.notification.revision):
            found.setdefault((issued.service, issued.notification.key), []).append(issued)
        return found

    @cached_property
    def evaluations(self) -> Mapping[tuple[str, str, int], Evaluated]:
        return {
            (evaluation.service, evaluation.file, evaluation.number): evaluation
            for evaluation in self.material.evaluations
        }

    def asked_about(self, which: tuple[str, Key]) -> bool:
        m, key = self.material, self.head(which[1])
        if which not in self.revisions:
            return False
        if m.keys is not None:
            return key in m.keys
        if m.about is None:
            return True
        grounds = {i for issued in self.revisions[which] for i in issued.notification.grounds} | set(
            m.delivered[which].grounds
        )
        answers = {answer.fact for answer in m.answers if (answer.service, answer.key) == which}
        caused = {fact for issued in self.revisions[which] for fact in self.causes_of(issued)}
        return bool(m.about & (grounds | answers | caused))

    def head(self, key: Key) -> Key:
        """The duty that a key belongs to: for an escalation step, the duty that nobody answered."""
        while key.rule in ESCALATION_STEPS:
            key, _ = asked_of(key)
        return key

    def evaluation_of(self, issued: Issued) -> Evaluated | None:
        return self.evaluations.get((issued.service, issued.file, issued.evaluation))

    def causes_of(self, issued: Issued) -> tuple[str, ...]:
        """Of the events that the evaluation answers those on which this notification rests; where it rests on none of
        them, as a correction does, all."""
        evaluation = self.evaluation_of(issued)
        if evaluation is None:
            return ()
        grounds = [fact for fact in evaluation.facts if fact in issued.notification.grounds]
        return tuple(grounds or evaluation.facts)

    def events_of(self, issued: Issued) -> tuple[str, ...]:
        """What caused a notification, as its sources call it where this reader may know that."""
        return tuple(self.events.get(fact, fact) if self.sees_all else fact for fact in self.causes_of(issued))

    @cached_property
    def events(self) -> Mapping[str, str]:
        return {version.id: version.event for version in self.material.versions}

    def recipient(self, agency: str, kind: str) -> str:
        """A name where this reader may know it: its own, and for audit every one."""
        if self.reader.role == AUDIT or agency == self.reader.agency:
            return agency
        # A service that is told only of people whom it shelters gives their place away.
        if self.policy.kind(kind).serves == "named":
            return VICTIM_SERVICE
        return recipient_label(kind, self.policy)

    def knows_more(self, key: Key, kind: str) -> bool:
        if self.reader.agency is not None and not self.sees_all:
            return key.agency == self.reader.agency
        return self.sees_all or kind == self.reader.role

    def may_know(self, key: Key, kind: str) -> bool:
        """How a recipient is named. Other recipients of the same matter are named by their kind, unless that is the
        reader's own kind: an agency that was told by mistake does not learn of the right one. Of other matters nothing
        is known."""
        if self.knows_more(key, kind):
            return True
        return kind != self.reader.role and (key.rule, key.subject) in self.own

    @cached_property
    def own(self) -> frozenset[tuple[str, str]]:
        """The duties that this reader was told of and that still count."""
        return frozenset(
            (key.rule, key.subject)
            for _, key in self.keys
            for notification in (self.newest(key),)
            if notification.state != "withdrawn" and self.knows_more(key, notification.agency_kind)
        )

    def newest(self, key: Key) -> Notification:
        return next(notification for (_, other), notification in self.material.delivered.items() if other == key)

    def delivered(self) -> Iterator[DeliveredDuty]:
        for service, key in self.keys:
            notification = self.material.delivered[service, key]
            if not self.may_know(key, notification.agency_kind):
                continue
            bare = DeliveredDuty(
                service=service,
                rule=key.rule,
                subject=key.subject,
                recipient=self.recipient(key.agency, notification.agency_kind),
                state=notification.state,
                delivered_at=self.revisions[service, key][0].notification.at,
                tell_by=notification.tell_by,
                late=any(issued.notification.late for issued in self.revisions[service, key]),
                reason=notification.reason,
                unexplained_since=self.material.unexplained.get((service, key)),
            )
            yield self.whole(bare, key, notification) if self.knows_more(key, notification.agency_kind) else bare

    def whole(self, bare: DeliveredDuty, key: Key, notification: Notification) -> DeliveredDuty:
        issued = self.revisions[bare.service, key]
        why = notification.why
        return DeliveredDuty(
            service=bare.service,
            rule=bare.rule,
            subject=bare.subject,
            recipient=bare.recipient,
            state=bare.state,
            delivered_at=bare.delivered_at,
            tell_by=bare.tell_by,
            late=bare.late,
            reason=bare.reason,
            unexplained_since=bare.unexplained_since,
            changes=tuple(self.changes(issued)),
            asks=tuple(
                Wanted(
                    a.ask,
                    a.by,
                    a.answers,
                    a.met_by,
                    notification.state == "live" and not a.met_by and a.by < self.material.now,
                )
                for a in notification.asks
            ),
            replies=tuple(self.replies(bare.service, key, notification)),
            steps=tuple(self.steps(bare.service, key)),
            lines=tuple(self.lines(bare.service, key, issued[-1].notification)),
            grounds=notification.grounds,
            lawful_basis=why.lawful_basis,
            gateway=why.gateway,
            purpose=why.purpose,
            policy_version=why.policy_version,
            policy_source=why.source,
            by_default=why.by_default,
            measured_by=self.material.measured_by.get((bare.service, key), ""),
        )

    def changes(self, revisions: Sequence[Issued]) -> Iterator[Change]:
        before: frozenset[str] = frozenset()
        for issued in revisions:
            notification, evaluation = issued.notification, self.evaluation_of(issued)
            says = frozenset(_name(what, about) for what, about, _, _ in notification.content)
            yield Change(
                revision=notification.revision,
                kind=notification.kind,
                at=notification.at,
                late=notification.late,
                reason=notification.reason,
                published_at=issued.published_at,
                parked=issued.parked,
                evaluation=issued.evaluation,
                cause=evaluation.cause if evaluation else None,
                events=self.events_of(issued),
                release=evaluation.release if evaluation else None,
                policy_version=notification.why.policy_version,
                added=tuple(sorted(says - before)),
                removed=tuple(sorted(before - says)),
                # An id is made of the agency's name, and there are few names to try.
                notification=notification.id if self.names(notification.key.agency) else None,
                grounds=notification.grounds,
            )
            before = says

    def names(self, agency: str) -> bool:
        return self.reader.role == AUDIT or agency == self.reader.agency

    def replies(self, service: str, key: Key, notification: Notification) -> Iterator[Reply]:
        for answer in sorted(self.material.answers, key=lambda answer: (answer.at, answer.fact)):
            if (answer.service, answer.key) == (service, key):
                counts = not answer.withdrawn and notification.heeds(answer.revision)
                yield Reply(answer.kind.rpartition(".")[2], answer.code, answer.at, answer.revision, counts)

    def says_of(self, step: tuple[str, Key], key: Key) -> bool:
        """Whether an escalation step told of this silence, by itself or together with others."""
        service, key_of_silence = step
        if self.head(key_of_silence) == key:
            return True
        same = key_of_silence.agency == key.agency or key_of_silence.rule in TO_ACT
        first = self.revisions[step][0].notification
        return same and set(self.revisions[service, key][0].notification.grounds) <= set(first.grounds)

    def steps(self, service: str, key: Key) -> Iterator[EscalationStep]:
        steps = [
            (self.revisions[which][0].notification.at, which[1], notification)
            for which, notification in self.material.delivered.items()
            if which[0] == service
            and which[1].rule in ESCALATION_STEPS
            and which in self.revisions
            and self.says_of(which, key)
        ]
        for at, step, notification in sorted(steps, key=lambda found: (found[0], found[1])):
            recipient = self.recipient(step.agency, notification.agency_kind)
            yield EscalationStep(step.rule, asked_of(step)[1], recipient, at, notification.state, notification.reason)

    def lines(self, service: str, key: Key, notification: Notification) -> Iterator[Line]:
        """What was said last: values that this role is granted; only names for audit; nothing for ops."""
        if self.reader.role == OPS:
            return
        if self.reader.role == AUDIT:
            yield from (Line(what, about, None, basis, shown=False) for what, about, _, basis in notification.content)
            return
        duty = self.material.owed.get((service, key))
        seen = project_explanation(notification, duty, self.reader.role, self.reader.agency, self.policy).content
        # Whose pupil or client somebody is depends on the agency: its kind alone learns what was said by name.
        shown = self.sees_all or self.reader.agency is not None
        yield from (Line(what, about, value if shown else None, basis, shown) for what, about, value, basis in seen)

    def withheld(self) -> Iterator[WithheldFrom]:
        """An agency that was never told does not learn that there was something to tell."""
        for kept in self.kept:
            withheld = kept.withheld
            if self.knows_more(withheld.key, withheld.kind) and (self.sees_all or self.heard_why(kept)):
                yield WithheldFrom(
                    service=kept.service,
                    rule=withheld.key.rule,
                    subject=withheld.key.subject,
                    recipient=self.recipient(withheld.key.agency, withheld.kind),
                    reason=withheld.reason,
                    since=kept.since,
                    grounds=withheld.grounds,
                    policy_version=withheld.why.policy_version,
                    policy_source=withheld.why.source,
                    measured_by=self.material.measured_by.get((kept.service, withheld.key), ""),
                )

    def heard_why(self, kept: Kept) -> bool:
        """Whether this was told before and closed or corrected with that reason, as some reasons are not."""
        return (kept.service, kept.withheld.key) in self.keys and kept.withheld.reason not in UNSPOKEN

    def ahead(self) -> Iterator[Ahead]:
        """Duties that are stated, not delivered and not over: not open yet, or waiting for the streams to be read. An
        agency learns of such a duty when it is told."""
        m = self.material
        if not self.sees_all:
            return
        for (service, key), duty in sorted(m.owed.items(), key=lambda owed: (owed[1].opens or m.now, owed[0])):
            delivered = m.delivered.get((service, key))
            if (
                duty.opens is None
                or key.rule in ESCALATION_STEPS
                or (delivered is not None and delivered.state == "live")
                or duty.over(m.now)
            ):
                continue
            asked = key in m.keys if m.keys is not None else m.about is None or bool(m.about & set(duty.grounds))
            read_to = m.read_to.get(service)
            behind = duty.settles and (read_to is None or read_to < duty.opens)
            if asked and (duty.opens > m.now or behind) and self.knows_more(key, duty.kind):
                recipient = self.recipient(key.agency, duty.kind)
                yield Ahead(service, key.rule, key.subject, recipient, duty.opens, duty.opens <= m.now)

    def facts(self) -> Iterator[FactVersion]:
        """Each version once, whichever services keep it, in the order of the sources' times."""
        m = self.material
        grounds = {i for which in self.keys for issued in self.revisions[which] for i in issued.notification.grounds}
        grounds |= {i for which in self.keys for i in m.delivered[which].grounds}
        grounds |= {i for kept in self.kept for i in kept.withheld.grounds}
        wanted = None if m.about is None and m.keys is None else (m.about or frozenset()) | grounds
        found: dict[str, list[Version]] = {}
        for version in m.versions:
            if wanted is None or version.id in wanted:
                found.setdefault(version.id, []).append(version)
        for versions in sorted(found.values(), key=lambda same: (same[0].recorded_at, same[0].version, same[0].id)):
            first = min(versions, key=lambda version: version.accepted_at)
            is_current = any(version.is_current for version in versions)
            state = "withdrawn" if first.withdrawn and is_current else "current" if is_current else "superseded"
            yield FactVersion(
                id=first.id,
                event=first.event if self.sees_all else None,
                source=first.source if self.sees_all else None,
                kind=first.kind,
                subject=first.subject,
                version=first.version,
                basis=first.basis,
                recorded_at=first.recorded_at,
                accepted_at=first.accepted_at,
                state=state,
                missing=self.missing(versions),
                services=tuple(sorted({version.service for version in versions})),
            )

    def missing(self, versions: Sequence[Version]) -> str | None:
        """The missing link, if every service that has the current version lacks it: a service that never reads the
        other half waits for nothing."""
        lacked = [version.missing for version in versions if version.is_current]
        if not lacked or not all(lacked) or lacked[0] is None:
            return None
        ops_too = lacked[0] == NOT_THE_RECIPIENT and self.reader.role == OPS
        return lacked[0] if self.sees_all or ops_too else as_anybody_hears(versions[0].kind, lacked[0])

    def conflicts(self) -> Iterator[Conflict]:
        same: dict[tuple[str, str, int], dict[bytes, Version]] = {}
        for version in self.material.versions:
            contents = same.setdefault((version.statement, version.subject, version.version), {})
            if version.content_hash not in contents or version.is_current:
                contents[version.content_hash] = version
        for (_, subject, number), contents in sorted(same.items()):
            if len(contents) > 1:
                current = next((version for version in contents.values() if version.is_current), None)
                others = tuple(sorted(_said(version) for version in contents.values() if version is not current))
                yield Conflict(
                    next(iter(contents.values())).kind, subject, number, _said(current) if current else None, others
                )

    def faulted(self) -> tuple[str, ...]:
        """Rules that raised in the newest evaluation of these files."""
        newest: dict[tuple[str, str], Evaluated] = {}
        for evaluation in self.material.evaluations:
            if (evaluation.service, evaluation.file) not in newest or newest[
                evaluation.service, evaluation.file
            ].number < evaluation.number:
                newest[evaluation.service, evaluation.file] = evaluation
        return tuple(sorted({rule for evaluation in newest.values() for rule in evaluation.faulted}))

    def timeline(self, delivered: Iterable[DeliveredDuty], facts: Iterable[FactVersion]) -> Iterator[Moment]:
        found = [
            Moment(fact.accepted_at, "accepted", fact.kind, f"version {fact.version}", (fact.id,)) for fact in facts
        ]
        if self.sees_all:
            # Each service that reads the stream refuses the record for itself.
            firsts: dict[tuple[str, str, str], datetime] = {}
            for refused in self.material.refused:
                same = (refused.topic, refused.reason, refused.detail)
                firsts[same] = min(refused.at, firsts.get(same, refused.at))
            found += [Moment(at, "refused", topic, reason) for (topic, reason, _), at in firsts.items()]
        moments: dict[tuple[datetime, str, str], dict[str, None]] = {}
        for duty in delivered:
            for change in duty.changes:
                moments.setdefault((change.at, change.kind, duty.rule), {})[duty.recipient] = None
            for step in duty.steps:
                moments.setdefault((step.at, "notify", step.rule), {})[step.recipient] = None
            if not duty.changes:
                moments.setdefault((duty.delivered_at, "notify", duty.rule), {})[duty.recipient] = None
            found += [
                Moment(reply.at, "answered", duty.rule, reply.answer, (), (duty.recipient,)) for reply in duty.replies
            ]
        found += [Moment(at, "notified", rule, kind, (), tuple(who)) for (at, kind, rule), who in moments.items()]
        order = ("accepted", "refused", "notified", "answered")
        yield from sorted(found, key=lambda moment: (moment.at, order.index(moment.what), moment.subject))


def _said(version: Version) -> str:
    """The event as its source knows it: who is asked which of two contents is right looks for that."""
    return f"{version.event} of {version.source}"


def _name(what: str, about: str | None) -> str:
    return what if about is None else f"{what} of {about}"
