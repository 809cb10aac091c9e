"""Whether the man whom an order binds is held by a prison or supervised by probation, as far as courts have said."""

from collections.abc import Iterator
from datetime import date, time

from schemas.codes.court_results import court_results
from schemas.court_convictions.v1 import HearingResulted
from services.platform.domain.core.facts import Fact
from services.platform.domain.linking.same_man import Man
from services.platform.domain.protection.hers import Protection
from services.platform.domain.protection.orders import Standing
from services.platform.policy.clocks import london, london_day
from services.platform.policy.policy import Policy

CLOCK = "supervision_by_sentence"


def is_held(hers: Protection, orders: tuple[Standing, ...], on: date) -> bool:
    """Whether a prison holds on this day the man whom one of these orders binds."""
    made = [order.made_by for order in orders if order.made_by is not None]
    return any(hers.in_custody(hers.register.men.of(element.fact), on) for element in made)


def supervising(hers: Protection, him: Man, on: date, policy: Policy) -> Iterator[Fact]:
    """The hearings whose sentences may put him under supervision on this day: a prison sentence, whose length is not
    known here, and a community order for as long as one can last (Sentencing Code s.220)."""
    for fact, body in hers.file.of(HearingResulted):
        if body.hearing_on <= on and _carries_supervision(body, on, policy) and hers.register.men.of(fact).is_same(him):
            yield fact


def _carries_supervision(body: HearingResulted, on: date, policy: Policy) -> bool:
    codes = {result.cjs_result_code for offence in body.offences for result in offence.results}
    if body.custody or codes.isdisjoint(court_results().community_orders):
        return body.custody is True
    return on <= london_day(policy.due(london(body.hearing_on, time()), policy.clock(CLOCK, body.hearing_on)))
