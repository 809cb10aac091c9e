"""Who hears of the risk to a victim: by grade, judgement and the ticks of area and tool, and by what she agreed to."""

from collections.abc import Iterator

from schemas.police_incidents.v1 import SupportReferral
from services.incidents import said
from services.incidents.assessed import Assessment, Level, first_of, in_order
from services.incidents.incident import READ_OF_VICTIMS, Victim, victims
from services.incidents.measures import of_risk
from services.platform.domain.core.duties import Statement
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.core.stating import owed
from services.platform.policy.policy import SAFE_CONTACT_FRESH, Policy

WITHOUT_HER_AGREEMENT = {
    SupportReferral.DECLINED: Reason.SUPPORT_DECLINED,
    SupportReferral.NOT_ASKED: Reason.SUPPORT_NOT_ASKED,
    SupportReferral.NOT_SAFE_TO_ASK: Reason.NOT_SAFE_TO_ASK,
}

FOLLOW_TICKS = frozenset({"high_risk", "idva_without_consent", "idva_with_consent"})


def high_risk(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """IDVA, MARAC and DAIT when graded high, judged high or at the MARAC threshold (SafeLives; DARA: grade only)."""
    for her in victims(file, policy):
        short = None if her.deciding.level is Level.HIGH else Reason.BELOW_THRESHOLD
        yield from state(file, policy, "high_risk", her, her.deciding, her.outside or short)


def idva_without_consent(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """IDVA and DAIT from the area's threshold for a referral that does not wait for her agreement."""
    for her in victims(file, policy):
        another = not_this_route(her, Level.IDVA_WITHOUT_CONSENT)
        yield from state(file, policy, "idva_without_consent", her, her.deciding, her.outside or another)


def idva_with_consent(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """IDVA and DAIT from the area's threshold for a referral that she has agreed to."""
    for her in victims(file, policy):
        another = not_this_route(her, Level.IDVA_WITH_CONSENT)
        why_not = her.outside or another or not_agreed(her)
        yield from state(file, policy, "idva_with_consent", her, her.deciding, why_not)


def victim_support(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The victim service if she agreed (Victims' Code, right 4) and no IDVA is told; at any grade where the suspect is
    under 16: that is not domestic abuse between adults, and she still needs support."""
    for her in victims(file, policy):
        served = None if her.deciding.level is Level.BELOW else Reason.SERVED_BY_HIGHER_ROUTE
        why_not = None if harmed_by_a_child(her) else her.outside or served
        yield from state(file, policy, "victim_support", her, her.deciding, why_not or not_agreed(her))


def ask_safely(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The DAIT asks her again, safely, where a referral needs her agreement and she has not given it; nobody else."""
    for her in victims(file, policy):
        if not_agreed(her):
            needs_it = her.deciding.level in (Level.BELOW, Level.IDVA_WITH_CONSENT)
            another = None if needs_it else Reason.SERVED_BY_HIGHER_ROUTE
            why_not = None if harmed_by_a_child(her) else her.outside or another
            yield from state(file, policy, "ask_safely", her, her.deciding, why_not)


def ticks_above_grade(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The DAIT supervisor gives the reason for a grade below the ticks; the grade stays as the officer recorded it."""
    for her in victims(file, policy):
        above = first_of(a for a in her.assessments if a.by_ticks is Level.HIGH and not a.graded_high)
        if above is not None:
            yield from state(file, policy, "ticks_above_grade", her, above, her.outside)


def possible_above_threshold(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The DAIT completes an assessment whose unanswered questions could reach the next route; met by a later one that
    leaves no such question open, which ends no route that was taken meanwhile."""
    for her in victims(file, policy):
        unfinished = first_of(a for a in her.assessments if a.meanwhile is not None)
        if unfinished is not None:
            latest = in_order(her.assessments)[-1]
            met_by = () if latest.meanwhile is not None else (latest.fact,)
            yield from state(file, policy, "possible_above_threshold", her, unfinished, her.outside, met_by=met_by)


def grade_review(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The DAIT supervisor reviews any grade if a lethality marker is stated; strangulation needs a medical check."""
    for her in victims(file, policy):
        markers = her.incident.markers
        if markers is not None and any(said for _, said in markers):
            texts = ("medical_check",) if markers.strangulation else ()
            own = her.assessments[0]
            yield from state(file, policy, "grade_review", her, own, her.outside, texts=texts)


def harmed_by_a_child(her: Victim) -> bool:
    return her.outside is Reason.SUSPECT_UNDER_16


def not_this_route(her: Victim, route: Level) -> Reason | None:
    """Why this route does not serve her: another one does. A later assessment can raise her to a higher route; this one
    is then told so."""
    if her.deciding.level is route:
        return None
    return Reason.SERVED_BY_HIGHER_ROUTE if her.deciding.level > route else Reason.BELOW_THRESHOLD


def not_agreed(her: Victim) -> Reason | None:
    """Why a referral that needs her agreement is not made, or None if she gave it."""
    return WITHOUT_HER_AGREEMENT.get(her.incident.support_referral)


def state(
    file: CaseFile,
    policy: Policy,
    rule: str,
    her: Victim,
    view: Assessment,
    why_not: Reason | None,
    *,
    met_by: tuple[Fact, ...] = (),
    texts: tuple[str, ...] = (),
) -> Iterator[Statement]:
    """What a view of the risk to her owes under a rule, or why nothing."""
    if rule in FOLLOW_TICKS and view.ticked:
        texts = (*texts, "route_follows_ticks")
    texts = (*texts, *said.sender_is_asked(her.incident))
    rests_on = (her.fact,) if view.fact is her.fact else (her.fact, view.fact)
    yield from owed(
        file,
        policy,
        rule=rule,
        subject=her.place,
        person=her.place,
        areas=her.areas,
        on=her.on,
        recorded_at=view.fact.at,
        grounds=rests_on,
        matter=said.of_victim(her, policy, view),
        met_by=met_by,
        texts=texts,
        measured_by=of_risk(view),
        why_not=why_not,
    )


RULES = (
    Rule(
        "high_risk",
        high_risk,
        title="Referral of somebody at high risk of serious harm",
        routes=("high_risk",),
        reads=READ_OF_VICTIMS,
        clocks=(SAFE_CONTACT_FRESH,),
        speaks_of="incident",
    ),
    Rule(
        "idva_without_consent",
        idva_without_consent,
        title="Referral at raised risk, for which her agreement is not needed",
        routes=("idva_without_consent",),
        reads=READ_OF_VICTIMS,
        clocks=(SAFE_CONTACT_FRESH,),
        speaks_of="incident",
    ),
    Rule(
        "idva_with_consent",
        idva_with_consent,
        title="Referral at raised risk, with her agreement",
        routes=("idva_with_consent",),
        reads=READ_OF_VICTIMS,
        clocks=(SAFE_CONTACT_FRESH,),
        speaks_of="incident",
    ),
    Rule(
        "victim_support",
        victim_support,
        title="Referral for support, with her agreement",
        routes=("victim_support",),
        reads=READ_OF_VICTIMS,
        clocks=(SAFE_CONTACT_FRESH,),
        speaks_of="incident",
    ),
    Rule(
        "ask_safely",
        ask_safely,
        title="No agreement to support yet",
        routes=("ask_safely",),
        reads=READ_OF_VICTIMS,
        clocks=(SAFE_CONTACT_FRESH,),
        speaks_of="incident",
    ),
    Rule(
        "ticks_above_grade",
        ticks_above_grade,
        title="Recorded grade lower than the ticks",
        routes=("ticks_above_grade",),
        reads=READ_OF_VICTIMS,
        clocks=(SAFE_CONTACT_FRESH,),
        speaks_of="incident",
    ),
    Rule(
        "possible_above_threshold",
        possible_above_threshold,
        title="Risk assessment that is not complete",
        routes=("possible_above_threshold",),
        reads=READ_OF_VICTIMS,
        clocks=(SAFE_CONTACT_FRESH,),
        speaks_of="incident",
    ),
    Rule(
        "grade_review",
        grade_review,
        title="Lethality marker recorded: a grade to review",
        routes=("grade_review",),
        reads=READ_OF_VICTIMS,
        clocks=(SAFE_CONTACT_FRESH,),
        speaks_of="incident",
    ),
)
