"""Responses: read what agencies answer, and tell senders whose answer belongs to no notification."""

from services.platform.running.process import run
from services.platform.streaming.service import Service
from services.responses.rules import RULES

SERVICE = Service(name="responses", owns="agency.responses", reads=("agency.responses",), rules=RULES)

if __name__ == "__main__":
    run(SERVICE)
