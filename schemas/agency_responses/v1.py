"""What people at agencies say back: answers to notifications, links, and whom an order protects (v1)."""

from collections.abc import Collection, Iterator
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from schemas import attachments, identifiers, matters
from schemas import values as v
from schemas.classes import CHILD, REFERENCE
from schemas.doubts import Doubt, DoubtReason
from schemas.fact_types import FactType, Unlinked, Version
from schemas.places import NONE, Linked, child_place, read_case, read_linked


class DeclineReason(StrEnum):
    """Why an agency does not take it on."""

    OUT_OF_AREA = "out_of_area"
    NO_CAPACITY = "no_capacity"
    NOT_ELIGIBLE = "not_eligible"
    CANNOT_ACT = "cannot_act"
    ALREADY_DONE = "already_done"
    NOT_OURS = "not_ours"


class Decision(StrEnum):
    """What a person decided, coded: there is no free text, because answers may have to be disclosed."""

    ORDER_TO_BE_SOUGHT = "order_to_be_sought"
    ORDER_NOT_SOUGHT = "order_not_sought"
    RISK_GRADE_CONFIRMED = "risk_grade_confirmed"
    RISK_GRADE_RAISED = "risk_grade_raised"
    ROLES_RESOLVED = "roles_resolved"
    SERVICE_FOUND = "service_found"
    SAFETY_PLAN_MADE = "safety_plan_made"
    SAFE_ADDRESS_REVIEWED = "safe_address_reviewed"
    APPLICATION_SUPPORTED = "application_supported"
    APPLICATION_OPPOSED = "application_opposed"
    APPLICATION_NEUTRAL = "application_neutral"
    TIME_REQUESTED = "time_requested"
    VICTIM_INFORMED = "victim_informed"
    VICTIM_NOT_INFORMED = "victim_not_informed"
    HER_VIEWS_OBTAINED = "her_views_obtained"
    HER_VIEWS_DECLINED = "her_views_declined"
    NOT_SAFELY_REACHABLE = "not_safely_reachable"
    MARAC_REFERRAL_MADE = "marac_referral_made"
    SOCIAL_CARE_ASSESSMENT = "social_care_assessment"
    SECTION_47_ENQUIRY = "section_47_enquiry"
    NO_FURTHER_ACTION = "no_further_action"
    WELFARE_CHECK_MADE = "welfare_check_made"
    ANSWER_OBTAINED = "answer_obtained"
    SCHOOL_REACHED = "school_reached"
    CHILD_SEEN_TO = "child_seen_to"
    PROSECUTOR_NAMED = "prosecutor_named"
    SCHOOL_KEPT_BACK = "school_kept_back"


ALWAYS_REASONED = frozenset({Decision.ORDER_NOT_SOUGHT})  # others where an ask says so


class AgencyBody(v.Body):
    """Who at which agency says it. The actor is a pseudonym that only the agency can resolve."""

    agency: Annotated[v.AgencyId, REFERENCE]
    actor: Annotated[v.Pseudonym, REFERENCE]


class WithdrawnByAgency(v.Withdrawn, AgencyBody):
    """An agency takes back what it said; it says who it is, since not every agency may take everything back."""


class Answer(AgencyBody):
    """An answer to one notification. Subject: the notification's id.

    `meets`: the asks that it meets; a decision only if it is one of those asked for. `declines`: it does not take on
    what was asked. `decides`: it says what was decided.
    """

    meets: ClassVar[frozenset[str]] = frozenset()
    declines: ClassVar[bool] = False
    decides: ClassVar[bool] = False

    notification: Annotated[v.Reference, REFERENCE]

    @property
    def subject(self) -> str:
        return self.notification

    @property
    def code(self) -> str | None:
        """What it says in one coded word, where it says more than that it was given."""
        return None

    def lacks_reason(self, _needing: Collection[str] = ()) -> bool:
        """Whether it needs a coded reason, and has none: then it decides nothing."""
        return False


def _answer(name: str, body: type[Answer]) -> FactType:
    """How each answer is declared: it belongs to the notification that it answers, and leads where that one did."""
    return FactType(
        name=name,
        versions=(Version(body),),
        withdrawn=WithdrawnByAgency,
        own_reference=matters.under("notification:"),
        names=matters.none,
        attachment=attachments.NotificationAnswered(),
        unlinked=Unlinked(
            "unknown_notification", nobody_is_told="its sender is told that nothing was asked by that id"
        ),
        found_by=None,
    )


class Acknowledged(Answer):
    """A person has read it."""

    meets: ClassVar[frozenset[str]] = frozenset({"acknowledge"})


ACKNOWLEDGED = _answer("uk.agency.acknowledged", Acknowledged)


class Accepted(Answer):
    """The agency takes it on."""

    meets: ClassVar[frozenset[str]] = frozenset({"acknowledge", "accept"})


ACCEPTED = _answer("uk.agency.accepted", Accepted)


class Declined(Answer):
    """The agency does not take it on; the next able one is asked, at the old times."""

    declines: ClassVar[bool] = True

    reason: Annotated[DeclineReason, REFERENCE]

    @property
    def code(self) -> str:
        return self.reason


DECLINED = _answer("uk.agency.declined", Declined)


class Decided(Answer):
    """A person at the agency has decided."""

    meets: ClassVar[frozenset[str]] = frozenset({"acknowledge", "accept", "decide"})
    decides: ClassVar[bool] = True

    decision: Annotated[Decision, REFERENCE]
    reason: Annotated[v.Code | None, REFERENCE] = None

    @property
    def code(self) -> str:
        return self.decision

    def lacks_reason(self, needing: Collection[str] = ()) -> bool:
        return self.reason is None and self.decision in {*needing, *ALWAYS_REASONED}


DECIDED = _answer("uk.agency.decided", Decided)


SPELLINGS = {"case": identifiers.case, "order": identifiers.order}


class Linking(AgencyBody):
    """One statement for each reference of what it is about. Subject: `<what>/<reference>`; a case's reference is
    `<urn>/<asn or defendant id>`."""

    what: Annotated[Literal["case", "order", "application"], REFERENCE]
    reference: Annotated[v.Place, REFERENCE]

    @property
    def subject(self) -> str:
        return str(Linked(self.what, self.reference))

    @classmethod
    def subject_in_one_spelling(cls, subject: str) -> str:
        link = read_linked(subject)
        return str(link._replace(place=_spelt(link.what, link.place))) if link.place else subject

    @field_validator("reference", mode="before")
    @classmethod
    def _in_one_spelling(cls, written: Any, others: ValidationInfo) -> Any:
        return _spelt(others.data.get("what"), written) if isinstance(written, str) else written

    def doubted(self) -> Iterator[Doubt]:
        number = read_case(self.reference).number
        if self.what == "case" and number != NONE and not identifiers.urn(number):
            yield Doubt("reference", DoubtReason.IDENTIFIER_UNREADABLE)


def _case_of_link(link: Linking) -> Iterator[str]:
    if link.what != "application":
        yield from matters.of_case(matters.case_of(link.reference))


class LinkMade(Linking):
    """The reference is about these parties of these incidents."""

    parties: Annotated[tuple[v.PartyRef, ...], REFERENCE]


def _case_and_incidents(link: LinkMade) -> Iterator[str]:
    yield from _case_of_link(link)
    yield from (f"{matters.CRIME}{party.crime_reference}" for party in link.parties)


LINK_MADE = FactType(
    name="uk.agency.link-made",
    versions=(Version(LinkMade),),
    withdrawn=WithdrawnByAgency,
    own_reference=matters.linked_in,
    names=_case_and_incidents,
    attachment=attachments.PartiesOfLink(),
    unlinked=Unlinked("no_incident", nobody_is_told="`relay pending list` shows it to those who can mend it"),
    found_by=None,
)


class LinkRefused(Linking):
    """The reference is about nobody whom this scheme protects."""

    refused: Annotated[Literal["not_domestic_abuse", "not_ours", "duplicate"], REFERENCE]


LINK_REFUSED = FactType(
    name="uk.agency.link-refused",
    versions=(Version(LinkRefused),),
    withdrawn=WithdrawnByAgency,
    own_reference=matters.linked_in,
    names=_case_of_link,
    attachment=attachments.RefusalOfLink(),
    unlinked=Unlinked("no_reference", nobody_is_told="`relay pending list` shows it to those who can mend it"),
    found_by=None,
)


class AttributionConfirmed(AgencyBody):
    """Whom an order protects, all of them; empty: none of those known here. Subject: the order's place."""

    order: Annotated[v.OrderPlace, REFERENCE]
    protects: Annotated[tuple[v.PartyRef, ...], REFERENCE]

    @property
    def subject(self) -> str:
        return self.order

    @classmethod
    def subject_in_one_spelling(cls, subject: str) -> str:
        return identifiers.order(subject)


def _case_of_order_and_incidents(confirmed: AttributionConfirmed) -> Iterator[str]:
    yield from matters.of_case(matters.case_of(confirmed.order))
    yield from (f"{matters.CRIME}{party.crime_reference}" for party in confirmed.protects)


ATTRIBUTION_CONFIRMED = FactType(
    name="uk.agency.attribution-confirmed",
    versions=(Version(AttributionConfirmed),),
    withdrawn=WithdrawnByAgency,
    own_reference=matters.under(matters.ORDER),
    names=_case_of_order_and_incidents,
    attachment=attachments.ProtectedByOrder(),
    unlinked=Unlinked("no_order", nobody_is_told="`relay pending list` shows it to those who can mend it"),
    found_by=None,
)


class SchoolIdentified(AgencyBody):
    """Where a child is at school, as its local authority has found out: all schools, colleges and nurseries that it
    knows of. The child is named as whoever stated it does; `stated_by`: an agency, else police.

    Subject: `<the child's place>/school/<agency>`.
    """

    crime_reference: Annotated[v.Reference, REFERENCE]
    stated_by: Annotated[v.AgencyId | None, REFERENCE] = None
    child: Annotated[v.Number, REFERENCE]
    school_urns: Annotated[tuple[v.SchoolUrn, ...], Field(min_length=1), CHILD]

    @property
    def place(self) -> str:
        """The child's."""
        return child_place(self.crime_reference, self.child, self.stated_by)

    @property
    def subject(self) -> str:
        return f"{self.place}/school/{self.agency}"


SCHOOL_IDENTIFIED = FactType(
    name="uk.agency.school-identified",
    versions=(Version(SchoolIdentified),),
    withdrawn=WithdrawnByAgency,
    own_reference=matters.crime_in,
    names=matters.none,
    attachment=attachments.ViewOfIncident(),
    unlinked=Unlinked("no_incident", nobody_is_told="it says nothing of anybody before the incident comes"),
    found_by=None,
)


class HeldRoutes(StrEnum):
    """Which routes of an incident a specialist desk can release, each by itself."""

    SCHOOLS = "schools"
    CHILD_SERVICES = "child_services"


class RoutesReleased(AgencyBody):
    """Which routes of an incident of honour-based abuse, forced marriage or FGM the specialist desk has released after
    it checked for conflicts, all of them; empty: none any more. Subject: `<crime reference>/released/<agency>`."""

    crime_reference: Annotated[v.Reference, REFERENCE]
    released: Annotated[tuple[HeldRoutes, ...], REFERENCE]

    @property
    def subject(self) -> str:
        return f"{self.crime_reference}/released/{self.agency}"


ROUTES_RELEASED = FactType(
    name="uk.agency.routes-released",
    versions=(Version(RoutesReleased),),
    withdrawn=WithdrawnByAgency,
    own_reference=matters.crime_in,
    names=matters.none,
    attachment=attachments.ViewOfIncident(),
    unlinked=Unlinked("no_incident", nobody_is_told="it says nothing of anybody before the incident comes"),
    found_by=None,
)


def _spelt(what: Any, reference: str) -> str:
    return SPELLINGS[what](reference) if what in SPELLINGS else reference
