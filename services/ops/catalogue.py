"""`make docs`: the catalogue of events with the rules that read each type, and the list of rules, as declared."""

import re
from collections.abc import Mapping, Sequence

from schemas.catalogue import pages, write
from schemas.registry import REGISTRY, EventType
from services.ops.all_rules import RULES
from services.platform.domain.core.asked_of_policy import DERIVED_RULES
from services.platform.domain.core.rules import DerivedRule, Rule
from services.platform.project import PROJECT

RULES_PAGE = PROJECT / "docs" / "rules.md"
LISTED = re.compile(r"^- `(\w+)`: ", re.MULTILINE)
EVERY_SERVICE = "every service"


def rules_that_read() -> dict[str, dict[str, tuple[str, ...]]]:
    """By fact type, then by service, the names of the rules that read it."""
    declared: Mapping[str, Sequence[Rule | DerivedRule]] = {**RULES, EVERY_SERVICE: DERIVED_RULES}
    return {fact.name: _readers_of(fact, declared) for _, fact in REGISTRY.types.values()}


def _readers_of(fact: EventType, declared: Mapping[str, Sequence[Rule | DerivedRule]]) -> dict[str, tuple[str, ...]]:
    found = {by: tuple(rule.name for rule in rules if fact.newest in rule.reads) for by, rules in declared.items()}
    return {by: names for by, names in found.items() if names}


class NameGoneError(Exception):
    """A rule was listed before and is no longer declared: its name is in the keys of delivered duties."""


def rules_page(before: str) -> str:
    """The list of all rules by service, added to the list as it was. NameGoneError if a listed rule is gone."""
    titles = {rule.name: rule.title for rules in RULES.values() for rule in rules}
    if gone := sorted(set(LISTED.findall(before)) - titles.keys()):
        raise NameGoneError(f"{', '.join(gone)}: a rule's name is never changed and never taken away")
    lines = [
        "<!-- Written by `make docs` from the rules; it takes no name away. -->",
        "# Rules",
        "",
        "By the service that runs them. A rule's name stands in the key of every duty, so it never changes.",
    ]
    for service, rules in RULES.items():
        lines += ["", f"## {service}", "", *(f"- `{rule.name}`: {rule.title}" for rule in rules)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    write(pages(rules=rules_that_read()))
    RULES_PAGE.write_text(rules_page(RULES_PAGE.read_text("utf-8") if RULES_PAGE.exists() else ""), "utf-8")
