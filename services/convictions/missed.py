"""One offence after which the court could make an order: is one known to protect her, and how long may it be mended?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from functools import cached_property, partial

from schemas.agency_responses.v1 import Decided, Decision
from schemas.classes import Basis, DataClass, Form
from schemas.court_convictions.v1 import Verdict
from schemas.court_order_variations.v1 import OrdersResulted
from schemas.police_incidents.v1 import Grade, RiskAssessed, VictimView
from services.convictions.markers import markers
from services.convictions.outcomes import Heard, Outcome
from services.platform.domain.core.duties import Duty, Item, Statement
from services.platform.domain.core.escalation import ESCALATION_STEPS, asked_of
from services.platform.domain.core.facts import Fact
from services.platform.domain.core.matter import derived, show
from services.platform.domain.core.reasons import Reason
from services.platform.domain.linking.references import case_number, case_of_hearing
from services.platform.domain.linking.same_man import Man
from services.platform.domain.people.ordinary_routes import Matter, tell
from services.platform.domain.people.victims import Victim, later_views
from services.platform.domain.protection.hers import Judged
from services.platform.domain.protection.orders import ENDED, Standing, code_of, hearing_of
from services.platform.policy.clocks import london, london_day

CROWN = "missed_order_crown"
AT_CHARGE, BEFORE_SENTENCE = "order_considered_at_charge", "order_considered_before_sentence"
# Orders that may protect her and are not what is looked for: a person must say whether she is covered (CJS results).
OTHER_ORDERS = frozenset({"3081", "3306", "3307"})
DECIDED = {
    Decision.ORDER_TO_BE_SOUGHT: Reason.ORDER_TO_BE_SOUGHT,
    Decision.ORDER_NOT_SOUGHT: Reason.ORDER_NOT_SOUGHT,
}


@dataclass(frozen=True)
class HerFile(Judged):
    """A victim's file, with what every offence in it is judged by, worked out once."""

    @cached_property
    def by_case_number(self) -> Mapping[str, tuple[Standing, ...]]:
        """Orders by the URN or the court's number of the case in which they were made: of all defendants in it."""
        found: dict[str, list[Standing]] = {}
        for order in self.register.orders.values():
            found.setdefault(case_number(order.place), []).append(order)
        return {case: tuple(orders) for case, orders in found.items()}

    @cached_property
    def results(self) -> Mapping[str, Fact]:
        """What each hearing did about orders; that it made none for her is a ground."""
        return {body.hearing: fact for fact, body in self.file.of(OrdersResulted)}

    @cached_property
    def later_views(self) -> Mapping[str, Sequence[tuple[Fact, RiskAssessed]]]:
        return later_views(self.file)

    @cached_property
    def decisions(self) -> Mapping[tuple[str, str], Sequence[tuple[Fact, Reason]]]:
        """What the CPS decided, by rule and subject, the latest last; not to ask for an order needs a coded reason.
        What an area decided stands when the area has ended."""
        of_all_times = self.policy.rows.of_all_times
        found: dict[tuple[str, str], list[tuple[Fact, Reason]]] = {}
        for answer in sorted(self.file.answers, key=lambda answer: (answer.fact.at, answer.fact.id)):
            agency, body = of_all_times.agency(answer.key.agency), answer.fact.body
            if agency is None or agency.kind != "cps" or not isinstance(body, Decided):
                continue
            if body.decision in DECIDED and not body.lacks_reason():
                # Its manager, who heard that the desk is silent, decides as well as the desk.
                about = asked_of(answer.key)[0] if answer.key.rule in ESCALATION_STEPS else answer.key
                found.setdefault((about.rule, about.subject), []).append((answer.fact, DECIDED[body.decision]))
        return found


def of_case(victim: Victim, case: str) -> str:
    """Her place and the defendant's case: what a prompt at charge or before sentence is about."""
    return f"{victim.place}/{case}"


def considered(hers: HerFile, victim: Victim, case: str) -> tuple[Fact, Reason] | None:
    """What the CPS decided last when it was prompted at charge or before sentence, if it did."""
    about = of_case(victim, case)
    said = [one for rule in (AT_CHARGE, BEFORE_SENTENCE) for one in hers.decisions.get((rule, about), ())]
    return max(said, key=lambda one: (one[0].at, one[0].id), default=None)


def high_views(hers: HerFile, victim: Victim) -> tuple[Fact, ...]:
    """The views of the risk to her, of the incident itself or later ones, that are high by grade or judgement: a later
    one that is lower takes nothing back (SafeLives)."""
    own = ((victim.fact, victim.incident.risk),)
    views = (*own, *((fact, view.risk) for fact, view in hers.later_views.get(victim.place, ())))
    return tuple(fact for fact, risk in views if risk.grade is Grade.HIGH or risk.professional_judgement_high)


@dataclass(frozen=True)
class Missed:
    """One offence against her, at the hearing whose outcome opened it."""

    hers: HerFile
    victim: Victim
    outcome: Outcome
    heard: Heard

    def stated(self, rule: str, route: str, taken_back: Heard | None) -> Iterator[Statement]:
        """What is owed, ended ones included; the `taken_back` hearing undid the outcome. High risk is told singly."""
        met_by, ended = self._ended(rule, taken_back)
        last_day = self._last_day(route)
        to_tell = Matter(
            rule=rule,
            route=route,
            subject=self.subject,
            person=self.victim.place,
            held=self.victim.held,
            areas=self.victim.areas(self.heard.body.court_ou, self.heard.body.defendant),
            on=self.heard.on,
            recorded_at=self.heard.fact.at,
            grounds=self._grounds(),
            matter=self._matter(last_day),
            opens=self._opens(),
            statutory_from=london(self.heard.on, time()),
            lapses=last_day,
            met_by=met_by,
            ended=ended,
        )
        singly = bool(self._high)
        for statement in tell(self.hers.file, self.hers.policy, to_tell):
            match statement:
                case Duty(gather="digest") if singly:
                    yield statement.but(gather="singly")
                case _:
                    yield statement

    @property
    def subject(self) -> str:
        return subject(self.victim, self.outcome)

    @cached_property
    def _high(self) -> tuple[Fact, ...]:
        return high_views(self.hers, self.victim)

    @cached_property
    def _him(self) -> Man:
        return self.hers.register.men.of(self.heard.fact)

    @cached_property
    def _of_case(self) -> tuple[Standing, ...]:
        """The orders against him in this case, however its hearings name him."""
        of_number = self.hers.by_case_number.get(case_number(self.outcome.case), ())
        in_his_name = (order for order in of_number if case_of_hearing(hearing_of(order.place)) == self.outcome.case)
        named = () if self._him.is_known else tuple(in_his_name)
        return named or tuple(order for order in of_number if order.binds(self._him))

    @cached_property
    def _unattributed(self) -> tuple[Standing, ...]:
        return tuple(order for order in self._of_case if not order.attributed)

    def _grounds(self) -> tuple[Fact, ...]:
        """All that it was judged by and that it speaks of: what is told changes only with its grounds."""
        results = self.hers.results.get(self.heard.body.hearing)
        heard = tuple(h.fact for h in self.outcome.heard if h.body.hearing_on <= self.heard.body.hearing_on)
        orders = tuple(fact for order in self._of_case for fact in order.facts)
        whom = self.hers.protection.say_whom_they_protect(self._of_case)
        return (*heard, self.victim.fact, *self._high, *orders, *whom, *((results,) if results else ()))

    def _last_day(self, route: str) -> datetime | None:
        """Crown Court only: 56 days beginning with the day of sentence (Sentencing Code s.385)."""
        if route != CROWN:
            return None
        policy = self.hers.policy
        return policy.due(london(self.heard.on, time()), policy.clock("sentence_alteration", self.heard.on))

    def _opens(self) -> datetime:
        """While an order of this case waits for attribution, the question to the DAIT stands in place of this one."""
        policy = self.hers.policy
        waits = policy.clock("attribution", self.heard.on)
        return max((self.heard.fact.at, *(policy.due(f.at, waits) for o in self._unattributed for f in o.facts)))

    def _ended(self, rule: str, taken_back: Heard | None) -> tuple[tuple[Fact, ...], Reason | None]:
        """What closes it: the outcome taken back, an order known to protect her, or the CPS's coded decision."""
        if taken_back is not None:
            return (taken_back.fact,), Reason.OUTCOME_TAKEN_BACK
        if died := self.hers.register.death_of(self._him):
            return died, Reason.DEFENDANT_DIED
        from_him = self.hers.protection.from_him(self._him, self.heard.body.references.urn)
        if protecting := tuple(order for order in from_him.orders if self._protects(order)):
            in_force = any(order.in_force for order in protecting)
            reason = Reason.ORDER_PROTECTS_HER if in_force else Reason.ORDER_WAS_MADE
            return tuple(fact for order in protecting for fact in order.facts), reason
        decisions = self.hers.decisions.get((rule, self.subject), ())
        # What was decided before this hearing was about an outcome that has been taken back since, as before a retrial.
        about_this = [decision for decision in decisions if london_day(decision[0].at) >= self.heard.body.hearing_on]
        if about_this:
            fact, reason = about_this[-1]
            return (fact,), reason
        before = considered(self.hers, self.victim, self.outcome.case)
        if before is not None and before[1] is Reason.ORDER_NOT_SOUGHT and rule == "missed_order":
            return before[:1], Reason.ORDER_NOT_SOUGHT
        return (), None

    def _protects(self, order: Standing) -> bool:
        """On the day of the outcome, or made since; not one whose ground has fallen."""
        made_since = order.since is not None and order.since >= self.heard.body.hearing_on
        if order.lost_its_ground:
            return False
        return made_since or order.covers(self.hers.matters.places, self.heard.on)

    def _matter(self, last_day: datetime | None) -> tuple[Item, ...]:
        shown = partial(show, self.heard.fact)
        hearing = ("references", "hearing", "court_ou", "court_type", "hearing_on", "defendant.name")
        # A court that acquits has found no offence: what he was charged with stays alleged (DPA 2018 s.38).
        charged: Basis = "court_found" if self.heard.verdict is Verdict.CONVICTED else "alleged"
        return (
            *(item for name in hearing for item in shown(name)),
            *shown("defendant.date_of_birth"),
            *shown(f"{self.heard.path}.sequence"),
            *(item for name in ("code", "title") for item in shown(f"{self.heard.path}.{name}", basis=charged)),
            *(item for name in ("verdict_date", "sentenced_on") for item in shown(f"{self.heard.path}.{name}")),
            *derived("verdict", self.heard.verdict, DataClass.O, basis="court_found"),
            *derived("marked_as_domestic_abuse_by", self._markers(), DataClass.O),
            *self.victim.named(),
            *(item for fact in self._high if fact is not self.victim.fact for item in show(fact, "risk.grade")),
            *self._limits(last_day),
            *self._other_orders(),
            *self._her_view(),
        )

    def _markers(self) -> tuple[str, ...]:
        return markers(self.heard.body, self.hers.policy, linked_incident=True)

    def _limits(self, last_day: datetime | None) -> Iterator[Item]:
        if last_day is not None:
            sitting = self.hers.policy.last_sitting_before(last_day, self.heard.body.court_ou)
            yield from derived("last_day", last_day.date(), DataClass.T)
            yield from derived("last_sitting_before", sitting, DataClass.T)

    def _other_orders(self) -> Iterator[Item]:
        """Another order was made in this case, and no court has ended it: is she covered?"""
        if codes := {code_of(o.place) for o in self._of_case if o.state not in ENDED} & OTHER_ORDERS:
            yield from derived("another_order_was_made_is_she_covered", tuple(sorted(codes)), DataClass.D, Form.STATE)
        if self._unattributed:
            places = tuple(sorted(order.place for order in self._unattributed))
            yield from derived("order_whose_protection_is_not_confirmed", places, DataClass.R)

    def _her_view(self) -> Iterator[Item]:
        """What she said changes the words, never whether they are said."""
        views = [
            (view.at, fact.id, index, fact, view)
            for fact, charge in self.hers.matters.charges(self.heard.fact)
            for index, view in enumerate(charge.victim_views_on_order)
            if view.party.place in self.hers.matters.places
        ]
        if views:
            _, _, index, fact, view = max(views, key=lambda found: found[:3])
            current = "current" if self._current(view) else "not_current"
            yield from show(fact, f"victim_views_on_order.{index}.view", about=self.victim.place)
            yield from derived("view.is", current, DataClass.N, Form.SUMMARY, self.victim.place)

    def _current(self, view: VictimView) -> bool:
        """A view that is old, or was not taken alone, is not."""
        policy = self.hers.policy
        oldest = policy.before(self.heard.fact.at, policy.clock("view_on_order_current", self.heard.on))
        return view.alone is True and view.at >= oldest


def subject(victim: Victim, outcome: Outcome) -> str:
    """Her place, the defendant's case and the offence: co-defendants of one URN number their offences alike, and two
    offences of one defendant may have one number."""
    return f"{victim.place}/{outcome.case}/{outcome.sequence}/{outcome.code}"


def victims_at(hers: HerFile, outcome: Outcome) -> tuple[Victim, ...]:
    """Her places that an offence is known to be about, going by every hearing of it."""
    found = {
        victim.place: victim
        for heard in outcome.heard
        for victim in hers.matters.victims_of_offence(heard.fact, heard.offence)
    }
    return tuple(found[place] for place in sorted(found))
