"""How rules say what protects her from him: the same items wherever a notification speaks of it."""

from collections.abc import Iterator
from datetime import datetime, time

from schemas.classes import DataClass, Form
from services.platform.domain.core.duties import Item, Present
from services.platform.domain.core.matter import derived
from services.platform.domain.protection.hers import FromHim
from services.platform.domain.protection.measures import Kind, Measure
from services.platform.policy.clocks import ONE_DAY, london


def ends_at(measure: Measure) -> datetime | None:
    """The first moment after its last day; None where it lasts until further order, or no end is stated."""
    return london(measure.until + ONE_DAY, time()) if measure.until is not None else None


def still_binding(his: FromHim, besides: frozenset[str]) -> Iterator[Item]:
    """What else binds him: each order that is known to protect her from him, and the conditions of his bail in a case
    of hers.

    The relay does not hear of licences or of orders of the family court, so at most it says that no other order is
    known here. It does not say even that while an order may bind him, or nobody has said whom an order protects.
    """
    others = _in_force(his.binds, besides)
    for measure in sorted(others, key=lambda one: one.place):
        yield from _binding(measure)
    unconfirmed = _in_force(his.unconfirmed, besides)
    for measure in unconfirmed:
        if measure.kind is Kind.BAIL_CONDITIONS:
            yield from _binding(measure)
    others_end = _when_all_have_ended(others)
    if others_end is None:
        return
    unsure = [*_in_force(his.unsure, besides), *(one for one in unconfirmed if one.kind is Kind.ORDER)]
    unsure_end = _when_all_have_ended(unsure)
    if unsure:
        not_known = Present(since=others_end.since, until=unsure_end.since if unsure_end is not None else None)
        whether = "not_known_whether_another_order_binds_him"
        yield from derived("still_binding", whether, DataClass.D, Form.STATE, present=not_known)
    if unsure_end is not None:
        since = max((span.since for span in (others_end, unsure_end) if span.since is not None), default=None)
        none = Present(since=since)
        yield from derived("still_binding", "no_other_order_known_here", DataClass.D, Form.STATE, present=none)


def _binding(measure: Measure) -> Iterator[Item]:
    now = Present(until=ends_at(measure))
    yield from derived("still_binding", measure.code, DataClass.D, Form.STATE, about=measure.place, present=now)
    if measure.until is not None:
        yield from derived("still_binding.until", measure.until, DataClass.T, about=measure.place, present=now)


def _in_force(measures: tuple[Measure, ...], besides: frozenset[str]) -> list[Measure]:
    """Those that nothing known has ended; an end that is a date may have passed."""
    return [measure for measure in measures if measure.place not in besides and measure.in_force]


def _when_all_have_ended(measures: list[Measure]) -> Present | None:
    """From when on none of these is in force, from the beginning where there are none; None where one has no end."""
    ends = [ends_at(measure) for measure in measures]
    known = [end for end in ends if end is not None]
    return Present(since=max(known, default=None)) if len(known) == len(ends) else None
