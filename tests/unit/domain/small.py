"""A small policy, a few small rules and a world of facts, on which the heart's properties are shown."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from schemas import places
from schemas import values as v
from schemas.classes import DataClass, Form
from schemas.places import Place
from schemas.police_incidents.v1 import ChargePreferred, ChildrenLinked, Grade, IncidentReported
from schemas.registry import REGISTRY
from services.platform.domain.core.duties import Content, Evaluation, Notification, Statement
from services.platform.domain.core.escalation import ESCALATION_STEPS, asked_of
from services.platform.domain.core.evaluate import evaluate
from services.platform.domain.core.facts import Answer, CaseFile, Fact, Key
from services.platform.domain.core.file_keys import FileKey
from services.platform.domain.core.matter import derived, show
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.reconcile import remember
from services.platform.domain.core.rules import Rule
from services.platform.domain.core.stating import owed, withheld
from services.platform.domain.linking.links import files_of
from services.platform.domain.linking.speaking import MAY_NOT_SPEAK, speakers
from services.platform.policy.model import (
    Agency,
    Areas,
    Asking,
    DayTimes,
    Desk,
    EscalationSteps,
    Force,
    Grant,
    Kind,
    LastStep,
    LocalAuthority,
    Power,
    Recipient,
    Route,
    Text,
    Within,
)
from services.platform.policy.policy import Policy, PolicySet
from tests.support import builders as b

START = date(2020, 1, 1)
GO_LIVE = datetime(2024, 1, 1, tzinfo=UTC)
SOURCE = "a rule invented for tests"
READ = datetime(2190, 1, 1, tzinfo=UTC)  # all streams have been read to their ends
H, D = timedelta(hours=1), timedelta(days=1)
POWER = Power(lawful_basis="invented", gateway="invented", purpose="tests")
DESKS = tuple(Desk(desk=desk, name=f"{desk} desk") for desk in ("duty", "manager", "strategic"))


def grants(*those: DataClass | tuple[DataClass, Form, str]) -> tuple[Grant, ...]:
    rows = [row if isinstance(row, tuple) else (row, Form.FULL, "case") for row in those]
    return tuple(Grant.model_validate({"data_class": c, "form": form, "whose": whose}) for c, form, whose in rows)


K = DataClass
ACT = LastStep(kind="duty_inspector", text="act", answers=("answer_obtained",))
KINDS = (
    Kind(
        kind="dait",
        title="Investigation team",
        serves="case",
        outward=False,
        source=SOURCE,
        last_step=ACT,
        grants=grants(K.R, K.T, K.K, K.P, K.S, K.C, K.N, K.L),
    ),
    Kind(
        kind="idva",
        title="Advocate service",
        serves="victim",
        outward=True,
        source=SOURCE,
        last_step=ACT,
        grants=grants(K.R, K.T, K.K, (K.P, Form.FULL, "subject"), K.S, (K.N, Form.SUMMARY, "case")),
    ),
    Kind(
        kind="dsl",
        title="School",
        serves="school",
        outward=True,
        source=SOURCE,
        falls_back_to="la_education",
        grants=grants(K.R, K.T, (K.C, Form.FULL, "own_pupils")),
    ),
    Kind(
        kind="la_education",
        title="Education desk",
        serves="child",
        outward=True,
        source=SOURCE,
        grants=grants(K.R, K.T, (K.C, Form.FULL, "subject")),
    ),
    Kind(
        kind="duty_inspector",
        title="Duty inspector",
        serves="victim",
        outward=False,
        source=SOURCE,
        grants=grants(K.R, K.T, K.K, K.P, K.S, K.C, K.N),
    ),
)


def agency(name: str, kind: str, **where: object) -> Agency:
    return Agency.model_validate({"id": name, "kind": kind, "name": name, "desks": DESKS, **where})


AGENCIES = (
    agency("north-dait", "dait", forces={"54"}, default=True),
    agency("north-idva", "idva", las={"866"}, able_for={"865"}, default=True),
    agency("east-idva", "idva", las={"865"}),
    agency("south-idva", "idva", able_for={"866"}),
    agency("west-idva", "idva", able_for={"866"}),
    agency("first-school", "dsl", schools={"100001"}),
    agency("second-school", "dsl", schools={"900002"}),
    agency("north-education", "la_education", las={"866"}, default=True),
    agency("north-inspector", "duty_inspector", forces={"54"}, default=True),
)


def asking(ask: str, hours: int) -> Asking:
    return Asking.model_validate({"ask": ask, "within": {"hours": hours}, "answers": ["accepted", "declined"]})


def route(name: str, *delivered: Recipient, **over: object) -> Route:
    fields = {
        "begins": START,
        "source": SOURCE,
        "route": name,
        "recipients": delivered,
        "within": Within(minutes=15),
        "power": POWER,
        "tells_from": GO_LIVE,
    }
    return Route.model_validate(fields | over)


DAIT = Recipient(kind="dait")
REPLIES = ("answer_to_replaced", "answer_to_taken_back")
ROUTES = (
    route(
        "high_risk",
        Recipient(kind="idva", asks=(asking("acknowledge", 4), asking("accept", 24))),
        Recipient(kind="dait", asks=(asking("acknowledge", 4),)),
        urgency="urgent",
    ),
    route("child_told", Recipient(kind="dsl", texts=("restricted_file",))),
    route("no_charge", DAIT, settles=timedelta(hours=2)),
    route("pattern", DAIT),
    *(route(name, texts=(name,)) for name in REPLIES),
    route("charge_review", DAIT, reminders=(Within(days_after=14), Within(days_after=42))),
)


def text(code: str, on: str = "named") -> Text:
    stays = {"when_over": on != "named"}
    return Text.model_validate({"text": code, "words": f"Words of {code}.", "on": on, "source": SOURCE, **stays})


POLICY = PolicySet(
    times=DayTimes(
        session_begins=time(8, 30),
        school_morning=time(7, 30),
        working_day_opens=time(9),
        working_day_closes=time(17),
        longest_break_days=90,
        source=SOURCE,
    ),
    kinds=KINDS,
    agencies=AGENCIES,
    routes=ROUTES,
    escalation_steps=(EscalationSteps(begins=START, source=SOURCE),),
    texts=(
        text("not_for_emergencies", "every"),
        text("safe_contact", "outward"),
        text("restricted_file"),
        text("act"),
        *map(text, REPLIES),
    ),
    forces=(Force(code="54", name="Vale"),),
    local_authorities=(
        LocalAuthority(la_code="866", name="Vale North", force="54"),
        LocalAuthority(la_code="865", name="Vale East", force="54"),
    ),
)


def victims(file: CaseFile) -> Iterator[tuple[Fact, IncidentReported, v.PartyRef]]:
    for fact, body in file.of(IncidentReported):
        for party in body.parties:
            ref = v.PartyRef(crime_reference=body.crime_reference, party=party.number)
            if party.role is v.Role.VICTIM and ref.place in file.own_places:
                yield fact, body, ref


def areas(body: IncidentReported) -> Areas:
    residence = next(party.residence for party in body.parties if party.role is v.Role.VICTIM)
    return Areas(victim=residence, case_force=body.force_code)


def high_risk(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    for fact, body, ref in victims(file):
        if body.risk.grade is Grade.STANDARD:
            yield from withheld(
                file,
                policy,
                rule="high_risk",
                subject=ref.place,
                areas=areas(body),
                on=fact.at.date(),
                grounds=(fact,),
                reason=Reason.BELOW_THRESHOLD,
            )
        elif body.risk.grade is Grade.HIGH:
            matter = (
                *show(fact, "risk.grade"),
                *show(fact, "parties.0.name"),
                *show(fact, "circumstances"),
                *show(fact, "abuse_types"),
            )
            yield from owed(
                file,
                policy,
                rule="high_risk",
                subject=ref.place,
                person=ref.place,
                areas=areas(body),
                on=fact.at.date(),
                recorded_at=fact.at,
                grounds=(fact,),
                matter=matter,
            )


def child_told(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    incidents = {body.crime_reference: fact for fact, body in file.of(IncidentReported)}
    for fact, body in file.of(ChildrenLinked):
        for number, child in enumerate(body.children):
            place = places.child_place(body.crime_reference, child.number)
            if place in file.own_places and body.crime_reference in incidents:
                for school in child.school_urns:
                    yield from owed(
                        file,
                        policy,
                        rule="child_told",
                        subject=place,
                        person=place,
                        areas=Areas(child=child.residence, school_urn=school, case_force="54"),
                        on=fact.at.date(),
                        recorded_at=fact.at,
                        grounds=(fact, incidents[body.crime_reference]),
                        matter=show(fact, f"children.{number}.name") + show(fact, f"children.{number}.present"),
                    )


def charges(file: CaseFile) -> Mapping[str, tuple[Fact, ...]]:
    found: dict[str, tuple[Fact, ...]] = {}
    for fact, body in file.of(ChargePreferred):
        for crime in {offence.crime_reference for offence in body.offences}:
            found[crime] = (*found.get(crime, ()), fact)
    return found


def no_charge(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    charged = charges(file)
    for fact, body, ref in victims(file):
        yield from owed(
            file,
            policy,
            rule="no_charge",
            subject=ref.place,
            person=ref.place,
            areas=areas(body),
            on=fact.at.date(),
            recorded_at=fact.at,
            grounds=(fact,),
            matter=show(fact, "incident_log"),
            met_by=charged.get(body.crime_reference, ()),
        )


def pattern(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """At the third incident; later ones are part of it, and one that was the third until an older one came ends."""
    found = sorted(victims(file), key=lambda known: (known[1].reported_at, known[0].id))
    for fact, body, ref in found[2:]:
        yield from owed(
            file,
            policy,
            rule="pattern",
            subject=ref.place,
            person=ref.place,
            areas=areas(body),
            on=fact.at.date(),
            recorded_at=fact.at,
            grounds=tuple(one for one, _, _ in found),
            matter=derived("incidents", sorted(one.crime_reference for _, one, _ in found), K.R),
            ended=None if fact is found[2][0] else Reason.COUNTED_BEFORE,
        )


def charge_review(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Reminded on day 14 and 42, over on day 56."""
    charged = charges(file)
    for fact, body, ref in victims(file):
        if one := charged.get(body.crime_reference):
            first = min(one, key=lambda known: (known.at, known.id))
            yield from owed(
                file,
                policy,
                rule="charge_review",
                subject=ref.place,
                person=ref.place,
                areas=areas(body),
                on=first.at.date(),
                recorded_at=first.at,
                grounds=(fact, first),
                statutory_from=first.at,
                matter=show(first, "references.urn"),
                lapses=first.at + 56 * D,
            )


EVERY_BODY = tuple(fact.newest for _, fact in REGISTRY.types.values() if issubclass(fact.newest, v.Body))


def declared(name: str, states: Callable[[CaseFile, Policy], Iterator[Statement]]) -> Rule:
    """A rule with one route of its own name, run in every file of a person that holds any fact."""
    return Rule(name, states, title=f"Told by {name}", routes=(name,), reads=EVERY_BODY)


RULES = (
    replace(declared("high_risk", high_risk), speaks_of="incident"),
    replace(declared("child_told", child_told), speaks_of="incident"),
    declared("no_charge", no_charge),
    declared("pattern", pattern),
    declared("charge_review", charge_review),
)


class World:
    """All files of a few people, looked at as the runtime would: after each event, files between which a place moved as
    one."""

    def __init__(
        self,
        policy: PolicySet = POLICY,
        rules: Sequence[Rule] = RULES,
        judged_by: Callable[..., Evaluation] = evaluate,
    ) -> None:
        self.policy, self.rules, self.read_to, self.judged_by = policy, rules, READ, judged_by
        self.facts: tuple[Fact, ...] = ()
        self.answers: list[Answer] = []
        self.persons: dict[Place, FileKey] = {}
        self.membership: dict[Key, str] = {}
        self.delivered: dict[Key, Notification] = {}
        self.sent: list[Notification] = []
        self.evaluations: list[Evaluation] = []
        self.not_heard: set[str] = set()  # what was said by agencies that may not speak about the matter

    def evaluate(self, *facts: Fact, now: datetime) -> list[Notification]:
        """Accepts these facts, looks at every file, and gives what was sent."""
        self.facts += facts
        files = files_of(self.facts, may_speak=speakers(self.policy))
        self.not_heard = {i for file in files.values() for i, why in file.unlinked.items() if why == MAY_NOT_SPEAK}
        persons = {place: who for file in files.values() for place, who in file.persons.items()}
        moved: list[set[str]] = [
            {before, persons[place]} for place, before in self.persons.items() if persons.get(place, before) != before
        ]
        self.persons |= persons
        self.evaluations = [
            self._one(group, files, now) for group in self._groups(set(files) | set(self.membership.values()), moved)
        ]
        notifications = [notification for one in self.evaluations for notification in one.notifications]
        self.sent += notifications
        return notifications

    def _one(self, group: frozenset[str], files: Mapping[str, CaseFile], now: datetime) -> Evaluation:
        delivered = {key: notification for key, notification in self.delivered.items() if self.membership[key] in group}
        here = [files.get(name, CaseFile(FileKey(name))) for name in sorted(group)]
        answers = tuple(answer for answer in self.answers if _base(answer.key) in {_base(key) for key in delivered})
        here[0] = replace(here[0], answers=answers)
        found = self.judged_by(here, delivered, self.rules, self.policy.at(now), self.read_to, now)
        self.delivered |= remember(delivered, found)
        for notification in (*delivered.values(), *found.notifications):
            owner = self.persons.get(Place(notification.person), here[0].key)
            self.membership[notification.key] = owner if owner in group else here[0].key
        return found

    def _groups(self, names: Iterable[str], moved: Iterable[set[str]]) -> Iterator[frozenset[str]]:
        groups = [{name} for name in names]
        for together in moved:
            joined = together.union(*(group for group in groups if group & together))
            groups = [group for group in groups if not group & together] + [joined]
        yield from (frozenset(group) for group in sorted(groups, key=min))

    def answer(
        self, body: type, key: Key, at: datetime, revision: int | None = None, agency: str | None = None
    ) -> Fact:
        """An answer by the recipient, or by another agency, to the newest or an older notification of a duty."""
        notification = self.delivered[key]
        said = {"occurred_at": at, "agency": agency or key.agency, "actor": "worker-1", "notification": notification.id}
        if body.__name__ == "Declined":
            said["reason"] = "no_capacity"
        elif body.__name__ == "Decided":
            said["decision"] = "safety_plan_made"
        fact = b.fact(body.model_validate(said), at=at)  # type: ignore[attr-defined]
        self.answers.append(Answer(fact, key, notification.revision if revision is None else revision))
        return fact

    @property
    def again(self) -> datetime | None:
        return min(
            (one.evaluate_again_at for one in self.evaluations if one.evaluate_again_at is not None), default=None
        )

    @property
    def unexplained(self) -> set[Key]:
        return {key for one in self.evaluations for key in one.unexplained}

    @property
    def withheld(self) -> dict[Key, str]:
        return {one.key: one.reason for found in self.evaluations for one in found.withheld}

    def held(self) -> dict[Key, Content]:
        """For each duty the live content of its highest revision. Rungs depend on when they were told: left out."""
        return {
            key: n.content
            for key, n in self.delivered.items()
            if n.state == "live" and key.rule not in ESCALATION_STEPS
        }


def _base(key: Key) -> Key:
    return asked_of(key)[0] if key.rule in ESCALATION_STEPS else key


def said(notifications: Iterable[Notification]) -> list[tuple[str, str, str]]:
    """What was sent, to whom, by which rule: in a fixed order."""
    return sorted((n.kind, n.key.rule, n.key.agency) for n in notifications)
