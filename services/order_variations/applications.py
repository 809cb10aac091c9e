"""Rules about applications to vary, discharge or renew an order: lodged, withdrawn, decided."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime

from schemas.classes import DataClass, Form
from schemas.court_order_variations.v1 import ApplicationDecided, ApplicationLodged, ApplicationWithdrawn
from schemas.matters import Referring
from schemas.places import ApplicationPlace
from services.order_variations.concerned import OTHERWISE, Concern, HerOrders, How
from services.order_variations.indicators import panel
from services.order_variations.said import stands_now, while_it_stands
from services.platform.domain.core import subjects
from services.platform.domain.core.duties import Item, Present, Statement
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.matter import derived, show
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Bodies, Rule
from services.platform.domain.people.ordinary_routes import INSTEAD, Matter, tell, tell_but_for, tell_nobody
from services.platform.domain.protection.hers import FromHim
from services.platform.domain.protection.orders import ENDED, READ_BY_THE_REGISTER
from services.platform.domain.protection.saying import ends_at, still_binding
from services.platform.domain.protection.supervision import CLOCK, is_held, supervising
from services.platform.policy.clocks import london_day
from services.platform.policy.policy import Policy

LODGED = (
    "references",
    "application",
    "action",
    "mode",
    "applicant_role",
    "represented",
    "same_firm_as_defendant",
    "grounds_coded",
    "place_term_proposed",
    "offence_code",
    "lodged_at",
    "served_on_prosecutor_at",
    "representations_due_at",
    "hearing_at",
)
# State and dates alone: who asked, and on what grounds, is nothing to those who deal with him.
LODGED_TO_HIS = ("references", "application", "action", "lodged_at", "hearing_at")
HIS = frozenset({"probation", "prison"})  # who deal with him
DECIDED = ("references", "application", "outcome", "decided_on", "reasons_code")
WITHDRAWN = ("references", "application")
REFERENCES = ("references", "application")
Ending = tuple[Fact, Reason]
APPLICATIONS: Bodies = (ApplicationLodged, ApplicationWithdrawn, ApplicationDecided)


def application_lodged(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Somebody asks to lift or change an order that protects her. The prosecutor alone is served (CrimPR 31.5(2)): this
    hop is what reaches all others; of them a prison hears only while it holds him, and probation while it is known to
    supervise him. It ends when the application is withdrawn or decided, and when no order that it may be about is
    left."""
    hers = HerOrders(file, policy)
    endings = endings_of(file)
    for fact, lodged in file.of(ApplicationLodged):
        ending = endings.get(lodged.application)
        for concern in hers.applied(fact, lodged.references, lodged):
            if not concern.tells:
                yield from _withheld(hers, "application_lodged", fact, lodged, lodged.application, concern)
                continue
            indicators, behind = panel(hers, lodged, concern.orders[0] if len(concern.orders) == 1 else None)
            his = hers.protecting_from(fact, lodged.references, about=concern.orders)
            dates = (*_floor(policy, fact, lodged), *_still_binding(hers, concern, his))
            about = of_application(hers, "application_lodged", fact, lodged, lodged.application, concern, dates)
            about = replace(
                about,
                grounds=(*about.grounds, *his.facts),
                statutory_from=lodged.served_on_prosecutor_at or lodged.lodged_at,
            )
            about = until_it_ends(about, concern, ending)
            to_tell = replace(
                about,
                grounds=(*about.grounds, *behind),
                matter=(*shown(fact, LODGED), *indicators, *about.matter),
                texts=_texts(lodged, concern, indicators),
            )
            if concern.victim.held is not None:
                yield from tell(file, policy, to_tell)
                continue
            kinds = frozenset(row.kind for row in policy.route(to_tell.route, to_tell.on).recipients)
            yield from tell(file, policy, replace(to_tell, only_kinds=kinds - HIS))
            yield from _those_who_deal_with_him(hers, fact, concern, about)


def _those_who_deal_with_him(hers: HerOrders, fact: Fact, concern: Concern, about: Matter) -> Iterator[Statement]:
    """The prison that holds him and the probation service that supervises him, if any is known to (domain 2.5)."""
    him = hers.register.men.of(fact).together(order.man for order in concern.orders)
    sentences = tuple(supervising(hers.protection, him, about.on, hers.policy))
    to_tell = replace(
        about,
        grounds=(*about.grounds, *sentences),
        matter=(*shown(fact, LODGED_TO_HIS), *about.matter),
        texts=_order_stands(concern),
    )
    why_not = dict[str, Reason]()
    if not is_held(hers.protection, concern.orders, about.on):
        why_not["prison"] = Reason.NOT_IN_CUSTODY
    if not sentences:
        why_not["probation"] = Reason.SUPERVISION_NOT_KNOWN
    yield from tell_but_for(hers.file, hers.policy, replace(to_tell, only_kinds=HIS), why_not)


def application_withdrawn(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The applicant took it back: withdrawal, like refusal, is when he blames her."""
    hers, lodged = HerOrders(file, policy), _lodged(file)
    for fact, body in file.of(ApplicationWithdrawn):
        yield from _over(hers, "application_withdrawn", fact, body, lodged.get(body.application), WITHDRAWN)


def application_decided(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Granted, granted in part or refused; the state of the order afterwards comes as a fact of its own."""
    hers, lodged = HerOrders(file, policy), _lodged(file)
    for fact, body in file.of(ApplicationDecided):
        yield from _over(hers, "application_decided", fact, body, lodged.get(body.application), DECIDED)


def application_unconfirmed(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Tell those who can find out about an application in her case whose order nobody has attributed, by references
    alone. The court's decision is told separately: the order may be gone."""
    hers = HerOrders(file, policy)
    lodged, endings = _lodged(file), endings_of(file)
    for fact, body in _applications(file):
        _, asked = lodged.get(body.application, (None, None))
        event = _event(body)
        about = str(ApplicationPlace(body.application, None if body is asked else event))
        ending = endings.get(body.application)
        for concern in hers.applied(fact, body.references, asked):
            if concern.how is not How.NOT_CONFIRMED:
                yield from _withheld(hers, "application_unconfirmed", fact, body, about, concern)
                continue
            matter = (*derived("event", event, DataClass.R), *shown(fact, REFERENCES))
            to_tell = of_application(hers, "application_unconfirmed", fact, body, about, concern, matter)
            if body is asked:
                to_tell = until_it_ends(to_tell, concern, ending)
            yield from tell(file, policy, to_tell)


def until_it_ends(to_tell: Matter, concern: Concern, ending: Ending | None) -> Matter:
    """The same until the court or the applicant ends the application, or until no order is left to vary or discharge
    (DPP v Hall [2005] EWHC 2612 (Admin))."""
    if ending is not None:
        return replace(to_tell, met_by=(ending[0],), ended=ending[1])
    if to_tell.ended is not None:
        return to_tell
    left = [order for order in concern.orders if order.state not in ENDED]
    if concern.orders and not left:
        return while_it_stands(to_tell, concern.orders[0])
    ends = [end for end in map(ends_at, left) if end is not None]
    if not left or len(ends) < len(left):
        return to_tell
    return replace(to_tell, lapses=max(ends), lapses_as=Reason.ORDER_EXPIRED)


def _event(body: ApplicationLodged | ApplicationWithdrawn | ApplicationDecided) -> str:
    """What happened, in one word."""
    match body:
        case ApplicationLodged():
            return "application_lodged"
        case ApplicationWithdrawn():
            return "application_withdrawn"
        case ApplicationDecided():
            return f"application_{body.outcome}"


def _over(
    hers: HerOrders,
    rule: str,
    fact: Fact,
    body: ApplicationWithdrawn | ApplicationDecided,
    lodged: tuple[Fact, ApplicationLodged] | None,
    names: tuple[str, ...],
) -> Iterator[Statement]:
    """The end of an application is told even if its lodging is not known here, if a person has said that it is about
    her."""
    for concern in hers.applied(fact, body.references, lodged[1] if lodged else None):
        if not concern.tells:
            yield from _withheld(hers, rule, fact, body, body.application, concern)
            continue
        his = hers.protecting_from(fact, body.references, about=concern.orders)
        matter = (
            *shown(fact, names),
            *(derived("asked_to", lodged[1].action, DataClass.D) if lodged else ()),
            *_still_binding(hers, concern, his, _granted_on(body)),
        )
        to_tell = of_application(hers, rule, fact, body, body.application, concern, matter)
        grounds = (*to_tell.grounds, *(lodged[:1] if lodged else ()), *his.facts)
        yield from tell(hers.file, hers.policy, replace(to_tell, grounds=grounds))


def _granted_on(body: ApplicationWithdrawn | ApplicationDecided) -> date | None:
    return body.decided_on if isinstance(body, ApplicationDecided) and body.outcome in ("granted", "part") else None


def shown(fact: Fact, names: tuple[str, ...]) -> Iterator[Item]:
    for name in names:
        yield from show(fact, name)


def _still_binding(hers: HerOrders, concern: Concern, his: FromHim, granted_on: date | None = None) -> Iterator[Item]:
    """What still protects her, with the order sought and its state: she may believe that an application lifts it.

    `his`: all that protects her from him. `granted_on`: the day on which the court allowed the application; the
    state of the order is then known only from a result of that day or later.
    """
    if concern.how is How.MAY_BE_HERS:
        yield from derived("which_order", concern.how, DataClass.R)
    for order in filter(hers.protection.protects_her, concern.orders):
        yield from derived("order", order.place, DataClass.R)
        if granted_on is None or order.changed_since(granted_on) or not order.in_force:
            yield from stands_now(order)
        else:
            place = order.place
            changed = "changed_by_the_court_how_is_not_known_yet"
            yield from derived("order_is_now", changed, DataClass.D, Form.STATE, place, present=Present())
    if not concern.orders:
        known = "not_known_which" if his.binds or his.unsure else "not_known_here"
        yield from derived("order", known, DataClass.R)
    yield from still_binding(his, frozenset(order.place for order in concern.orders))


def _floor(policy: Policy, fact: Fact, lodged: ApplicationLodged) -> Iterator[Item]:
    """The court may allow it only 14 days after service on those who must be served, and may shorten that (CrimPR
    31.5(4)-(5)): a floor, never a promise."""
    served = lodged.served_on_prosecutor_at
    if served is not None:
        floor = policy.due(served, policy.clock("notification_before_allowing", london_day(served)))
        yield from derived("not_allowed_before_unless_time_is_shortened", london_day(floor), DataClass.T)
    soon = _soon_from(policy, lodged)
    if served is None or lodged.mode == "oral_in_court" or (soon is not None and soon <= fact.at):
        yield from derived("could_be_decided", "now", DataClass.T)
    elif soon is not None:
        yield from derived("could_be_decided", "now", DataClass.T, present=Present(since=soon))


def _texts(lodged: ApplicationLodged, concern: Concern, indicators: tuple[Item, ...]) -> tuple[str, ...]:
    which = ("say_which_order_and_whom_it_protects",) if concern.how is How.MAY_BE_HERS else ()
    proposed = ("place_term_needs_a_safety_check",) if lodged.place_term_proposed else ()
    return (*_order_stands(concern), *which, *proposed, *(("indicators",) if indicators else ()))


def _order_stands(concern: Concern) -> tuple[str, ...]:
    return ("order_stands_until_decided",) if all(order.in_force for order in concern.orders) else ()


def _soon_from(policy: Policy, lodged: ApplicationLodged) -> datetime | None:
    """From when on less than the policy's days are left before the hearing; it may be listed later than that."""
    if lodged.hearing_at is None:
        return None
    return policy.before(lodged.hearing_at, policy.clock("could_be_decided_now", london_day(lodged.lodged_at)))


def endings_of(file: CaseFile) -> dict[str, Ending]:
    ended = {body.application: (fact, Reason.APPLICATION_WITHDRAWN) for fact, body in file.of(ApplicationWithdrawn)}
    return ended | {body.application: (fact, Reason.APPLICATION_DECIDED) for fact, body in file.of(ApplicationDecided)}


def _lodged(file: CaseFile) -> dict[str, tuple[Fact, ApplicationLodged]]:
    return {body.application: (fact, body) for fact, body in file.of(ApplicationLodged)}


def _applications(
    file: CaseFile,
) -> Iterator[tuple[Fact, ApplicationLodged | ApplicationDecided | ApplicationWithdrawn]]:
    """All that is known of applications: lodged, decided, withdrawn."""
    yield from file.of(ApplicationLodged)
    yield from file.of(ApplicationDecided)
    yield from file.of(ApplicationWithdrawn)


def _subject(about: str, concern: Concern) -> str:
    return subjects.of_person(about, concern.victim.place)


def of_application(
    hers: HerOrders,
    rule: str,
    fact: Fact,
    body: Referring,
    about: str,
    concern: Concern,
    matter: tuple[Item, ...],
) -> Matter:
    """Until he dies: the court ends proceedings then."""
    victim = concern.victim
    men = hers.register.men
    died = hers.register.death_of(men.of(fact).together(order.man for order in concern.orders))
    return Matter(
        rule=rule,
        route=rule,
        subject=_subject(about, concern),
        person=victim.place,
        held=victim.held,
        areas=victim.areas(body.references.court_ou),
        on=london_day(body.occurred_at),
        recorded_at=fact.at,
        grounds=(fact, victim.fact, *concern.facts),
        matter=(*matter, *victim.named()),
        met_by=died,
        ended=Reason.DEFENDANT_DIED if died else None,
    )


def _withheld(
    hers: HerOrders, rule: str, fact: Fact, body: Referring, about: str, concern: Concern
) -> Iterator[Statement]:
    to_tell = of_application(hers, rule, fact, body, about, concern, ())
    yield from tell_nobody(hers.file, hers.policy, to_tell, OTHERWISE[concern.how])


RULES = (
    Rule(
        "application_lodged",
        application_lodged,
        title="Application to the court about the order that protects her",
        routes=("application_lodged", *INSTEAD),
        reads=(*READ_BY_THE_REGISTER, ApplicationWithdrawn),
        needs=(ApplicationLodged,),
        clocks=(
            "could_be_decided_now",
            "indicator_recent_incident",
            "indicator_soon_after_order",
            "notification_before_allowing",
            CLOCK,
        ),
    ),
    Rule(
        "application_withdrawn",
        application_withdrawn,
        title="Application about the order that protects her, withdrawn",
        routes=("application_withdrawn", *INSTEAD),
        reads=(*READ_BY_THE_REGISTER, ApplicationWithdrawn),
        needs=(ApplicationWithdrawn,),
    ),
    Rule(
        "application_decided",
        application_decided,
        title="Application about the order that protects her, decided by the court",
        routes=("application_decided", *INSTEAD),
        reads=READ_BY_THE_REGISTER,
        needs=(ApplicationDecided,),
    ),
    Rule(
        "application_unconfirmed",
        application_unconfirmed,
        title="Application in her case: not confirmed whom the order protects",
        routes=("application_unconfirmed", *INSTEAD),
        reads=(*READ_BY_THE_REGISTER, ApplicationWithdrawn),
        needs=APPLICATIONS,
    ),
)
