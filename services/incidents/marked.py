"""Who hears of what an incident records beside the grade: firearms, and threats of suicide by her or by him."""

from collections.abc import Callable, Iterator

from services.incidents.incident import READ_OF_VICTIMS, Victim, against, victims
from services.incidents.risk import state
from services.platform.domain.core.duties import Statement
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.core.rules import Rule
from services.platform.policy.policy import SAFE_CONTACT_FRESH, Policy


def firearms_in_reach(her: Victim) -> bool:
    """The suspect or the household has a certificate (Home Office guide on firearms licensing law)."""
    return her.incident.firearms_certificate == "yes"


def firearms_not_checked(her: Victim) -> bool:
    """Nobody has looked whether there is a certificate; that it was not stated is not said to be so."""
    return her.incident.firearms_certificate == "not_checked"


def she_threatens_suicide(her: Victim) -> bool:
    return her.party.number in threatening_suicide(her)


def he_threatens_suicide(her: Victim) -> bool:
    return any(party.number in threatening_suicide(her) for party in against(her.incident, her.party))


def threatening_suicide(her: Victim) -> tuple[int, ...]:
    """The numbers of the parties who are reported to have threatened it."""
    markers = her.incident.markers
    return (markers.suicide_threat or ()) if markers else ()


def where(recorded: Callable[[Victim], bool], rule: str) -> Callable[[CaseFile, Policy], Iterator[Statement]]:
    """A rule that states its route, at any grade, wherever that is recorded; only a specialist's case is kept back."""

    def stated(file: CaseFile, policy: Policy) -> Iterator[Statement]:
        for her in victims(file, policy):
            if recorded(her):
                yield from state(file, policy, rule, her, her.assessments[0], her.held)

    return stated


def marked(name: str, recorded: Callable[[Victim], bool], title: str) -> Rule:
    return Rule(
        name,
        where(recorded, name),
        title=title,
        routes=(name,),
        reads=READ_OF_VICTIMS,
        clocks=(SAFE_CONTACT_FRESH,),
        speaks_of="incident",
    )


RULES = (
    marked("firearms_in_reach", firearms_in_reach, "Firearms certificate of a suspect or household"),
    marked("firearms_not_checked", firearms_not_checked, "Firearms not checked"),
    marked("suicide_threat_by_victim", she_threatens_suicide, "Threat of suicide by the victim"),
    marked("suicide_threat_by_suspect", he_threatens_suicide, "Threat of suicide by the suspect"),
)
