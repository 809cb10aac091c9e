"""Incidents: who hears of a domestic abuse incident, of the risk in it and of the children who live with it."""

from services.incidents.rules import RULES
from services.platform.running.process import run
from services.platform.streaming.service import Service

SERVICE = Service(
    name="incidents",
    owns="police.incidents",
    reads=("police.incidents", "court.order-variations", "agency.responses"),
    rules=RULES,
)

if __name__ == "__main__":
    run(SERVICE)
