"""Parties and children whose date of birth or age cannot be right: the DAIT is asked to check it at its source."""

from collections.abc import Iterator

from schemas.doubts import DoubtReason
from schemas.places import party_place
from schemas.police_incidents.v1 import ChildrenLinked, IncidentReported
from services.incidents import said
from services.incidents.children import affected
from services.incidents.incident import areas_of, possible_victims
from services.platform.domain.core.duties import Statement
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.core.rules import Rule
from services.platform.domain.people.doubtful_births import check_at_source, why_doubted
from services.platform.domain.people.ordinary_routes import INSTEAD
from services.platform.domain.people.victims import held
from services.platform.policy.clocks import london_day
from services.platform.policy.policy import Policy

RULE = "birth_date_doubtful"


def birth_date_doubtful(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The DAIT checks a date of birth that is impossible, or that disagrees with the age or the role stated, or an age
    that does (domain 2.2). Meanwhile the age is not known by it, and the routes of an adult stay open."""
    for fact, incident in file.of(IncidentReported):
        first = next(possible_victims(incident)).residence
        for party in incident.parties:
            place = party_place(incident.crime_reference, party.number)
            of_birth, of_age = why_doubted(party.date_of_birth), why_doubted(party.age)
            why = of_birth or of_age
            if why is not None and place in file.own_places:
                yield from check_at_source(
                    file,
                    policy,
                    rule=RULE,
                    subject=place,
                    person=place,
                    why=why,
                    held=held(incident),
                    areas=areas_of(incident, victim=first),
                    on=london_day(incident.reported_at),
                    recorded_at=fact.at,
                    grounds=(fact,),
                    references=said.each(fact, said.REFERENCES),
                    what="doubtful_date_of_birth" if of_birth else "doubtful_age",
                )
    for child in affected(file, policy):
        why = why_doubted(child.child.date_of_birth)
        if why is None and child.born != child.child.born:
            why = DoubtReason.BIRTH_DATE_IMPOSSIBLE
        if why is not None:
            yield from check_at_source(
                file,
                policy,
                rule=RULE,
                subject=child.place,
                person=child.place,
                why=why,
                held=held(child.incident),
                areas=child.areas(),
                on=child.on,
                recorded_at=child.recorded_at,
                grounds=(child.fact, child.by),
                references=said.each(child.by, said.REFERENCES),
            )


RULES = (
    Rule(
        RULE,
        birth_date_doubtful,
        title="Date of birth that cannot be right",
        routes=("birth_date_doubtful", *INSTEAD),
        reads=(IncidentReported, ChildrenLinked),
        speaks_of="incident",
    ),
)
