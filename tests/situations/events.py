"""Turns what happens in a situation into the facts that sources would publish, with defaults that do not matter."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, cast

from schemas import values as v
from schemas.agency_responses import v1 as responses
from schemas.court_convictions import v1 as convictions
from schemas.court_order_variations import v1 as orders
from schemas.police_incidents import v1 as police
from schemas.streams import REGISTRY
from services.platform.domain.core.facts import Fact
from tests.situations import vocabulary as say
from tests.situations.moments import LONDON, day, moment
from tests.support import builders as b

AREAS = {"Larkmead": ("866", "54"), "Downland": ("865", "54"), "Severnmouth": ("916", "53"), "not stated": (None, None)}
FORCES = {"Westmarch": "54", "Severnmouth": "53"}
COURTS = {
    "Crown Court": (convictions.CourtType.CROWN, "C54SD00"),
    "magistrates' court": (convictions.CourtType.MAGISTRATES, "B54MW00"),
    "youth court": (convictions.CourtType.YOUTH, "B54MW00"),
    "court not known": (convictions.CourtType.UNKNOWN, "C54SD00"),
}
ORDERS = {
    "restraining order": ("3047", orders.LegalBasis.SA20_S360),
    "restraining order on acquittal": ("3260", orders.LegalBasis.PHA97_S5A),
    "sexual offence order": ("3081", orders.LegalBasis.SEXUAL_OFFENCES),
    "protection order": ("3326", orders.LegalBasis.DAPO),
    "stalking protection order": ("3307", orders.LegalBasis.SPO),
}
ANSWERS: dict[str, Callable[..., responses.Answer]] = {
    "acknowledged": b.acknowledged,
    "accepted": b.accepted,
    "declined": b.declined,
    "decided": b.decided,
}
NOT_KNOWN = "not known"
NOT_STATED = "not stated"
Orders = Mapping[str, str]
ADDRESS, CIRCUMSTANCES = "99 Nowhere Lane", "Invented circumstances"


def body_of(step: say.Step, at: datetime, made: Orders) -> v.Body:
    """What a source would state. `made`: the place of each order by day and kind, for what changes it."""
    return STATES[type(step)](step, at, made)


def answer_of(step: say.AnswerStep, at: datetime, notification: str) -> responses.Answer:
    given = {"decision": step.decision, "reason": step.reason}
    over = {name: value for name, value in given.items() if value is not None}
    return ANSWERS[step.answer](notification, occurred_at=at, agency=step.by, **over)


def orders_of(body: v.Body) -> Iterator[tuple[str, str]]:
    """The orders that a hearing makes, each by its day and kind, with its place."""
    if isinstance(body, orders.OrdersResulted):
        kinds = {code: kind for kind, (code, _) in ORDERS.items()}
        for one in body.orders:
            if one.action in {"imposed", "replaced"}:
                name = f"{body.hearing_on}/{kinds[one.code]}"
                yield name if one.number == 1 else f"{name}/{one.number}", body.place_of(one)


def fact_of(body: v.Body, at: datetime, version: int) -> Fact:
    return b.fact(body, version=version, at=at)


def _on(at: datetime) -> date:
    return at.astimezone(LONDON).date()


def _record(who: str) -> str:
    return who.lower().replace(" ", "-")


def _person(number: int, role: v.Role, person: say.Person, against: int) -> police.Party:
    la_code, force = AREAS[person.lives_in]
    name = person.who or {v.Role.VICTIM: "Vera", v.Role.SUSPECT: "Silas", v.Role.UNRESOLVED: f"Person {number}"}[role]
    known: dict[str, Any] = {"age": person.age if person.born else person.age or 34}
    if person.born:
        known["date_of_birth"] = day(person.born)
    return police.Party(
        number=number,
        role=role,
        record=None if name == NOT_KNOWN else b.record(_record(name)),
        name=f"{name} Situationtest",
        relationships=(b.connection(against, person.relationship),),
        residence=v.Residence(force=force, la_code=la_code),
        is_police=True if person.police else None,
        position_of_trust=person.works_with,
        care_and_support_needs=person.care_and_support_needs,
        school_urns=person.schools,
        **known,
    )


def _incident(step: say.IncidentStep, at: datetime, _: Orders) -> police.IncidentReported:
    if step.people:
        first, second = (person.number or n for n, person in enumerate(step.people[:2], 1))
        parties = tuple(
            _person(p.number or n, v.Role(p.role or "victim"), p, second if (p.number or n) == first else first)
            for n, p in enumerate(step.people, 1)
        )
    else:
        victim = _person(1, v.Role(step.victim.role or "victim"), step.victim, 2)
        suspect = _person(2, v.Role(step.suspect.role or "suspect"), step.suspect, 1)
        parties = (victim, suspect)
    reported = moment(step.reported, at) if step.reported else at
    marked: dict[str, Any] = {name: "recent" if name == "separation" else True for name in step.markers}
    if step.suicide_threat is not None:
        marked["suicide_threat"] = (step.suicide_threat,)
    known = step.safe_contact == "recorded_with_sender"
    return b.incident(
        step.incident,
        occurred_at=moment(step.occurred, at) if step.occurred else reported,
        occurred_from=moment(step.occurred, at) if step.occurred else reported,
        reported_at=reported,
        force_code=FORCES[step.force],
        abuse_types=step.abuse,
        location=ADDRESS,
        circumstances=CIRCUMSTANCES,
        markers=police.Markers.model_validate(marked) if marked else None,
        parties=parties,
        support_referral=step.support,
        primary_perpetrator="unresolved" if step.roles == "unresolved" else None,
        counter_allegation=step.counter_allegation,
        historic=step.historic,
        firearms_certificate=step.firearms,
        safe_contact=step.safe_contact,
        safe_contact_recorded_on=_on(reported) if known else None,
        risk=_risk(step),
    )


def _risk(step: say.Assessed) -> police.Risk:
    return b.risk(
        step.graded,
        tool=step.tool,
        answers=b.answers(yes=step.ticks, unknown=step.unknown, not_asked=step.not_asked),
        tick_count=step.tick_count,
        professional_judgement_high=step.judged_high,
    )


def _child(number: int, child: say.ChildSaid) -> police.Child:
    la_code, force = AREAS[child.lives_in]
    who = child.who or ("Cora" if number == 1 else f"Child {number}")
    return b.child(
        child.number or number,
        record=None if who == NOT_KNOWN else b.record(_record(who)),
        name=f"{who} Situationtest",
        date_of_birth=None if child.unborn or child.born == NOT_STATED else day(child.born),
        under_5_not_in_school=child.under_5_not_in_school,
        childcare=child.childcare,
        another_school_today=child.another_school_today,
        unborn=child.unborn,
        injured=child.injured,
        intervened=child.intervened,
        target=child.target,
        home_educated=child.home_educated,
        school_urns=() if child.home_educated or child.unborn else child.schools,
        unsafe_adult=child.unsafe_adult,
        residence=v.Residence(force=force, la_code=la_code),
    )


def _references(step: say.OfCase, **over: Any) -> v.References:
    return b.references(urn=step.urn, asn=step.asn, defendant_id=None if step.asn else "defendant-1", **over)


def _party(written: str) -> v.PartyRef:
    crime, _, number = written.partition("/")
    return b.party_ref(int(number), crime)


def _charge(step: say.ChargeStep, at: datetime, _: Orders) -> police.ChargePreferred:
    offences = (b.charged(each.number, each.incident, each.parties, each.code) for each in step.offences)
    views = tuple(_view(each, at) for each in step.her_views)
    return b.charge(*offences, references=_references(step), occurred_at=at, victim_views_on_order=views)


def _view(said: say.View, at: datetime) -> police.VictimView:
    when = moment(said.at, at)
    return police.VictimView(party=_party(said.party), view=said.view, at=when, by_role="oic", alone=said.alone)


def _hearing(step: say.HearingStep, at: datetime, _: Orders) -> convictions.HearingResulted:
    kind, court = COURTS[step.hearing]
    on = day(step.held_on) if step.held_on else _on(at)
    return b.hearing(
        *(_offence(each, on) for each in step.offences),
        occurred_at=at,
        references=_references(step, court_ou=court),
        court_ou=court,
        court_type=kind,
        hearing_on=on,
        defendant=b.defendant(name=step.defendant, date_of_birth=day(step.born) if step.born else None),
        da_finding_s56a="stated" if step.domestic_abuse_stated else "unknown",
        case_markers=step.case_markers,
        remand=step.remand,
        bail_conditions=tuple(convictions.BailCondition(code=code) for code in step.bail_conditions),
        custody=step.custody,
        next_hearing=convictions.NextHearing(court_ou=court, on=day(step.next)) if step.next else None,
    )


def _offence(said: say.Decided, on: date) -> convictions.ResultedOffence:
    convicted = said.verdict == "convicted"
    sentenced = day(said.sentenced) if said.sentenced else on if said.final and convicted else None
    return b.offence(
        said.number,
        code=said.code,
        verdict=None if said.verdict == "none" else said.verdict,
        verdict_code=None,
        verdict_date=None if said.verdict == "none" else on,
        final=said.final,
        sentenced_on=sentenced,
        results=tuple(b.result(code, ordered_date=on, qualifiers=said.qualifiers) for code in said.results),
    )


def _orders(step: say.OrdersStep, at: datetime, made: Orders) -> orders.OrdersResulted:
    _, court = COURTS[step.orders]
    on = day(step.held_on) if step.held_on else _on(at)
    return b.orders_resulted(
        *(_order(each, on, made) for each in step.are),
        occurred_at=at,
        references=_references(step, court_ou=court),
        court_ou=court,
        hearing_on=on,
        defendant=b.defendant(name=step.defendant),
    )


def _order(said: say.OrderSaid, on: date, made: Orders) -> orders.Order:
    code, basis = ORDERS[said.order]
    place = made[f"{day(said.made)}/{said.order}"] if said.made else None
    text = said.words is not None or said.zone is not None
    return b.order(
        code,
        number=said.number,
        action=said.action,
        order=place,
        legal_basis=basis,
        made_on=day(said.made) if said.made else on,
        until_further_order=None if said.ends else True,
        expires_on=day(said.ends) if said.ends else None,
        protected_persons=tuple(_protected(whom, said.named_in_text) for whom in said.protects),
        prohibitions=(orders.Prohibition(code="no_contact", text=said.words, zone=said.zone),) if text else (),
    )


def _protected(whom: str, named_in_text: bool) -> orders.ProtectedPerson:  # noqa: FBT001 - what the order says
    how = orders.Attribution.NAMED_IN_TEXT_UNCONFIRMED if named_in_text else orders.Attribution.CODED
    if "/" in whom:
        return orders.ProtectedPerson(role="victim", party=_party(whom), attribution=how)
    return orders.ProtectedPerson(role="other", record=b.record(_record(whom)), attribution=how)


def _application(step: say.ApplicationStep, at: datetime, made: Orders) -> orders.ApplicationLodged:
    return b.application(
        step.application,
        occurred_at=at,
        references=_references(step, application=step.application),
        action=step.asks_to,
        order=made[f"{day(step.made)}/restraining order"] if step.made else None,
        applicant_role=step.by,
        mode="oral_in_court" if step.oral else None,
        lodged_at=at,
        served_on_prosecutor_at=None if step.served == NOT_KNOWN else moment(step.served, at) if step.served else at,
        hearing_at=moment(step.hearing_at, at) if step.hearing_at else None,
        place_term_proposed=step.place_term_proposed,
        same_firm_as_defendant=step.same_firm,
        grounds_coded=step.grounds or None,
    )


def _risk_assessed(step: say.RiskStep, at: datetime, _: Orders) -> police.RiskAssessed:
    return b.risk_assessed(step.risk_assessed, step.party, step.assessor, occurred_at=at, risk=_risk(step))


def _children(step: say.ChildrenStep, at: datetime, _: Orders) -> police.ChildrenLinked:
    those = tuple(_child(number, child) for number, child in enumerate(step.are, 1))
    return b.children(step.children, occurred_at=at, children=those, stated_by=step.said_by)


def _application_end(step: say.ApplicationEndStep, at: datetime, _: Orders) -> v.Body:
    name = step.application_withdrawn or step.application_decided or ""
    references = _references(step, application=name)
    if step.application_withdrawn:
        return b.application_withdrawn(name, references=references, occurred_at=at)
    return b.application_decided(name, step.outcome, decided_on=_on(at), references=references, occurred_at=at)


def _attribution(step: say.AttributionStep, at: datetime, made: Orders) -> responses.AttributionConfirmed:
    place = made[f"{day(step.made)}/{step.order}"]
    return b.attribution(*map(_party, step.order_protects), order=place, occurred_at=at, agency=step.said_by)


def _merge(step: say.MergeStep, at: datetime, _: Orders) -> police.PersonsMerged:
    kept, *others = map(_record, step.one_person)
    return b.merged(kept, *others, occurred_at=at)


def _answer_to_nothing(step: say.AnswerStep, at: datetime, _: Orders) -> responses.Answer:
    return answer_of(step, at, "never-sent")


def _link(step: say.LinkStep, at: datetime, made: Orders) -> v.Body:
    what = step.linked or step.link_refused or "case"
    reference = {
        "case": f"{step.urn}/{step.asn}",
        "order": made.get(f"{day(step.made)}/restraining order", "") if step.made else "",
        "application": step.reference or "",
    }[what]
    said: dict[str, Any] = {"what": what, "reference": reference, "occurred_at": at, "agency": step.said_by}
    if step.linked:
        return b.link_made(*map(_party, step.to), **said)
    return b.link_refused(refused=step.because, **said)


def _fact(step: say.FactStep, at: datetime, _: Orders) -> v.Body:
    body = REGISTRY.facts[step.fact].newest
    return cast(v.Body, body.model_validate({"occurred_at": at, "force_code": FORCES["Westmarch"], **step.says}))


STATES: Mapping[type, Callable[..., v.Body]] = {
    say.IncidentStep: _incident,
    say.RiskStep: _risk_assessed,
    say.FactStep: _fact,
    say.ChildrenStep: _children,
    say.ChargeStep: _charge,
    say.HearingStep: _hearing,
    say.OrdersStep: _orders,
    say.ApplicationStep: _application,
    say.ApplicationEndStep: _application_end,
    say.LinkStep: _link,
    say.AttributionStep: _attribution,
    say.MergeStep: _merge,
    say.AnswerStep: _answer_to_nothing,
}
