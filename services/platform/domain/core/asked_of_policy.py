"""What rules, and every evaluation, ask of policy by name: a worker does not start on files that lack any of it."""

from collections.abc import Iterable

from services.platform.domain.core import escalation, outdated_answers
from services.platform.domain.core.rules import Rule, named_by
from services.platform.domain.people.ordinary_routes import INSTEAD
from services.platform.policy.tables import Named

DERIVED_RULES = (*escalation.RULES, *outdated_answers.RULES)


def asked_of_policy(rules: Iterable[Rule]) -> Named:
    """The names that an evaluation by these rules asks for: also those by which it is judged who may speak."""
    named = named_by((*rules, *DERIVED_RULES))
    return Named(named.routes.union(INSTEAD), named.clocks, named.windows)
