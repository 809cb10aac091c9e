"""The rules of every service, for commands that judge without an engine."""

from collections.abc import Mapping, Sequence

from services.convictions.rules import RULES as CONVICTIONS
from services.incidents.rules import RULES as INCIDENTS
from services.order_variations.rules import RULES as ORDER_VARIATIONS
from services.platform.domain.core.evaluate import Rule
from services.responses.rules import RULES as RESPONSES

RULES: Mapping[str, Sequence[Rule]] = {
    "incidents": INCIDENTS,
    "convictions": CONVICTIONS,
    "order_variations": ORDER_VARIATIONS,
    "responses": RESPONSES,
}
