"""Responses: what agencies say back, and word to whoever answered a notice that is nobody's."""

from services.responses.rules import RULES
from services.runtime.service import Service
from services.runtime.worker import run

SERVICE = Service(name="responses", owns="agency.responses", reads=("agency.responses",), rules=RULES)

if __name__ == "__main__":
    run(SERVICE)
