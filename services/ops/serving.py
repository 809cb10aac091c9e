"""The process in which services run, on the servers that the environment names."""

import sys
from collections.abc import Mapping

from services.convictions.__main__ import SERVICE as CONVICTIONS
from services.incidents.__main__ import SERVICE as INCIDENTS
from services.order_variations.__main__ import SERVICE as ORDER_VARIATIONS
from services.platform.running.process import run
from services.platform.streaming.service import Service
from services.responses.__main__ import SERVICE as RESPONSES

SERVICES: Mapping[str, Service] = {
    service.name: service for service in (INCIDENTS, CONVICTIONS, ORDER_VARIATIONS, RESPONSES)
}

if __name__ == "__main__":
    run(*(SERVICES[name] for name in sys.argv[1:]))
