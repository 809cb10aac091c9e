"""What there is to say of an incident: enough to act on, and one victim's facts for her own agencies alone."""

from collections.abc import Iterable
from functools import lru_cache

from schemas.classes import DataClass, Form
from schemas.places import party_place
from schemas.police_incidents.v1 import Child, ChildrenLinked, IncidentReported, Party
from schemas.values import Role
from services.incidents.assessed import Assessment
from services.incidents.incident import Victim
from services.platform.domain.core.duties import Item
from services.platform.domain.core.facts import Fact
from services.platform.domain.core.matter import derived, show
from services.platform.policy.clocks import london_day
from services.platform.policy.policy import Policy

SAID_REMEMBERED = 2_000  # at about 2 kB: the rules of an evaluation, and the files of one incident, ask for the same

REFERENCES = ("crime_reference", "incident_log", "reported_at")
WHAT_HAPPENED = ("occurred_from", "occurred_to", "historic", "abuse_types", "location_type", "injury_level", "markers")
WHEN = ("occurred_from", "occurred_to")
OUTLINE = ("occurred_from", "occurred_to", "abuse_types", "location_type")
CONTACT = ("support_referral", "safe_contact", "safe_contact_recorded_on")
IDENTITY = ("role", "name", "date_of_birth", "age", "language", "interpreter_needed")
THE_CHILD = (
    *("name", "date_of_birth", "unborn", "relation_to_victim", "present", "heard_or_saw", "injured"),
    *("intervened", "target", "spoken_alone", "voice", "unsafe_adult", "childcare", "another_school_today"),
)


def of_victim(her: Victim, policy: Policy, *assessments: Assessment) -> tuple[Item, ...]:
    """What happened, who she is, who the suspects are to her, and these views of the risk."""
    return (
        *each(her.fact, REFERENCES + WHAT_HAPPENED + CONTACT),
        *safe_contact_goes_stale(her.incident, policy),
        *people(her.fact, her.incident, her.party),
        *(item for assessment in assessments for item in of_risk(assessment, her.place)),
    )


def sender_knows_how(incident: IncidentReported) -> bool:
    """Whether the police that recorded the incident hold a safe way to reach her; the way itself is never sent."""
    return incident.safe_contact == "recorded_with_sender"


def sender_is_asked(incident: IncidentReported) -> tuple[str, ...]:
    """The fixed text on whom to ask for a safe way to reach her."""
    return ("sender_knows_how",) if sender_knows_how(incident) else ()


def safe_contact_goes_stale(incident: IncidentReported, policy: Policy) -> tuple[Item, ...]:
    """From which day on the sender's record of a safe way is not fresh."""
    recorded_on = incident.safe_contact_recorded_on
    if recorded_on is None or not sender_knows_how(incident):
        return ()
    return derived("safe_contact_stale_from", policy.safe_contact_stale_from(recorded_on), DataClass.X, Form.STATE)


def people(fact: Fact, incident: IncidentReported, victim: Party) -> tuple[Item, ...]:
    """One victim and the suspects, with how each of them is related to her; no other victim (1.12 rule 14). While roles
    are unresolved, of her alone."""
    said: list[Item] = []
    for index, party in enumerate(incident.parties):
        if party is not victim and (party.role is not Role.SUSPECT or incident.roles_unresolved):
            continue
        said += identity(fact, incident, party)
        for number, connection in enumerate(party.relationships):
            if party is not victim and connection.to_party == victim.number:
                said += each(fact, ("relationship", "current"), f"parties.{index}.relationships.{number}.")
    return tuple(said)


def identity(fact: Fact, incident: IncidentReported, party: Party) -> tuple[Item, ...]:
    """Who somebody is; while roles are unresolved nobody is described by a role (1.12 rule 7)."""
    names = IDENTITY
    within = f"parties.{incident.parties.index(party)}."
    if not incident.roles_unresolved:
        return each(fact, names, within)
    place = party_place(incident.crime_reference, party.number)
    unresolved = derived("roles", "not_resolved", DataClass.R, about=place)
    return (*each(fact, tuple(name for name in names if name != "role"), within), *unresolved)


def of_risk(assessment: Assessment, about: str) -> tuple[Item, ...]:
    """The grade as it was recorded, the ticks as bare numbers, and which of them decides the route."""
    said = [*each(assessment.fact, ("tool", "grade", "professional_judgement_high", "override_reason"), "risk.", about)]
    if assessment.ticked:
        said += derived("risk.ticks", assessment.yes, DataClass.K, about=about, basis="assessed")
        said += derived("risk.possible_ticks", assessment.possible, DataClass.K, about=about, basis="assessed")
    return (*said, *derived("risk.routed_by", assessment.routed_by, DataClass.K, about=about, basis="assessed"))


def of_child(fact: Fact, stated: ChildrenLinked, child: Child, incident: IncidentReported) -> tuple[Item, ...]:
    """One child, without the schools and where it lives: each reader knows its own."""
    believed = child.born_by(london_day(incident.reported_at)) is not None
    names = THE_CHILD if believed else tuple(name for name in THE_CHILD if name != "date_of_birth")
    return each(fact, names, f"children.{stated.children.index(child)}.")


def counted(incidents: Iterable[Fact], months: int, about: str) -> tuple[Item, ...]:
    """How many incidents in how many months, and which."""
    which = tuple(str(fact.subject) for fact in incidents)
    return (
        *derived("count.incidents", len(which), DataClass.K, about=about),
        *derived("count.months", months, DataClass.K, about=about),
        *derived("count.crime_references", which, DataClass.R, about=about),
    )


@lru_cache(maxsize=SAID_REMEMBERED)
def each(fact: Fact, names: tuple[str, ...], within: str = "", about: str | None = None) -> tuple[Item, ...]:
    """The values of these names under one path of a fact."""
    return tuple(item for name in names for item in show(fact, within + name, about))
