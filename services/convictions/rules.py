"""A result without an order that could have protected her, told while the law still lets the court mend it."""

from collections.abc import Iterator

from schemas.agency_responses.v1 import Decided
from schemas.court_convictions.v1 import CourtType, HearingResulted
from schemas.police_incidents.v1 import IncidentReported, RiskAssessed
from services.convictions import bail, considered, progress, unconfirmed
from services.convictions.markers import markers
from services.convictions.missed import CROWN, HerFile, Missed, subject, victims_at
from services.convictions.outcomes import Outcome, outcomes
from services.convictions.unconfirmed import of_another_offence, perhaps_against_her
from services.platform.domain.core.duties import Statement
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.matter import show
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.core.stating import withheld
from services.platform.domain.linking.unlinked import about, areas_of_case, pending
from services.platform.domain.people.doubtful_births import check_at_source, why_doubted
from services.platform.domain.people.ordinary_routes import INSTEAD
from services.platform.domain.people.victims import Victim, held_of
from services.platform.domain.protection.bail import change_of
from services.platform.domain.protection.hers import SAY_WHO
from services.platform.domain.protection.measures import facts_of
from services.platform.domain.protection.orders import READ_BY_THE_REGISTER, register
from services.platform.domain.protection.taken_back import ACQUITTALS
from services.platform.policy.policy import Policy

MAGISTRATES = "missed_order_magistrates"
ROUTES = {
    CourtType.CROWN: CROWN,
    CourtType.MAGISTRATES: MAGISTRATES,
    CourtType.YOUTH: MAGISTRATES,  # MCA 1980 s.142 is the youth court's too
}
LIMIT_NOT_KNOWN = "missed_order_limit_not_known"


def missed_order(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Convicted and sentenced, and no order known to protect her (Sentencing Code s.360, s.385; MCA 1980 s.142).

    Never on the verdict alone: the court may make an order only when it deals with the offender.
    """
    hers = HerFile(file, policy)
    for victim, outcome in _offences_against_her(hers):
        sentence = outcome.sentenced
        if sentence is None or not policy.is_offence(sentence.offence.code):
            reason = outcome.closed_to_orders if sentence is None else Reason.NOT_AN_OFFENCE
            yield from _explained(hers, victim, outcome, reason)
            continue
        undone = outcome.last if outcome.last.verdict is not sentence.verdict else None
        route = ROUTES.get(sentence.body.court_type, LIMIT_NOT_KNOWN)
        yield from Missed(hers, victim, outcome, sentence).stated("missed_order", route, undone)
    for victim, outcome in perhaps_against_her(hers):
        if not any(victims_at(hers, outcome)):
            yield from _explained(hers, victim, outcome, _why_not_hers(victim, outcome, policy))


def missed_order_on_acquittal(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Not convicted, and an order was still possible if necessary against harassment (PHA 1997 s.5A; R v Baldwin).

    No countdown and no reminders: s.385 deals with offenders, and the court can act only while it has the case.
    """
    rule = "missed_order_on_acquittal"
    hers = HerFile(file, policy)
    for victim, outcome in _offences_against_her(hers):
        if (acquittal := outcome.acquitted) is not None:
            undone = outcome.last if outcome.last.verdict not in ACQUITTALS else None
            yield from Missed(hers, victim, outcome, acquittal).stated(rule, rule, undone)


def unlinked_result(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Tell the force's duty desk of a result that is linked to nobody, by references, if the case is marked as domestic
    abuse.

    A result that takes protection away (an order's ground, or conditions of bail) is told at once, marked or not. Bail
    without conditions alone does not say that there were any.
    """
    for fact, body in file.of(HearingResulted):
        marked = bool(markers(body, policy, linked_incident=False))
        event, besides = _news(file, fact, body, marked=marked)
        yield from pending(
            file,
            policy,
            fact,
            body,
            rule="unlinked_result",
            event=event,
            on=body.hearing_on,
            variant=None if event == RESULTED else event,
            besides=besides,
            withhold=None if marked or event != RESULTED else Reason.NOT_DOMESTIC_ABUSE,
        )


def defendant_birth_date_doubtful(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The DAIT checks a defendant's date of birth that cannot be right; meanwhile it identifies nobody (2.2)."""
    for fact, body in file.of(HearingResulted):
        if (why := why_doubted(body.defendant.date_of_birth)) is not None:
            yield from check_at_source(
                file,
                policy,
                rule="defendant_birth_date_doubtful",
                subject=about(fact),
                person=fact.subject,
                why=why,
                held=held_of(file, file.links.get(fact.id, ())),
                areas=areas_of_case(policy, body),
                on=body.hearing_on,
                recorded_at=fact.at,
                grounds=(fact,),
                references=(*show(fact, "references"), *show(fact, "court_ou"), *show(fact, "hearing_on")),
            )


def _news(file: CaseFile, fact: Fact, body: HearingResulted, *, marked: bool) -> tuple[str, tuple[Fact, ...]]:
    """What a hearing did, in one word, and the facts that it did it to: orders whose ground it took away, hearings that
    set conditions of bail."""
    known = file.once(register)
    fallen = [place for place, undone in known.fallen.items() if any(each.fact is fact for each in undone)]
    if fallen:
        return "order_ground_fell", facts_of(known.orders[place] for place in fallen)
    change = change_of(file, fact, body)
    if change is not None and change.became is not None and (marked or change.is_certain):
        return f"bail_conditions_{change.became}", change.before.by
    return RESULTED, ()


RESULTED = "hearing_resulted"


def _offences_against_her(hers: HerFile) -> Iterator[tuple[Victim, Outcome]]:
    """Each offence against her, at each of her places that it is about."""
    if not hers.matters.places:
        return
    for outcome in outcomes(hers.file):
        for victim in victims_at(hers, outcome):
            yield victim, outcome


def _why_not_hers(victim: Victim, outcome: Outcome, policy: Policy) -> Reason:
    another = of_another_offence(victim, outcome.opened or outcome.last, policy)
    return another or outcome.closed_to_orders or Reason.OFFENCE_NOT_CONFIRMED


def _explained(hers: HerFile, victim: Victim, outcome: Outcome, reason: Reason | None) -> Iterator[Statement]:
    """Those who would have been told, and why they are not; nothing where another rule speaks of the outcome."""
    if reason is None:
        return
    last = outcome.last
    yield from withheld(
        hers.file,
        hers.policy,
        rule="missed_order",
        subject=subject(victim, outcome),
        areas=victim.areas(last.body.court_ou, last.body.defendant),
        on=last.body.hearing_on,
        grounds=(last.fact, victim.fact),
        reason=reason,
        route=ROUTES.get(last.body.court_type, LIMIT_NOT_KNOWN),
    )


RULES = (
    Rule(
        "missed_order",
        missed_order,
        title="Sentenced, and no order known to protect her",
        routes=(CROWN, MAGISTRATES, LIMIT_NOT_KNOWN, *INSTEAD),
        reads=(*READ_BY_THE_REGISTER, *SAY_WHO, RiskAssessed, Decided),
        needs=(HearingResulted,),
        clocks=("attribution", "sentence_alteration", "view_on_order_current"),
    ),
    Rule(
        "missed_order_on_acquittal",
        missed_order_on_acquittal,
        title="Not convicted, and no order known to protect her",
        routes=("missed_order_on_acquittal", *INSTEAD),
        reads=(*READ_BY_THE_REGISTER, *SAY_WHO, RiskAssessed, Decided),
        needs=(HearingResulted,),
        clocks=("attribution", "view_on_order_current"),
    ),
    *unconfirmed.RULES,
    *bail.RULES,
    *progress.RULES,
    *considered.RULES,
    Rule(
        "unlinked_result",
        unlinked_result,
        title="Court result that is linked to nobody",
        routes=("unlinked_result", "unlinked_order_changed"),
        reads=READ_BY_THE_REGISTER,
        needs=(HearingResulted,),
        runs_in="references",
    ),
    Rule(
        "defendant_birth_date_doubtful",
        defendant_birth_date_doubtful,
        title="Defendant's date of birth that cannot be right",
        routes=("birth_date_doubtful", *INSTEAD),
        reads=(HearingResulted, IncidentReported),
        needs=(HearingResulted,),
        runs_in="references",
    ),
)
