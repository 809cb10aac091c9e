"""Orders that protect her and what happens to them, told to those who protect her before and after courts decide."""

from schemas.court_order_variations.v1 import (
    ApplicationDecided,
    ApplicationLodged,
    ApplicationWithdrawn,
    OrdersResulted,
)
from schemas.values import Body
from services.order_variations.applications import (
    application_decided,
    application_lodged,
    application_unconfirmed,
    application_withdrawn,
)
from services.order_variations.children import order_concerning_child
from services.order_variations.orders import (
    order_changed_not_stated,
    order_discharged,
    order_ground_fell,
    order_imposed,
    order_unconfirmed,
    order_varied,
    place_term_made,
)
from services.order_variations.references import attribution_question, unlinked_application, unlinked_order
from services.platform.domain.core.evaluate import Rule

ORDERS: frozenset[type[Body]] = frozenset({OrdersResulted})
APPLICATIONS: frozenset[type[Body]] = frozenset({ApplicationLodged, ApplicationWithdrawn, ApplicationDecided})

RULES = (
    Rule("order_imposed", order_imposed, needs=ORDERS),
    Rule("order_varied", order_varied, needs=ORDERS),
    Rule("order_discharged", order_discharged, needs=ORDERS),
    Rule("order_changed_not_stated", order_changed_not_stated, needs=ORDERS),
    Rule("order_ground_fell", order_ground_fell, needs=ORDERS),
    Rule("order_unconfirmed", order_unconfirmed, needs=ORDERS),
    Rule("place_term_made", place_term_made, needs=ORDERS),
    Rule("order_concerning_child", order_concerning_child, needs=ORDERS),
    Rule("application_lodged", application_lodged, needs=frozenset({ApplicationLodged})),
    Rule("application_withdrawn", application_withdrawn, needs=frozenset({ApplicationWithdrawn})),
    Rule("application_decided", application_decided, needs=frozenset({ApplicationDecided})),
    Rule("application_unconfirmed", application_unconfirmed, needs=APPLICATIONS),
    Rule("attribution_question", attribution_question, "references", needs=ORDERS),
    Rule("unlinked_order", unlinked_order, "references", needs=ORDERS),
    Rule("unlinked_application", unlinked_application, "references", needs=APPLICATIONS),
)
