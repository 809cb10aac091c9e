"""`make docs`: the catalogue of events, with the rules that read each type as they declare it."""

from collections.abc import Mapping, Sequence

from schemas.catalogue import pages, write
from schemas.registry import REGISTRY, EventType
from services.ops.all_rules import RULES
from services.platform.domain.core.asked_of_policy import DERIVED_RULES
from services.platform.domain.core.rules import DerivedRule, Rule

EVERY_SERVICE = "every service"


def rules_that_read() -> dict[str, dict[str, tuple[str, ...]]]:
    """By fact type, then by service, the names of the rules that read it."""
    declared: Mapping[str, Sequence[Rule | DerivedRule]] = {**RULES, EVERY_SERVICE: DERIVED_RULES}
    return {fact.name: _readers_of(fact, declared) for _, fact in REGISTRY.types.values()}


def _readers_of(fact: EventType, declared: Mapping[str, Sequence[Rule | DerivedRule]]) -> dict[str, tuple[str, ...]]:
    found = {by: tuple(rule.name for rule in rules if fact.newest in rule.reads) for by, rules in declared.items()}
    return {by: names for by, names in found.items() if names}


if __name__ == "__main__":
    write(pages(rules=rules_that_read()))
