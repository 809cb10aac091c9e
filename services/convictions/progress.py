"""Charge, verdict and sentence in her case, for the witness care unit to tell her and for her advocate to know."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from schemas.classes import Basis, DataClass
from schemas.court_convictions.v1 import HearingResulted, Verdict
from schemas.police_incidents.v1 import ChargePreferred, RiskAssessed, SupportReferral
from services.convictions.her_charges import her_charges
from services.convictions.missed import HerFile, high_views, victims_at
from services.convictions.outcomes import Heard, outcomes
from services.platform.domain.core.duties import Item, Statement
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.matter import derived, show
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.people.ordinary_routes import INSTEAD, Matter, tell_but_for
from services.platform.domain.people.victims import Victim
from services.platform.domain.protection.orders import READ_BY_THE_REGISTER
from services.platform.policy.clocks import london_day
from services.platform.policy.policy import Policy

CHARGED, RESULTED = "charge_in_her_case", "result_in_her_case"
SUPPORT_NOT_AGREED = {
    SupportReferral.DECLINED: Reason.SUPPORT_DECLINED,
    SupportReferral.NOT_ASKED: Reason.SUPPORT_NOT_ASKED,
    SupportReferral.NOT_SAFE_TO_ASK: Reason.NOT_SAFE_TO_ASK,
}
# By which the prosecution decided not to go on: she may ask that this is looked at again (Victims' Code right 6).
NOT_GONE_ON_WITH = frozenset(
    {Verdict.NO_EVIDENCE_OFFERED, Verdict.WITHDRAWN, Verdict.DISCONTINUED, Verdict.LIES_ON_FILE}
)


@dataclass(frozen=True, slots=True)
class News:
    """What one hearing decided for the first time of offences against her. `heard`: each of them there."""

    fact: Fact
    body: HearingResulted
    victim: Victim
    heard: tuple[Heard, ...]


def charge_in_her_case(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """He is charged with an offence against her: she is told within one working day (Victims' Code)."""
    hers = HerFile(file, policy)
    for fact, charge, victim, matter in her_charges(hers):
        subject = f"{charge.subject}/{victim.place}"
        yield from _tell(hers, CHARGED, subject, fact, charge, victim, matter, on=london_day(fact.at))


def result_in_her_case(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """A court gave a verdict or passed sentence for an offence against her."""
    hers = HerFile(file, policy)
    for news in _news(hers):
        given = [heard.verdict for heard in news.heard]
        texts = ("she_may_ask_for_a_review",) if NOT_GONE_ON_WITH.intersection(given) else ()
        subject = f"{news.body.hearing}/{news.victim.place}"
        matter = tuple(_results(news))
        on = news.body.hearing_on
        yield from _tell(hers, RESULTED, subject, news.fact, news.body, news.victim, matter, on=on, texts=texts)


def _news(hers: HerFile) -> Iterator[News]:
    """By hearing and by her place: the verdicts that it gave, and the sentences that it passed."""
    found: dict[tuple[str, str], list[tuple[Heard, Victim]]] = {}
    for outcome in outcomes(hers.file) if hers.matters.places else ():
        news = [
            heard
            for before, heard in zip((None, *outcome.heard), outcome.heard, strict=False)
            if _is_news(before, heard)
        ]
        for victim in victims_at(hers, outcome):
            for heard in news:
                found.setdefault((heard.fact.id, victim.place), []).append((heard, victim))
    for each in found.values():
        first, victim = each[0]
        yield News(first.fact, first.body, victim, tuple(heard for heard, _ in each))


def _is_news(before: Heard | None, heard: Heard) -> bool:
    """A verdict that did not stand before, or a sentence for what had not been sentenced."""
    if heard.verdict is None:
        return False
    return before is None or heard.verdict is not before.verdict or (heard.sentenced and not before.sentenced)


def _results(news: News) -> Iterator[Item]:
    for name in ("references", "hearing", "court_ou", "hearing_on"):
        yield from show(news.fact, name)
    for heard in sorted(news.heard, key=lambda heard: heard.index):
        found: Basis = "court_found" if heard.verdict is Verdict.CONVICTED else "alleged"
        for name in ("sequence", "code", "title"):
            yield from show(news.fact, f"{heard.path}.{name}", basis=found)
        yield from derived("verdict", heard.verdict, DataClass.O, basis="court_found")
        yield from show(news.fact, f"{heard.path}.sentenced_on")


def _tell(
    hers: HerFile,
    rule: str,
    subject: str,
    fact: Fact,
    body: ChargePreferred | HearingResulted,
    victim: Victim,
    matter: tuple[Item, ...],
    *,
    on: date,
    texts: tuple[str, ...] = (),
) -> Iterator[Statement]:
    """The witness care unit, and her advocate where one has been told of her: below high risk no news of her leaves the
    police for a support service without her agreement (Victims' Code right 4)."""
    high = high_views(hers, victim)
    charges = tuple(link for link, _ in hers.matters.charges(fact))
    died = hers.register.death_of(hers.register.men.of(fact))
    to_tell = Matter(
        rule=rule,
        route=rule,
        subject=subject,
        person=victim.place,
        held=victim.held,
        areas=victim.areas(body.references.court_ou),
        on=on,
        recorded_at=fact.at,
        grounds=(fact, victim.fact, *charges, *high),
        matter=(*matter, *victim.named()),
        texts=texts,
        met_by=died,
        ended=Reason.DEFENDANT_DIED if died else None,
    )
    why_not = None if high else SUPPORT_NOT_AGREED.get(victim.incident.support_referral)
    yield from tell_but_for(hers.file, hers.policy, to_tell, {} if why_not is None else {"idva": why_not})


RULES = (
    Rule(
        CHARGED,
        charge_in_her_case,
        title="He is charged with an offence against her",
        routes=(CHARGED, *INSTEAD),
        reads=(*READ_BY_THE_REGISTER, RiskAssessed),
        needs=(ChargePreferred,),
    ),
    Rule(
        RESULTED,
        result_in_her_case,
        title="Verdict or sentence in her case",
        routes=(RESULTED, *INSTEAD),
        reads=(*READ_BY_THE_REGISTER, RiskAssessed),
        needs=(HearingResulted,),
    ),
)
