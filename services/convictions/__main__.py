"""The service that watches convictions and acquittals for an order that could have protected her and was not made."""

from services.convictions.rules import RULES
from services.platform.running.process import run
from services.platform.streaming.service import Service

SERVICE = Service(
    name="convictions",
    owns="court.convictions",
    reads=("court.convictions", "police.incidents", "court.order-variations", "agency.responses"),
    rules=RULES,
)

if __name__ == "__main__":
    run(SERVICE)
