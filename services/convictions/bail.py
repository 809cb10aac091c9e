"""Conditions of court bail that were cancelled: for most victims they are the protection that there is (domain 1.6)."""

from collections.abc import Iterator

from schemas.classes import DataClass, Form
from schemas.codes.court_results import court_results
from schemas.court_convictions.v1 import HearingResulted
from services.casefile.duties import Statement
from services.casefile.facts import CaseFile
from services.casefile.matter import derived, show
from services.casefile.reasons import Reason
from services.casefile.telling import Matter, tell
from services.convictions.missed import HerFile
from services.policy.policy import Policy

RULE = "bail_conditions_cancelled"
HEARING = ("references", "hearing", "court_ou", "hearing_on", "defendant.name", "defendant.date_of_birth", "remand")


def bail_conditions_cancelled(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """A court cancelled the conditions of his bail: those who protect her find out what still does. What else protects
    her from him is for a person to say: no rule judges a gap in protection yet."""
    hers = HerFile(file, policy)
    for fact, body in file.of(HearingResulted):
        if not cancels(body):
            continue
        died = hers.register.death_of(hers.register.men.of(fact))
        for victim in hers.matters.victims_of(fact):
            told = Matter(
                rule=RULE,
                route=RULE,
                subject=f"{body.hearing}/{victim.place}",
                person=victim.place,
                held=victim.held,
                areas=victim.areas(body.court_ou, body.defendant),
                on=body.hearing_on,
                recorded_at=fact.at,
                grounds=(fact, victim.fact),
                matter=(
                    *(item for name in HEARING for item in show(fact, name)),
                    *derived("bail_conditions", "cancelled", DataClass.D, Form.STATE, basis="court_found"),
                    *victim.named(),
                ),
                met_by=died,
                ended=Reason.DEFENDANT_DIED if died else None,
            )
            yield from tell(file, policy, told)


def cancels(body: HearingResulted) -> bool:
    """Whether a result of this hearing, or a qualifier of one, cancels conditions of bail."""
    codes = court_results().bail_conditions_cancelled
    return any(
        result.cjs_result_code in codes.results or not codes.qualifiers.isdisjoint(result.qualifiers)
        for offence in body.offences
        for result in offence.results
    )
