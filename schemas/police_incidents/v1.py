"""What police record systems say: incidents, the risk in them, the children, and the charges that follow (v1).

What a system did not say is None, or `unknown` where the list of values has it: an absent field is never a no.
"""

from collections.abc import Iterator
from datetime import UTC, date
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from schemas import attachments, births, identifiers, matters
from schemas import values as v
from schemas.classes import (
    ALLEGED,
    ASSESSED,
    CHILD,
    IDENTITY,
    IDENTITY_NAME,
    LOCATION,
    NARRATIVE,
    OFFENCE,
    RECORDED,
    REFERENCE,
    RELATIONSHIP,
    RISK,
    RISK_GRADE,
    SAFE_CONTACT_STATE,
    SENSITIVE,
    SUMMARY,
    TIME,
    Marked,
)
from schemas.doubts import Doubt
from schemas.fact_types import FactType, Unlinked, Version
from schemas.places import child_place, party_place

PARTNERS = frozenset(v.Relationship) - {v.Relationship.RELATIVE, v.Relationship.NOT_CONNECTED}


class AbuseType(StrEnum):
    """Kinds of abusive behaviour (DA Act 2021 s.1), with the three that change every route."""

    PHYSICAL = "physical"
    SEXUAL = "sexual"
    THREATENING = "threatening"
    CONTROLLING_COERCIVE = "controlling_coercive"
    ECONOMIC = "economic"
    PSYCHOLOGICAL = "psychological"
    STALKING = "stalking"
    HBA = "hba"
    FM = "fm"
    FGM = "fgm"
    OTHER = "other"


class LocationType(StrEnum):
    """What kind of place it was; the place itself is `location`."""

    HOME = "home"
    OTHER_HOME = "other_home"
    PUBLIC = "public"
    WORKPLACE = "workplace"
    SCHOOL = "school"
    ONLINE = "online"
    OTHER = "other"


class Injury(StrEnum):
    """The worst injury to anybody, as recorded."""

    NONE = "none"
    MINOR = "minor"
    SERIOUS = "serious"
    FATAL = "fatal"
    UNKNOWN = "unknown"


class RiskTool(StrEnum):
    """The checklist used; ticks are never compared across tools."""

    SAFELIVES_RIC_24 = "SafeLives-RIC-24"
    DASH_2009_27 = "DASH-2009-27"
    DARA = "DARA"
    S_DASH = "S-DASH"
    YP_DASH = "YP-DASH"
    OLDER_DASH = "Older-DASH"
    OTHER = "other"


class Grade(StrEnum):
    """The grade that the officer recorded, whatever the ticks say."""

    STANDARD = "standard"
    MEDIUM = "medium"
    HIGH = "high"


class SupportReferral(StrEnum):
    """What she said about a referral to support (Victims' Code right 4)."""

    AGREED = "agreed"
    DECLINED = "declined"
    NOT_ASKED = "not_asked"
    NOT_SAFE_TO_ASK = "not_safe_to_ask"


class Markers(v.Frozen):
    """Lethality markers, whatever the grade."""

    strangulation: Annotated[bool | None, RISK, ALLEGED] = None
    weapon: Annotated[bool | None, RISK, ALLEGED] = None
    threat_to_kill: Annotated[bool | None, RISK, ALLEGED] = None
    stalking: Annotated[bool | None, RISK, ALLEGED] = None
    sexual_violence: Annotated[bool | None, SENSITIVE, ALLEGED] = None
    suicide_threat: Annotated[tuple[v.Number, ...] | None, SENSITIVE, ALLEGED] = None
    pregnant: Annotated[bool | None, SENSITIVE] = None
    separation: Annotated[Literal["recent", "planned"] | None, RISK, ALLEGED] = None


class Answer(v.Frozen):
    """One question of the checklist, by its number there."""

    question: Annotated[v.Number, RISK]
    answer: Annotated[v.Tri, RISK]


class Risk(v.Frozen):
    """One assessment. The grade is what the officer recorded; the relay never rewrites it."""

    tool: Annotated[RiskTool, RISK]
    tool_version: Annotated[v.Code | None, RISK] = None
    grade: Annotated[Grade, RISK_GRADE]
    professional_judgement_high: Annotated[bool | None, RISK] = None
    answers: Annotated[tuple[Answer, ...], RISK] = ()
    tick_count: Annotated[int | None, Field(ge=0, le=60), RISK] = None
    override_reason: Annotated[v.Code | None, RISK] = None


class Connection(v.Frozen):
    """How a party is related to another party of the incident."""

    to_party: Annotated[v.Number, REFERENCE]
    relationship: Annotated[v.Relationship, RELATIONSHIP]
    current: Annotated[bool, RELATIONSHIP]


class Party(v.Frozen):
    """One person of the incident; `number` is the place that duties speak of."""

    number: Annotated[v.Number, REFERENCE]
    role: Annotated[v.Role, IDENTITY]
    record: Annotated[v.RecordId | None, REFERENCE] = None
    name: Annotated[v.Name | None, IDENTITY_NAME] = None
    date_of_birth: Annotated[births.BirthDate | None, IDENTITY] = None
    age: Annotated[int | None, Field(ge=0, le=130), IDENTITY] = None
    relationships: Annotated[tuple[Connection, ...], RELATIONSHIP] = ()
    residence: Annotated[v.Residence, LOCATION] = v.Residence()
    lives_with: Annotated[tuple[v.Number, ...], LOCATION, ALLEGED] = ()
    care_and_support_needs: Annotated[bool | None, SENSITIVE] = None
    position_of_trust: Annotated[Literal["children", "adults"] | None, IDENTITY] = None
    is_police: Annotated[bool | None, IDENTITY] = None
    language: Annotated[v.Code | None, SENSITIVE] = None
    interpreter_needed: Annotated[bool | None, SENSITIVE] = None
    school_urns: Annotated[tuple[v.SchoolUrn, ...], Field(description="of somebody under 18"), CHILD] = ()

    @property
    def born(self) -> date | None:
        """The date of birth, unless it is doubted."""
        return births.known(self.date_of_birth)

    def place_in(self, incident: "IncidentReported") -> str:
        """Whom this part of a body is about."""
        return party_place(incident.crime_reference, self.number)

    def doubted(self) -> Iterator[Doubt]:
        yield from births.doubted(self.date_of_birth)
        yield from births.doubted_age(self.age)


class IncidentReported(v.Body):
    """A domestic abuse incident as recorded. Subject: the crime reference."""

    crime_reference: Annotated[v.Reference, REFERENCE]
    incident_log: Annotated[v.Reference, REFERENCE]
    force_code: Annotated[v.ForceCode, REFERENCE]
    occurred_from: Annotated[v.Moment, TIME, ALLEGED]
    occurred_to: Annotated[v.Moment | None, TIME, ALLEGED] = None
    reported_at: Annotated[v.Moment, TIME]
    historic: Annotated[bool | None, TIME, ALLEGED] = None
    abuse_types: Annotated[tuple[AbuseType, ...], SUMMARY]
    location_type: Annotated[LocationType, SUMMARY]
    location: Annotated[v.Text | None, LOCATION] = None
    injury_level: Annotated[Injury, SUMMARY] = Injury.UNKNOWN
    circumstances: Annotated[v.Text | None, NARRATIVE] = None
    markers: Annotated[Markers | None, RISK] = None
    firearms_certificate: Annotated[Literal["yes", "no", "not_checked"] | None, Marked(None)] = None
    counter_allegation: Annotated[bool | None, SUMMARY, RECORDED] = None
    primary_perpetrator: Annotated[Literal["identified", "unresolved"] | None, SUMMARY, ASSESSED] = None
    parties: Annotated[tuple[Party, ...], Field(min_length=1), REFERENCE]
    support_referral: Annotated[SupportReferral, SUMMARY, RECORDED]
    safe_contact: Annotated[Literal["recorded_with_sender", "none", "unknown"], SAFE_CONTACT_STATE] = "unknown"
    safe_contact_recorded_on: Annotated[v.Day | None, SAFE_CONTACT_STATE] = None
    risk: Annotated[Risk, RISK]
    officer_unit: Annotated[v.Code | None, REFERENCE] = None
    dait_unit: Annotated[v.Code | None, REFERENCE] = None

    @property
    def subject(self) -> str:
        return self.crime_reference

    @property
    def roles_unresolved(self) -> bool:
        """Whether it is not settled who is victim and who is suspect: then each party may be a victim, whatever role is
        stated."""
        return self.primary_perpetrator == "unresolved" or any(p.role is v.Role.UNRESOLVED for p in self.parties)

    @field_validator("parties")
    @classmethod
    def _births_are_judged(cls, parties: tuple[Party, ...], info: ValidationInfo) -> tuple[Party, ...]:
        return tuple(_with_birth_judged(party, parties, info) for party in parties)

    @model_validator(mode="after")
    def _parties_are_numbered(self) -> Self:
        numbers = {party.number for party in self.parties}
        if len(numbers) != len(self.parties):
            raise ValueError("each party has a number of its own; one is there twice")
        named = {c.to_party for p in self.parties for c in p.relationships}
        named.update(n for p in self.parties for n in p.lives_with)
        named.update((self.markers.suicide_threat or ()) if self.markers else ())
        if not named <= numbers:
            raise ValueError(
                "a number that names a party of this incident names none; parties are named by their number"
            )
        return self


INCIDENT_REPORTED = FactType(
    name="uk.police.incident-reported",
    versions=(Version(IncidentReported),),
    own_reference=matters.crime_in,
    names=matters.none,
    attachment=attachments.PartiesOfIncident(),
    unlinked=Unlinked(None, nobody_is_told="it leads to its own parties"),
    found_by=None,
)


def _with_birth_judged(party: Party, parties: tuple[Party, ...], info: ValidationInfo) -> Party:
    """The party, with a date of birth and an age marked that cannot be right in this incident."""
    if not {"occurred_from", "reported_at"} <= info.data.keys():
        return party
    ties = list(party.relationships)
    ties += [c for other in parties for c in other.relationships if c.to_party == party.number]
    partner, suspect = any(tie.relationship in PARTNERS for tie in ties), party.role is v.Role.SUSPECT
    born = births.of_a_party(
        party.date_of_birth,
        age=party.age,
        partner=partner,
        suspect=suspect,
        occurred=info.data["occurred_from"].date(),
        reported=info.data["reported_at"].date(),
    )
    age = births.age_of_a_party(party.age, born, partner=partner, suspect=suspect)
    if born == party.date_of_birth and age is party.age:
        return party
    return party.model_copy(update={"date_of_birth": born, "age": age})


class RiskAssessed(v.Body):
    """A later view of the risk to one party, whole; it ends nothing.

    Subject: `<crime reference>/party/<n>/<assessor>/<occurred_at in UTC, to the second, as 2026-03-02T12:00:00Z>`. A
    higher version corrects this view; the next one of the same assessor is another.
    """

    crime_reference: Annotated[v.Reference, REFERENCE]
    party: Annotated[v.Number, REFERENCE]
    assessor: Annotated[v.Code, REFERENCE]
    risk: Annotated[Risk, RISK]
    lower_because: Annotated[v.Code | None, RISK, ASSESSED] = None

    def place_in(self, _: v.Body) -> str:
        """Whom this part of a body is about."""
        return party_place(self.crime_reference, self.party)

    @property
    def subject(self) -> str:
        when = self.occurred_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{party_place(self.crime_reference, self.party)}/{self.assessor}/{when}"


RISK_ASSESSED = FactType(
    name="uk.police.risk-assessed",
    versions=(Version(RiskAssessed),),
    own_reference=matters.crime_in,
    names=matters.none,
    attachment=attachments.ViewOfIncident(),
    unlinked=Unlinked("no_incident", nobody_is_told="it says nothing of anybody before the incident comes"),
    found_by=None,
)


class UnsafeAdult(StrEnum):
    """The adult who is not safe for the child, said by relationship to the child only."""

    FATHER = "father"
    MOTHER = "mother"
    STEP_PARENT = "step_parent"
    PARENTS_PARTNER = "parents_partner"
    SIBLING = "sibling"
    GRANDPARENT = "grandparent"
    OTHER_RELATIVE = "other_relative"
    OTHER = "other"
    UNKNOWN = "unknown"


class Child(v.Frozen):
    """A child who saw, heard or lives with the effects of it (DA Act 2021 s.3)."""

    number: Annotated[v.Number, REFERENCE]
    record: Annotated[v.RecordId | None, REFERENCE] = None
    name: Annotated[v.Name | None, CHILD] = None
    date_of_birth: Annotated[births.BirthDate | None, CHILD] = None
    unborn: Annotated[bool | None, CHILD] = None
    relation_to_victim: Annotated[v.Code, CHILD]
    present: Annotated[bool | None, CHILD, ALLEGED] = None
    heard_or_saw: Annotated[bool | None, CHILD, ALLEGED] = None
    injured: Annotated[bool | None, CHILD, ALLEGED] = None
    intervened: Annotated[bool | None, CHILD, ALLEGED] = None
    target: Annotated[bool | None, CHILD, ALLEGED] = None
    spoken_alone: Annotated[bool | None, CHILD] = None
    voice: Annotated[v.Text | None, CHILD] = None
    unsafe_adult: Annotated[UnsafeAdult, CHILD, ALLEGED] = UnsafeAdult.UNKNOWN
    residence: Annotated[v.Residence, LOCATION] = v.Residence()
    school_urns: Annotated[tuple[v.SchoolUrn, ...], CHILD]
    under_5_not_in_school: Annotated[bool | None, CHILD] = None
    home_educated: Annotated[bool | None, CHILD] = None
    childcare: Annotated[
        Literal["nursery", "childminder"] | None,
        Field(title="In childcare", description="whose number, as of a registered nursery, is not among the schools"),
        CHILD,
    ] = None
    another_school_today: Annotated[
        bool | None, Field(title="At another school today", description="and not known at which"), CHILD
    ] = None

    @property
    def born(self) -> date | None:
        """The date of birth, unless it is doubted."""
        return births.known(self.date_of_birth)

    def born_by(self, incident: date) -> date | None:
        """The date of birth, unless it is doubted in an incident of that day: who was not unborn then had been born."""
        return None if self.born is not None and self.born > incident and not self.unborn else self.born

    def place_in(self, linked: "ChildrenLinked") -> str:
        """Whom this part of a body is about."""
        return child_place(linked.crime_reference, self.number, linked.stated_by)

    def doubted(self) -> Iterator[Doubt]:
        yield from births.doubted(self.date_of_birth)


class ChildrenLinked(v.Body):
    """All children of an incident, as one speaker knows them; empty when there are none. Subject: the crime reference,
    or `<crime reference>/<agency>` where an agency says it."""

    crime_reference: Annotated[v.Reference, REFERENCE]
    stated_by: Annotated[v.AgencyId | None, REFERENCE] = None
    children: Annotated[tuple[Child, ...], CHILD]

    @field_validator("children")
    @classmethod
    def _births_are_judged(cls, children: tuple[Child, ...], info: ValidationInfo) -> tuple[Child, ...]:
        if "occurred_at" not in info.data:
            return children
        stated = info.data["occurred_at"].date()
        born = (births.of_a_child(c.date_of_birth, unborn=c.unborn is True, stated=stated) for c in children)
        return tuple(
            child if judged == child.date_of_birth else child.model_copy(update={"date_of_birth": judged})
            for child, judged in zip(children, born, strict=True)
        )

    @model_validator(mode="after")
    def _children_are_numbered(self) -> Self:
        if len({child.number for child in self.children}) != len(self.children):
            raise ValueError("each child has a number of its own; one is there twice")
        return self

    @property
    def sender(self) -> tuple[Literal["force", "court", "agency"], str | None]:
        return ("agency", self.stated_by) if self.stated_by is not None else super().sender

    @property
    def subject(self) -> str:
        return f"{self.crime_reference}/{self.stated_by}" if self.stated_by else self.crime_reference


CHILDREN_LINKED = FactType(
    name="uk.police.children-linked",
    versions=(Version(ChildrenLinked),),
    own_reference=matters.crime_in,
    names=matters.none,
    attachment=attachments.ChildrenOfIncident(),
    unlinked=Unlinked("no_incident", nobody_is_told="it says nothing of anybody before the incident comes"),
    found_by=None,
)


class PersonsMerged(v.Body):
    """Records that a record system knows to be one person's, all that are merged into this one; empty when none is any
    more. Subject: `<system>/<id>` of the record."""

    record: Annotated[v.RecordId, REFERENCE]
    merged: Annotated[tuple[v.RecordId, ...], Field(max_length=100), REFERENCE]

    @property
    def subject(self) -> str:
        return f"{self.record.system}/{self.record.id}"

    @model_validator(mode="after")
    def _records_are_different(self) -> Self:
        if len({self.record, *self.merged}) != 1 + len(self.merged):
            raise ValueError("each record is named once, and the one that is kept is not among those merged into it")
        return self


def _records(merge: PersonsMerged) -> Iterator[str]:
    return (matters.of_record(record.system, record.id) for record in (merge.record, *merge.merged))


PERSONS_MERGED = FactType(
    name="uk.police.persons-merged",
    versions=(Version(PersonsMerged),),
    own_reference=matters.under(matters.PERSON),
    names=_records,
    attachment=attachments.RecordsOfOnePerson(),
    unlinked=Unlinked(None, nobody_is_told="it tells of nobody by itself"),
    found_by=None,
)


class VictimView(v.Frozen):
    """What she said about an order; never decides whether a prompt is shown, only its words."""

    party: Annotated[v.PartyRef, REFERENCE]
    view: Annotated[Literal["wants", "does_not", "unknown"], SUMMARY, RECORDED]
    at: Annotated[v.Moment, TIME]
    by_role: Annotated[v.Code, REFERENCE]
    alone: Annotated[bool | None, SUMMARY, RECORDED] = None
    how: Annotated[v.Code | None, SUMMARY, RECORDED] = None

    def place_in(self, _: v.Body) -> str:
        """Whom this part of a body is about."""
        return self.party.place


class ChargedOffence(v.Frozen):
    """One offence of the charge and the incident parties it is about: this is what links courts to people."""

    sequence: Annotated[v.Number, REFERENCE]
    code: Annotated[v.Code, OFFENCE]
    crime_reference: Annotated[v.Reference, REFERENCE]
    parties: Annotated[tuple[v.Number, ...], REFERENCE]


class ChargePreferred(v.Body):
    """One defendant charged in one case. Subject: `<urn>/<asn or defendant id>`."""

    references: Annotated[v.References, REFERENCE]
    offences: Annotated[tuple[ChargedOffence, ...], REFERENCE]
    victim_views_on_order: Annotated[tuple[VictimView, ...], SUMMARY] = ()

    @property
    def subject(self) -> str:
        return v.case_place(self.references)

    @classmethod
    def subject_in_one_spelling(cls, subject: str) -> str:
        return identifiers.case(subject)


def _case_and_incidents(charge: ChargePreferred) -> Iterator[str]:
    yield from matters.of_case(charge.references)
    yield from (f"{matters.CRIME}{offence.crime_reference}" for offence in charge.offences)


CHARGE_PREFERRED = FactType(
    name="uk.police.charge-preferred",
    versions=(Version(ChargePreferred),),
    own_reference=matters.under("charge:"),
    names=_case_and_incidents,
    attachment=attachments.ChargedParties(),
    unlinked=Unlinked("no_incident"),
    found_by=None,
)
