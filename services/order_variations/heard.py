"""What is asked while an application is undecided: that she is told, her views, and where police and prosecution stand.

Nobody speaks to the court but the CPS. What she said stays with whoever heard it: the CPS learns whether her views were
obtained, and no more.
"""

from collections.abc import Iterator
from dataclasses import replace

from schemas.agency_responses.v1 import Accepted, Decided, Decision
from schemas.classes import DataClass
from schemas.court_order_variations.v1 import ApplicantRole, ApplicationLodged, ApplicationWithdrawn
from services.order_variations.applications import endings_of, of_application, shown, until_it_ends
from services.order_variations.concerned import OTHERWISE, Concern, HerOrders
from services.platform.domain.core.duties import Duty, Statement
from services.platform.domain.core.facts import Answer, CaseFile, Fact
from services.platform.domain.core.matter import derived
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Bodies, Rule
from services.platform.domain.people.ordinary_routes import INSTEAD, Matter, tell, tell_nobody
from services.platform.domain.protection.orders import READ_BY_THE_REGISTER
from services.platform.policy.clocks import london_day
from services.platform.policy.policy import Policy

RIGHT, VIEWS, MOVED, OUTCOME = "right_to_be_heard", "her_views", "her_views_moved", "her_views_outcome"
POSITION, OF_POLICE = "application_position", "police_position"
ABOUT_HER_VIEWS = frozenset({Decision.HER_VIEWS_OBTAINED, Decision.HER_VIEWS_DECLINED, Decision.NOT_SAFELY_REACHABLE})
POSITIONS = frozenset(
    {
        Decision.APPLICATION_SUPPORTED,
        Decision.APPLICATION_OPPOSED,
        Decision.APPLICATION_NEUTRAL,
        Decision.TIME_REQUESTED,
    }
)
FIRST_TRY, BEFORE_HEARING = "her_views_first_try", "positions_before_hearing"
SAID = ("references", "application", "action", "lodged_at", "hearing_at")
Undecided = tuple[Fact, ApplicationLodged, Concern]


def right_to_be_heard(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Where he applies, nobody serves her (CrimPR 31.5(2)), and she has a right to be heard (Sentencing Code s.361(2)):
    one of those who are asked tells her."""
    hers = HerOrders(file, policy)
    yield from _not_hers(hers, RIGHT)
    for fact, lodged, concern in _undecided(hers):
        if lodged.applicant_role is ApplicantRole.DEFENDANT:
            to_tell = _asked(hers, RIGHT, fact, lodged, concern)
            informed = tuple(_decided(file, to_tell.subject, {RIGHT}, {Decision.VICTIM_INFORMED}))
            yield from tell(file, policy, _met(to_tell, informed))


def her_views(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Her advocate offers her a private contact, and says whether her views were obtained. Nobody is asked to take it
    on, so that no other service learns of the application by its silence."""
    hers = HerOrders(file, policy)
    yield from _not_hers(hers, VIEWS)
    for fact, lodged, concern in _undecided(hers):
        to_tell = _asked(hers, VIEWS, fact, lodged, concern)
        yield from tell(file, policy, _met(to_tell, tuple(_heard(file, to_tell.subject))))


def her_views_moved(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Where no advocate has tried by the third day, the police and the witness care unit ask her."""
    hers = HerOrders(file, policy)
    yield from _not_hers(hers, MOVED)
    for fact, lodged, concern in _undecided(hers):
        start = lodged.served_on_prosecutor_at or lodged.lodged_at
        opens = policy.due(start, policy.clock(FIRST_TRY, london_day(start)))
        to_tell = replace(_asked(hers, MOVED, fact, lodged, concern), opens=opens)
        tried = tuple(_tried(file, to_tell.subject))
        yield from tell(file, policy, _met(to_tell, (*tried, *_heard(file, to_tell.subject))))


def her_views_outcome(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The CPS hears whether her views were obtained; where she cannot be reached safely, it asks the court for time."""
    hers = HerOrders(file, policy)
    yield from _not_hers(hers, OUTCOME)
    for fact, lodged, concern in _undecided(hers):
        to_tell = _asked(hers, OUTCOME, fact, lodged, concern)
        found = tuple(_heard(file, to_tell.subject))
        late = ("ask_the_court_for_time",) if _last(found) is Decision.NOT_SAFELY_REACHABLE else ()
        yield from _passed_on(hers, to_tell, "outcome_of_her_views", found, late)


def application_position(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Police and prosecution say where they stand in time for the court: ten days after service, or two working days
    before a hearing that is listed earlier."""
    hers = HerOrders(file, policy)
    yield from _not_hers(hers, POSITION)
    for fact, lodged, concern in _undecided(hers):
        for statement in tell(file, policy, _asked(hers, POSITION, fact, lodged, concern)):
            yield _before_hearing(policy, lodged, statement) if isinstance(statement, Duty) else statement


def police_position(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The CPS hears where the police stand."""
    hers = HerOrders(file, policy)
    yield from _not_hers(hers, OF_POLICE)
    for fact, lodged, concern in _undecided(hers):
        to_tell = _asked(hers, OF_POLICE, fact, lodged, concern)
        police = {agency.id for agency in policy.rows.agencies if agency.kind != "cps"}
        said = tuple(_decided(file, to_tell.subject, {POSITION}, POSITIONS, police))
        yield from _passed_on(hers, to_tell, "position_of_the_police", said, ())


def _undecided(hers: HerOrders) -> Iterator[Undecided]:
    """Each application of which those who protect her are told, at her place at which they are."""
    for fact, lodged in hers.file.of(ApplicationLodged):
        for concern in hers.applied(fact, lodged.references, lodged):
            if concern.tells:
                yield fact, lodged, concern


def _not_hers(hers: HerOrders, rule: str) -> Iterator[Statement]:
    """Why nobody is asked of an application that does not concern her, or that is told of at another place of hers."""
    for fact, lodged in hers.file.of(ApplicationLodged):
        for concern in hers.applied(fact, lodged.references, lodged):
            if not concern.tells:
                to_tell = _asked(hers, rule, fact, lodged, concern)
                yield from tell_nobody(hers.file, hers.policy, to_tell, OTHERWISE[concern.how])


def _asked(hers: HerOrders, rule: str, fact: Fact, lodged: ApplicationLodged, concern: Concern) -> Matter:
    """The same references and dates to everybody, until the court or the applicant ends it."""
    places = (order.place for order in concern.orders if order.protects & hers.matters.places)
    said = (*shown(fact, SAID), *(item for place in places for item in derived("order", place, DataClass.R)))
    to_tell = replace(
        of_application(hers, rule, fact, lodged, lodged.application, concern, said),
        statutory_from=lodged.served_on_prosecutor_at or lodged.lodged_at,
    )
    return until_it_ends(to_tell, concern, endings_of(hers.file).get(lodged.application))


def _met(to_tell: Matter, by: tuple[Answer, ...]) -> Matter:
    if to_tell.ended is not None or not by:
        return to_tell
    return replace(to_tell, met_by=tuple(answer.fact for answer in by), ended=Reason.MET)


def _passed_on(
    hers: HerOrders, to_tell: Matter, what: str, said: tuple[Answer, ...], texts: tuple[str, ...]
) -> Iterator[Statement]:
    """What was decided last, to the CPS."""
    if (decision := _last(said)) is not None:
        matter = (*to_tell.matter, *derived(what, decision, DataClass.R))
        grounds = (*to_tell.grounds, said[-1].fact)
        recorded_at = said[-1].fact.at
        to_tell = replace(to_tell, matter=matter, grounds=grounds, recorded_at=recorded_at, texts=texts)
        yield from tell(hers.file, hers.policy, to_tell)


def _before_hearing(policy: Policy, lodged: ApplicationLodged, duty: Duty) -> Duty:
    if lodged.hearing_at is None:
        return duty
    clock = policy.clock(BEFORE_HEARING, london_day(lodged.hearing_at))
    latest = max(policy.before(lodged.hearing_at, clock), duty.tell_by)
    return duty.but(asks=tuple(replace(ask, by=min(ask.by, latest)) for ask in duty.asks))


def _heard(file: CaseFile, subject: str) -> Iterator[Answer]:
    return _decided(file, subject, {VIEWS, MOVED}, ABOUT_HER_VIEWS)


def _tried(file: CaseFile, subject: str) -> Iterator[Answer]:
    """An advocate that has accepted has tried to reach her: its notification says so."""
    for answer in file.answers:
        if (answer.key.rule, answer.key.subject) == (VIEWS, subject) and isinstance(answer.fact.body, Accepted):
            yield answer


def _decided(
    file: CaseFile,
    subject: str,
    rules: set[str],
    decisions: frozenset[Decision] | set[Decision],
    agencies: set[str] | None = None,
) -> Iterator[Answer]:
    """The decisions of those who were asked by these rules, oldest first."""
    for answer in sorted(file.answers, key=lambda answer: (answer.fact.at, answer.fact.id)):
        key, body = answer.key, answer.fact.body
        asked = key.rule in rules and key.subject == subject and (agencies is None or key.agency in agencies)
        if asked and isinstance(body, Decided) and body.decision in decisions:
            yield answer


def _last(answers: tuple[Answer, ...]) -> Decision | None:
    body = answers[-1].fact.body if answers else None
    return body.decision if isinstance(body, Decided) else None


READ: Bodies = (*READ_BY_THE_REGISTER, ApplicationWithdrawn)
RULES = (
    Rule(
        RIGHT,
        right_to_be_heard,
        title="She is to be told of an application and of her right to be heard",
        routes=(RIGHT, *INSTEAD),
        reads=(*READ, Decided),
        needs=(ApplicationLodged,),
    ),
    Rule(
        VIEWS,
        her_views,
        title="Her views on an application about the order that protects her",
        routes=(VIEWS, *INSTEAD),
        reads=(*READ, Decided),
        needs=(ApplicationLodged,),
    ),
    Rule(
        MOVED,
        her_views_moved,
        title="Her views on an application: no advocate has tried",
        routes=(MOVED, *INSTEAD),
        reads=(*READ, Accepted, Decided),
        needs=(ApplicationLodged,),
        clocks=(FIRST_TRY,),
    ),
    Rule(
        OUTCOME,
        her_views_outcome,
        title="Whether her views on an application were obtained",
        routes=(OUTCOME, *INSTEAD),
        reads=(*READ, Decided),
        needs=(ApplicationLodged,),
    ),
    Rule(
        POSITION,
        application_position,
        title="Position on an application about the order that protects her",
        routes=(POSITION, *INSTEAD),
        reads=READ,
        needs=(ApplicationLodged,),
        clocks=(BEFORE_HEARING,),
    ),
    Rule(
        OF_POLICE,
        police_position,
        title="Position of the police on an application",
        routes=(OF_POLICE, *INSTEAD),
        reads=(*READ, Decided),
        needs=(ApplicationLodged,),
    ),
)
