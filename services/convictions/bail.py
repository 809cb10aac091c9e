"""Conditions of court bail that a hearing took away or changed: for most victims all the protection there is (1.6)."""

from collections.abc import Iterator
from dataclasses import replace

from schemas.classes import DataClass, Form
from schemas.court_convictions.v1 import HearingResulted
from services.platform.domain.core.duties import Statement
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.core.matter import derived, show
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.people.ordinary_routes import INSTEAD, Matter, tell, tell_nobody
from services.platform.domain.protection.bail import change_of
from services.platform.domain.protection.hers import Protection
from services.platform.domain.protection.orders import READ_BY_THE_REGISTER
from services.platform.domain.protection.saying import still_binding
from services.platform.policy.policy import Policy

RULE = "bail_conditions_cancelled"
HEARING = ("references", "hearing", "court_ou", "hearing_on", "defendant.name", "defendant.date_of_birth", "remand")


def bail_conditions_cancelled(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """A court cancelled, ended or varied the conditions of his bail: those who protect her find out what still does.
    They are told what is known here (domain 2.7); whether there is a gap in her protection is for them to say."""
    hers = file.once(Protection)
    for fact, body in file.of(HearingResulted):
        change = change_of(file, fact, body)
        if change is None:
            continue
        him = hers.register.men.of(fact)
        died, his = hers.register.death_of(him), hers.from_him(him, body.references.urn)
        for victim in hers.matters.victims_of(fact):
            to_tell = Matter(
                rule=RULE,
                route=RULE,
                subject=f"{body.hearing}/{victim.place}",
                person=victim.place,
                held=victim.held,
                areas=victim.areas(body.court_ou, body.defendant),
                on=body.hearing_on,
                recorded_at=fact.at,
                grounds=(fact, victim.fact, *change.before.by),
                matter=(),
                met_by=died,
                ended=Reason.DEFENDANT_DIED if died else None,
            )
            if change.became is None:
                yield from tell_nobody(file, policy, to_tell, Reason.BAIL_NOT_LESSENED)
                continue
            matter = (
                *(item for name in HEARING for item in show(fact, name)),
                *derived("bail_conditions", change.became.value, DataClass.D, Form.STATE, basis="court_found"),
                *victim.named(),
                *still_binding(his, frozenset({body.hearing})),
            )
            grounds = (*to_tell.grounds, *his.facts)
            yield from tell(file, policy, replace(to_tell, matter=matter, grounds=grounds))


RULES = (
    Rule(
        RULE,
        bail_conditions_cancelled,
        title="Bail conditions ended or varied",
        routes=(RULE, *INSTEAD),
        reads=READ_BY_THE_REGISTER,
        needs=(HearingResulted,),
    ),
)
