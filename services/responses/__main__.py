"""Responses: what agencies say back, and word to whoever answered a notification that is nobody's."""

from services.platform.running.process import run
from services.platform.streaming.service import Service
from services.responses.rules import RULES

SERVICE = Service(name="responses", owns="agency.responses", reads=("agency.responses",), rules=RULES)

if __name__ == "__main__":
    run(SERVICE)
