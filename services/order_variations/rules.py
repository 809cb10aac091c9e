"""Orders that protect her and what happens to them, told to those who protect her before and after courts decide."""

from services.casefile.judge import Rule
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
    order_imposed,
    order_unconfirmed,
    order_varied,
    place_term_made,
)
from services.order_variations.references import attribution_question, unlinked_application, unlinked_order

RULES = (
    Rule("order_imposed", order_imposed),
    Rule("order_varied", order_varied),
    Rule("order_discharged", order_discharged),
    Rule("order_changed_not_stated", order_changed_not_stated),
    Rule("order_unconfirmed", order_unconfirmed),
    Rule("place_term_made", place_term_made),
    Rule("order_concerning_child", order_concerning_child),
    Rule("application_lodged", application_lodged),
    Rule("application_withdrawn", application_withdrawn),
    Rule("application_decided", application_decided),
    Rule("application_unconfirmed", application_unconfirmed),
    Rule("attribution_question", attribution_question, "references"),
    Rule("unlinked_order", unlinked_order, "references"),
    Rule("unlinked_application", unlinked_application, "references"),
)
