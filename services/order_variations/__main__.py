"""The service that watches protective orders and the applications to lift them."""

from services.order_variations.rules import RULES
from services.platform.running.process import run
from services.platform.streaming.service import Service

SERVICE = Service(
    name="order_variations",
    owns="court.order-variations",
    reads=("court.order-variations", "police.incidents", "court.convictions", "agency.responses"),
    rules=RULES,
)

if __name__ == "__main__":
    run(SERVICE)
