"""Facts, parties and case files for tests: every field has a default, a test names only what matters to it.

Places: the victim is `CR1/party/1`, the suspect `CR1/party/2`, the child `CR1/child/1`. Each has a record by default,
so that several incidents join into the same file; `record=None` makes a person known by place alone. Areas, schools and
agencies are those that deploy/ ships.
"""

import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from schemas import places
from schemas import values as v
from schemas.agency_responses import v1 as responses
from schemas.court_convictions import v1 as convictions
from schemas.court_order_variations import v1 as orders
from schemas.court_order_variations.v1 import Attribution
from schemas.places import Place
from schemas.police_incidents import v1 as police
from schemas.streams import REGISTRY
from services.ops.policies import load
from services.platform.domain.core.facts import Answer, CaseFile, Fact, Key
from services.platform.domain.core.file_keys import FileKey, PlaceFile, RecordFile
from services.platform.domain.linking.links import files_of
from services.platform.policy.policy import Policy, PolicySet

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday in term, winter time
TODAY = NOON.date()
CRIME = "CR1"
URN = "54DC0012326"
ASN = "2654DC0100000000001A"
COURT = "C54SD00"
FORCE = "54"
LA = "866"
SYSTEM = "vale-records"
SCHOOL = "100001"
VICTIM, SUSPECT, CHILD = f"{CRIME}/party/1", f"{CRIME}/party/2", f"{CRIME}/child/1"
NAMESPACE = uuid.UUID("6f1d7e0a-6a1b-5c57-9c2e-0d7c0f6a5b11")


def kind_of(body: type[v.Body]) -> str:
    """`uk.police.incident-reported` for IncidentReported."""
    return REGISTRY.of_body[body].name


def fact(
    body: v.Body, *, version: int = 1, at: datetime | None = None, kind: str | None = None, subject: str | None = None
) -> Fact:
    """The body as an accepted fact; recorded when it occurred unless `at` says otherwise. The id says what it holds."""
    kind = kind or kind_of(type(body))
    subject = subject or str(body.subject)  # type: ignore[attr-defined]
    at = at or body.occurred_at
    content = f"{kind}|{subject}|{version}|{at.isoformat()}|{body.model_dump_json()}"
    return Fact(str(uuid.uuid5(NAMESPACE, content)), kind, subject, version, at, body)


def withdrawal(of: Fact, *, version: int | None = None, at: datetime | None = None) -> Fact:
    """A version of the same subject that takes it back."""
    said = {"occurred_at": at or of.at, "withdrawn": True, "correction_reason": v.CorrectionReason.RECORDED_WRONGLY}
    body: v.Body = v.Withdrawn.model_validate(said)
    if isinstance(of.body, responses.AgencyBody):
        body = responses.WithdrawnByAgency.model_validate(said | of.body.model_dump(include={"agency", "actor"}))
    return fact(body, version=version or of.version + 1, at=at or of.at, kind=of.kind, subject=of.subject)


def record(number: str, system: str = SYSTEM) -> v.RecordId:
    return v.RecordId(system=system, id=number)


def residence(force: str | None = FORCE, la_code: str | None = LA) -> v.Residence:
    return v.Residence(force=force, la_code=la_code)


def victim(number: int = 1, **over: Any) -> police.Party:
    fields: dict[str, Any] = {
        "number": number,
        "role": v.Role.VICTIM,
        "record": record(f"victim-{number}"),
        "name": "Vera Victimtest",
        "age": None if isinstance(over.get("date_of_birth"), date) else 34,
        "relationships": (connection(2),),
        "residence": residence(),
    }
    return police.Party(**fields | over)


def suspect(number: int = 2, **over: Any) -> police.Party:
    fields: dict[str, Any] = {
        "number": number,
        "role": v.Role.SUSPECT,
        "record": record(f"suspect-{number}"),
        "name": "Silas Suspecttest",
        "age": None if isinstance(over.get("date_of_birth"), date) else 36,
        "relationships": (connection(1),),
        "residence": residence(),
    }
    return police.Party(**fields | over)


def connection(
    to_party: int, relationship: v.Relationship = v.Relationship.INTIMATE, *, current: bool = True
) -> police.Connection:
    return police.Connection(to_party=to_party, relationship=relationship, current=current)


def child(number: int = 1, **over: Any) -> police.Child:
    fields: dict[str, Any] = {
        "number": number,
        "record": record(f"child-{number}"),
        "name": "Cora Childtest",
        "date_of_birth": date(2017, 5, 4),
        "relation_to_victim": "child",
        "present": True,
        "heard_or_saw": True,
        "unsafe_adult": police.UnsafeAdult.FATHER,
        "residence": residence(),
        "school_urns": (SCHOOL,),
    }
    return police.Child(**fields | over)


def risk(grade: police.Grade = police.Grade.HIGH, **over: Any) -> police.Risk:
    fields: dict[str, Any] = {"tool": police.RiskTool.DASH_2009_27, "grade": grade}
    return police.Risk(**fields | over)


def answers(*, yes: int = 0, unknown: int = 0, not_asked: int = 0, no: int = 0) -> tuple[police.Answer, ...]:
    """A checklist with so many answers of each sort, numbered from 1."""
    given = [v.Tri.YES] * yes + [v.Tri.UNKNOWN] * unknown + [v.Tri.NOT_ASKED] * not_asked + [v.Tri.NO] * no
    return tuple(police.Answer(question=n, answer=answer) for n, answer in enumerate(given, 1))


def incident(crime: str = CRIME, **over: Any) -> police.IncidentReported:
    """One victim, one suspect, graded high, support agreed."""
    at = over.get("occurred_at", over.get("reported_at", NOON))
    fields: dict[str, Any] = {
        "occurred_at": at,
        "force_code": FORCE,
        "crime_reference": crime,
        "incident_log": f"LOG-{crime}",
        "occurred_from": at,
        "reported_at": at,
        "abuse_types": (police.AbuseType.PHYSICAL,),
        "location_type": police.LocationType.HOME,
        "injury_level": police.Injury.MINOR,
        "parties": (victim(), suspect()),
        "support_referral": police.SupportReferral.AGREED,
        "safe_contact": "recorded_with_sender",
        "safe_contact_recorded_on": at.date(),
        "risk": risk(),
    }
    return police.IncidentReported(**fields | over)


def risk_assessed(crime: str = CRIME, party: int = 1, assessor: str = "dait", **over: Any) -> police.RiskAssessed:
    fields: dict[str, Any] = {
        "occurred_at": NOON,
        "force_code": FORCE,
        "crime_reference": crime,
        "party": party,
        "assessor": assessor,
        "risk": risk(),
    }
    return police.RiskAssessed(**fields | over)


def children(crime: str = CRIME, *those: police.Child, **over: Any) -> police.ChildrenLinked:
    """One child unless others are given; `children=()` for none."""
    fields: dict[str, Any] = {
        "occurred_at": NOON,
        "force_code": FORCE,
        "crime_reference": crime,
        "children": those or (child(),),
    }
    return police.ChildrenLinked(**fields | over)


def merged(kept: str, *others: str, **over: Any) -> police.PersonsMerged:
    """Records of one person, by their numbers."""
    fields: dict[str, Any] = {
        "occurred_at": NOON,
        "force_code": FORCE,
        "record": record(kept),
        "merged": tuple(map(record, others)),
    }
    return police.PersonsMerged(**fields | over)


def charged(
    sequence: int = 1, crime: str = CRIME, parties: tuple[int, ...] = (1, 2), code: str = "OF61102"
) -> police.ChargedOffence:
    return police.ChargedOffence(sequence=sequence, code=code, crime_reference=crime, parties=parties)


def charge(*offences: police.ChargedOffence, **over: Any) -> police.ChargePreferred:
    fields: dict[str, Any] = {
        "occurred_at": NOON,
        "force_code": FORCE,
        "references": references(),
        "offences": offences or (charged(),),
    }
    return police.ChargePreferred(**fields | over)


def references(**over: Any) -> v.References:
    fields: dict[str, Any] = {"urn": URN, "asn": ASN, "court_ou": COURT}
    return v.References(**fields | over)


def hearing_place(on: date = TODAY, court_ou: str = COURT, refs: v.References | None = None) -> str:
    return v.hearing_place(refs or references(court_ou=court_ou), court_ou, on)


def defendant(**over: Any) -> convictions.Defendant:
    fields: dict[str, Any] = {"name": "Silas Suspecttest", "date_of_birth": date(1989, 2, 3)}
    return convictions.Defendant(**fields | over)


def result(code: str = "1015", **over: Any) -> convictions.Result:
    fields: dict[str, Any] = {"cjs_result_code": code, "ordered_date": TODAY}
    return convictions.Result(**fields | over)


def offence(sequence: int = 1, **over: Any) -> convictions.ResultedOffence:
    """Convicted and sentenced, for good, at this hearing."""
    fields: dict[str, Any] = {
        "sequence": sequence,
        "code": "OF61102",
        "title": "Assault occasioning actual bodily harm",
        "verdict": convictions.Verdict.CONVICTED,
        "verdict_code": "G",
        "verdict_date": TODAY,
        "final": True,
        "sentenced_on": TODAY,
        "results": (result(),),
    }
    return convictions.ResultedOffence(**fields | over)


def hearing(*offences: convictions.ResultedOffence, **over: Any) -> convictions.HearingResulted:
    """A Crown Court hearing of the charge."""
    refs = over.get("references", references())
    on, court_ou = over.get("hearing_on", TODAY), over.get("court_ou", COURT)
    fields: dict[str, Any] = {
        "occurred_at": NOON,
        "force_code": FORCE,
        "references": refs,
        "hearing": v.hearing_place(refs, court_ou, on),
        "court_ou": court_ou,
        "court_type": convictions.CourtType.CROWN,
        "hearing_on": on,
        "defendant": defendant(),
        "offences": offences or (offence(),),
    }
    return convictions.HearingResulted(**fields | over)


def protected(
    party: int | None = 1, crime: str = CRIME, attribution: Attribution = Attribution.CODED
) -> orders.ProtectedPerson:
    ref = v.PartyRef(crime_reference=crime, party=party) if party else None
    return orders.ProtectedPerson(role="victim", party=ref, attribution=attribution)


def order(code: str = "3047", **over: Any) -> orders.Order:
    """A restraining order imposed until further order, that names nobody by code."""
    fields: dict[str, Any] = {
        "action": orders.OrderAction.IMPOSED,
        "code": code,
        "legal_basis": orders.LegalBasis.SA20_S360,
        "offences": (1,),
        "made_on": TODAY,
        "until_further_order": True,
    }
    return orders.Order(**fields | over)


def orders_resulted(*those: orders.Order, **over: Any) -> orders.OrdersResulted:
    """What one hearing did to orders: nothing unless some are given."""
    refs = over.get("references", references())
    on, court_ou = over.get("hearing_on", TODAY), over.get("court_ou", COURT)
    fields: dict[str, Any] = {
        "occurred_at": NOON,
        "force_code": FORCE,
        "references": refs,
        "hearing": v.hearing_place(refs, court_ou, on),
        "court_ou": court_ou,
        "hearing_on": on,
        "defendant": defendant(),
        "orders": those,
    }
    return orders.OrdersResulted(**fields | over)


def order_at(on: date = TODAY, code: str = "3047", number: int = 1) -> str:
    """The place of the order that the default hearing of that day imposed."""
    return places.order_place(hearing_place(on), code, number)


def application(reference: str = "APP1", **over: Any) -> orders.ApplicationLodged:
    """The defendant asks, in writing, to lift the order made at the default hearing."""
    fields: dict[str, Any] = {
        "occurred_at": NOON,
        "force_code": FORCE,
        "application": reference,
        "references": references(application=reference),
        "action": "discharge",
        "order": order_at(),
        "applicant_role": orders.ApplicantRole.DEFENDANT,
        "lodged_at": NOON,
        "served_on_prosecutor_at": NOON,
    }
    return orders.ApplicationLodged(**fields | over)


def application_withdrawn(reference: str = "APP1", **over: Any) -> orders.ApplicationWithdrawn:
    fields: dict[str, Any] = {
        "occurred_at": NOON,
        "application": reference,
        "references": references(application=reference),
    }
    return orders.ApplicationWithdrawn(**fields | over)


def application_decided(reference: str = "APP1", outcome: str = "refused", **over: Any) -> orders.ApplicationDecided:
    fields: dict[str, Any] = {
        "occurred_at": NOON,
        "application": reference,
        "references": references(application=reference),
        "outcome": outcome,
        "decided_on": TODAY,
    }
    return orders.ApplicationDecided(**fields | over)


SAYS: Mapping[str, Any] = {"occurred_at": NOON, "agency": "idva-larkmead", "actor": "worker-1"}


def acknowledged(notification: str = "note-1", **over: Any) -> responses.Acknowledged:
    return responses.Acknowledged(**{**SAYS, "notification": notification, **over})


def accepted(notification: str = "note-1", **over: Any) -> responses.Accepted:
    return responses.Accepted(**{**SAYS, "notification": notification, **over})


def declined(notification: str = "note-1", **over: Any) -> responses.Declined:
    fields = {**SAYS, "notification": notification, "reason": responses.DeclineReason.NO_CAPACITY}
    return responses.Declined(**fields | over)


def decided(notification: str = "note-1", **over: Any) -> responses.Decided:
    fields = {**SAYS, "notification": notification, "decision": responses.Decision.SAFETY_PLAN_MADE}
    return responses.Decided(**fields | over)


def party_ref(party: int = 1, crime: str = CRIME) -> v.PartyRef:
    return v.PartyRef(crime_reference=crime, party=party)


def link_made(
    *parties: v.PartyRef, what: str = "case", reference: str = f"{URN}/{ASN}", **over: Any
) -> responses.LinkMade:
    fields = {**SAYS, "agency": "dait-54", "what": what, "reference": reference, "parties": parties or (party_ref(),)}
    return responses.LinkMade(**fields | over)


def link_refused(what: str = "case", reference: str = f"{URN}/{ASN}", **over: Any) -> responses.LinkRefused:
    fields = {**SAYS, "agency": "dait-54", "what": what, "reference": reference, "refused": "not_domestic_abuse"}
    return responses.LinkRefused(**fields | over)


def attribution(*protects: v.PartyRef, order: str | None = None, **over: Any) -> responses.AttributionConfirmed:
    fields = {**SAYS, "agency": "dait-54", "order": order or order_at(), "protects": protects}
    return responses.AttributionConfirmed(**fields | over)


def places_in(facts: tuple[Fact, ...]) -> dict[Place, FileKey]:
    """Each place that these facts state, with the key of the person there."""
    persons: dict[Place, FileKey] = {}
    for each in facts:
        if isinstance(each.body, police.IncidentReported):
            stated = [(places.party_place(each.body.crime_reference, p.number), p.record) for p in each.body.parties]
        elif isinstance(each.body, police.ChildrenLinked):
            body = each.body
            stated = [
                (places.child_place(body.crime_reference, c.number, body.stated_by), c.record) for c in body.children
            ]
        else:
            continue
        persons |= {place: RecordFile(r.system, r.id).key if r else PlaceFile(place).key for place, r in stated}
    return persons


def case_file(
    *facts: Fact,
    of: str = VICTIM,
    links: Mapping[str, tuple[str, ...]] | None = None,
    unlinked: Mapping[str, str] | None = None,
    answers: tuple[Answer, ...] = (),
) -> CaseFile:
    """The file of the person at a place (or of a `unlinked:` key), with just these facts in it."""
    persons = places_in(facts)
    key = of if of.startswith("unlinked:") else persons.get(Place(of), PlaceFile(Place(of)).key)
    return CaseFile(FileKey(key), tuple(facts), persons, links or {}, unlinked or {}, answers)


def linked_file(*facts: Fact, of: str = VICTIM) -> CaseFile:
    """The file of the person at a place, as the linker makes it; empty where nothing leads there."""
    key = places_in(facts).get(Place(of), PlaceFile(Place(of)).key)
    return files_of(facts).get(FileKey(key), CaseFile(FileKey(key)))


@cache
def shipped() -> PolicySet:
    """The policy and agencies that the repository ships."""
    deploy = Path(__file__).parents[2] / "deploy"
    return load(deploy / "policy", deploy / "agencies")


def policy(at: datetime = NOON) -> Policy:
    return shipped().at(at)


def answer(body: responses.Answer, key: Key, revision: int = 1) -> Answer:
    """An answer resolved to the duty that its notification told."""
    return Answer(fact(body), key, revision)
