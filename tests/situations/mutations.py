"""Changes numbers of the policy a little, and rules in ten ways, and lists every change that no situation
notices.

`python -m tests.situations.mutations [policy | rules | conditions]`
"""

import inspect
import sys
import time as clock
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

from pydantic import BaseModel

from services.platform.domain.core.duties import Duty, Statement, Withheld
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.policy.policy import Policy, PolicySet
from tests.situations.comparing import differences
from tests.situations.playing import as_shipped, play
from tests.situations.reading import Written, all_situations
from tests.situations.relay import RULES, Rules
from tests.support import builders as b

HOUR = timedelta(hours=1)
OTHER_REASON = Reason.STATED_TWICE
LITTLE: Mapping[type, Callable[[Any], Any]] = {
    int: lambda value: value - 1 if value > 9 else value + 1,  # a threshold that equals the next one cannot rise
    float: lambda value: value - 0.05,
    timedelta: lambda value: value + timedelta(minutes=1),
}  # what is a little more, or less, of each kind of number
# How long a fact may wait for its link is for the list of what waits: no rule reads it.
READ_BY_NO_RULE = frozenset({("link_clocks", "within")})
FILES_FIRST = {
    "thresholds": ("risk",),
    "windows": ("repeat_incidents", "children"),
    "clocks": ("applications", "missed_orders", "safe_contact"),
    "escalation_steps": ("escalation",),
}


class Mutant(NamedTuple):
    """One change, in words, and the situations that it concerns, the likeliest to notice it first."""

    what: str
    concerns: Sequence[Written]
    policy: PolicySet
    rules: Rules
    changed: "Changed | None" = None


@dataclass
class Changed:
    """Whether a changed rule ever stated something else than the rule that ships."""

    ever: bool = False


def survivors(mutants: Iterable[Mutant]) -> Iterator[str]:
    """Of these changes, in words, those that no situation notices."""
    for mutant in mutants:
        noticed = any(is_noticed(written, mutant) for written in mutant.concerns)
        without_effect = mutant.changed is not None and not mutant.changed.ever
        if not noticed and not without_effect:
            yield mutant.what


def is_noticed(written: Written, mutant: Mutant) -> bool:
    """Whether this situation fails under the change; one that can no longer be played notices it."""
    try:
        return bool(differences(written.situation, play(written.situation, mutant.policy, mutant.rules)))
    except (AssertionError, KeyError, ValueError):
        return True


@cache
def without_gaps() -> tuple[Written, ...]:
    """What fails already notices nothing."""
    return tuple(written for written in all_situations() if written.situation.known_gap is None)


@cache
def routes_and_rules() -> Mapping[str, Sequence[Written]]:
    """The situations in which each route, and each rule, tells or withholds something, or is expected not to; the
    shortest first."""
    found: dict[str, list[Written]] = {}
    for written in sorted(without_gaps(), key=lambda one: len(one.situation.happens)):
        situation = written.situation
        mentioned = {*situation.only_about, *(one.rule for one in situation.not_told)}
        for name in sorted(as_shipped(written).named | mentioned):
            found.setdefault(name, []).append(written)
    return found


def of_policy() -> Iterator[Mutant]:
    """Each number in the rows that say thresholds, windows, clocks, routes, links and escalation, a little changed."""
    shipped = b.shipped()
    for table in ("thresholds", "windows", "clocks", "routes", "link_clocks", "escalation_steps"):
        rows = getattr(shipped, table)
        for number, row in enumerate(rows):
            name = _named(row)
            concerns: Sequence[Written]
            if table in FILES_FIRST:
                concerns = _first(without_gaps(), FILES_FIRST[table])
            else:
                concerns = routes_and_rules().get(row.route or "", ())
            for where, changed in _changes(row, table):
                other: dict[str, Any] = {table: (*rows[:number], changed, *rows[number + 1 :])}
                yield Mutant(f"{table}, {name}: {where}", concerns, replace(shipped, **other), RULES)


def _first(situations: Sequence[Written], files: tuple[str, ...]) -> Sequence[Written]:
    return sorted(situations, key=lambda written: not written.file.startswith(files))


def _changes(row: BaseModel, table: str = "") -> Iterator[tuple[str, Any]]:
    """Each number that is written in a row changed a little, wherever in it that stands."""
    for name in sorted(row.model_fields_set):
        if (table, name) not in READ_BY_NO_RULE:
            for where, value in _changed_values(getattr(row, name)):
                yield f"{name}{where}", row.model_copy(update={name: value})


def _changed_values(value: Any) -> Iterator[tuple[str, Any]]:
    if type(value) in LITTLE:
        yield f" {value} becomes {LITTLE[type(value)](value)}", LITTLE[type(value)](value)
    elif isinstance(value, BaseModel):
        for where, changed in _changes(value):
            yield f", {where}", changed
    elif isinstance(value, tuple):
        for n, part in enumerate(value):
            for where, changed in _changed_values(part):
                yield f" {n + 1}{where}", (*value[:n], changed, *value[n + 1 :])


def _named(row: Any) -> str:
    """By what a row is known: its route, clock, window, tool or type, and whose it is."""
    if hasattr(row, "type"):
        return f"{row.type} {row.variant or ''}".strip()
    name = next((getattr(row, key) for key in ("route", "clock", "window", "tool") if hasattr(row, key)), "")
    forces = ", ".join(sorted(getattr(row, "forces", ())))
    return f"{name} (force {forces})" if forces else str(name)


Change = Callable[[Sequence[Statement]], Sequence[Statement]]


def _each_duty(change: Callable[[Duty], Duty]) -> Change:
    return lambda stated: [change(one) if isinstance(one, Duty) else one for one in stated]


def _without_the_first(stated: Sequence[Statement]) -> Sequence[Statement]:
    first = min((one.key.agency for one in stated if isinstance(one, Duty)), default=None)
    return [one for one in stated if one.key.agency != first]


def _to_another(duty: Duty) -> Duty:
    return duty.but(key=duty.key._replace(agency="dpo-54"), kind="dpo")


def _one_agency_elsewhere(stated: Sequence[Statement]) -> Sequence[Statement]:
    first = next((one for one in stated if isinstance(one, Duty)), None)
    return [_to_another(one) if one is first and isinstance(one, Duty) else one for one in stated]


def _asked_later(duty: Duty) -> Duty:
    return duty.but(asks=tuple(replace(ask, by=ask.by + HOUR) for ask in duty.asks))


TEN_WAYS: Mapping[str, Change] = {
    "tells nobody": lambda stated: [one for one in stated if not isinstance(one, Duty)],
    "leaves out the first agency": _without_the_first,
    "tells another agency instead": _one_agency_elsewhere,
    "may be told an hour later": _each_duty(lambda duty: duty.but(tell_by=duty.tell_by + HOUR)),
    "asks for it an hour later": _each_duty(_asked_later),
    "is of another urgency": _each_duty(
        lambda duty: duty.but(urgency="routine" if duty.urgency == "urgent" else "urgent")
    ),
    "asks for nothing": _each_duty(lambda duty: duty.but(asks=())),
    "leaves out its fixed texts": _each_duty(lambda duty: duty.but(texts=())),
    "never ends": _each_duty(lambda duty: duty.but(met_by=(), ended=None, lapses=None, ends_after=None)),
    "gives another reason for telling nobody": lambda stated: [
        replace(one, reason=OTHER_REASON) if isinstance(one, Withheld) else one for one in stated
    ],
}


def of_rules() -> Iterator[Mutant]:
    """Each rule of each service, what it states changed in ten ways."""
    for rules in RULES.values():
        for rule in rules:
            for how, change in TEN_WAYS.items():
                changed = Changed()
                mutated = replace(rule, states=_stating(rule, change, changed))
                concerns = routes_and_rules().get(rule.name, ())
                yield Mutant(f"{rule.name} {how}", concerns, b.shipped(), _with(mutated), changed)


def _stating(rule: Rule, change: Change, changed: Changed) -> Callable[[CaseFile, Policy], Iterator[Statement]]:
    def states(file: CaseFile, policy: Policy) -> Iterator[Statement]:
        as_shipped = list(rule.states(file, policy))
        other = change(as_shipped)
        changed.ever = changed.ever or list(other) != as_shipped
        yield from other

    return states


def _with(mutated: Rule) -> Rules:
    return {
        name: tuple(mutated if rule.name == mutated.name else rule for rule in rules) for name, rules in RULES.items()
    }


class Condition(NamedTuple):
    """A condition in the text of a rule's module, and what stands in its place in the mutant."""

    rule: str
    written: str
    instead: str


# Chosen by hand: the conditions that a rule is made of, one dropped or turned at a time.
CONDITIONS = (
    Condition("high_risk", "None if her.deciding.level is Level.HIGH else", "None if her.deciding.level >= 2 else"),
    Condition("victim_support", "is Level.BELOW else Reason.SERVED_BY", "< Level.HIGH else Reason.SERVED_BY"),
    Condition("grade_review", '("medical_check",) if markers.strangulation else ()', "()"),
    Condition("ask_safely", "in (Level.BELOW, Level.IDVA_WITH_CONSENT)", "in (Level.IDVA_WITH_CONSENT,)"),
    Condition("escalation", "[her for her in hers if her.held is None]", "list(hers)"),
    Condition("child_school", "and not younger(born, ADULT_FROM, self.on)", "and not younger(born, 19, self.on)"),
    Condition("child_school", "Reason.STATED_TWICE if (child.by.id, school.agency.id) in stated else None", "None"),
    Condition("front_door_referral", "markers is not None and markers.weapon", "False"),
    Condition("front_door_referral", "younger(born, 1, self.child.on)", "younger(born, 2, self.child.on)"),
    Condition("young_person_referral", "young = under(party, ADULT_FROM,", "young = under(party, CONNECTED_FROM,"),
    Condition("missed_order", "sentence is None or not policy.is_offence(sentence.offence.code)", "sentence is None"),
    Condition("unlinked_result", "None if marked or event != RESULTED else Reason.NOT_DOMESTIC_ABUSE", "None"),
    Condition("application_lodged", "soon is not None and soon <= fact.at", "soon is not None"),
    Condition("right_to_be_heard", "lodged.applicant_role is ApplicantRole.DEFENDANT", "lodged.applicant_role"),
    Condition("her_views_outcome", "_last(found) is Decision.NOT_SAFELY_REACHABLE", "_last(found)"),
    Condition("result_in_her_case", "heard.sentenced and not before.sentenced", "False"),
    Condition("order_considered_at_charge", "return outcome.last.offence.final if", "return False if"),
    Condition("order_not_sought", "or decision[1] is not Reason.ORDER_NOT_SOUGHT", ""),
    Condition("place_term_made", "if places is None:", "if False:"),
    Condition("bail_conditions_cancelled", "if change.became is None:", "if change.became is not None:"),
    Condition("order_discharged", "if change.action is not action:", "if change.action is action:"),
    Condition("resolve_roles", "if high is None else", "if high else"),
)


def of_conditions() -> Iterator[Mutant]:
    """The chosen conditions, one changed at a time in the text of the module."""
    yield from map(of_condition, CONDITIONS)


def of_condition(condition: Condition) -> Mutant:
    (rule,) = (rule for rules in RULES.values() for rule in rules if rule.name == condition.rule)
    mutated = replace(rule, states=_rewritten(rule, condition))
    what = f"{condition.rule}: {condition.written!r} becomes {condition.instead!r}"
    return Mutant(what, routes_and_rules().get(rule.name, ()), b.shipped(), _with(mutated))


def _rewritten(rule: Rule, condition: Condition) -> Callable[[CaseFile, Policy], Iterator[Statement]]:
    """The rule out of its module's text with one condition changed. Raises ValueError where that is not in it."""
    module = inspect.getmodule(rule.states)
    assert module is not None
    source = inspect.getsource(module)
    if condition.written not in source:
        raise ValueError(f"{rule.name}: {condition.written!r} is not in its module; choose another condition")
    mutated = ModuleType(module.__name__)
    exec(compile(source.replace(condition.written, condition.instead), "mutated", "exec"), mutated.__dict__)  # noqa: S102
    states: Callable[[CaseFile, Policy], Iterator[Statement]] = getattr(mutated, rule.states.__name__)
    return states


SORTS: Mapping[str, Callable[[], Iterator[Mutant]]] = {
    "policy": of_policy,
    "rules": of_rules,
    "conditions": of_conditions,
}


def main(asked: Sequence[str]) -> int:
    """Prints the changes of each sort that no situation notices; 1 if there are any."""
    found = 0
    for sort in asked or SORTS:
        began, mutants = clock.monotonic(), list(SORTS[sort]())
        unnoticed = list(survivors(mutants))
        without = sum(one.changed is not None and not one.changed.ever for one in mutants)
        said = f"{sort}: {len(mutants) - without} changes, {len(unnoticed)} not noticed"
        print(f"{said} ({clock.monotonic() - began:.0f} s)", *(f"  {what}" for what in unnoticed), sep="\n")  # noqa: T201
        found += len(unnoticed)
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
