"""The rules of every service and of the relay itself, for commands that use rules without an engine."""

from collections.abc import Mapping, Sequence

from services.convictions.rules import RULES as CONVICTIONS
from services.incidents.rules import RULES as INCIDENTS
from services.order_variations.rules import RULES as ORDER_VARIATIONS
from services.platform.domain.core.asked_of_policy import DERIVED_RULES, asked_of_policy
from services.platform.domain.core.rules import DerivedRule, Rule
from services.responses.rules import RULES as RESPONSES

RULES: Mapping[str, Sequence[Rule]] = {
    "incidents": INCIDENTS,
    "convictions": CONVICTIONS,
    "order_variations": ORDER_VARIATIONS,
    "responses": RESPONSES,
}
ALL_RULES: Sequence[Rule | DerivedRule] = (*(rule for rules in RULES.values() for rule in rules), *DERIVED_RULES)
ASKED_OF_POLICY = asked_of_policy(rule for rules in RULES.values() for rule in rules)
