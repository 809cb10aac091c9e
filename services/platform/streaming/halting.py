"""Why a service ends its process rather than go on, and how."""

import os
from enum import StrEnum
from typing import NoReturn

import structlog

from services.platform import logs

EXIT_HALTED = 70
RECOVER = "the database lies behind what was read: stop all workers, then `relay recover` (docs/runbook.md)"

log = structlog.get_logger("relay")


class HaltReason(StrEnum):
    """Why a service ends its process rather than go on."""

    OFFSETS_AHEAD = "offsets_ahead"
    OFFSETS_UNKNOWN = "offsets_unknown"
    DATABASE_REFUSES = "database_refuses"
    TOO_MANY_FAULTED = "too_many_faulted"
    CLOCK_JUMPED = "clock_jumped"
    FAULT = "fault"


class Halt(Exception):  # noqa: N818 - it is an order, not an error
    """Raised by a handler: acknowledge nothing more and end the process with status 70."""

    def __init__(self, reason: HaltReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class DatabaseWentBack(Halt):
    """Persist the rollback: a new worker cannot detect that the database knows less than this process has seen in
    it."""

    def __init__(self) -> None:
        super().__init__(HaltReason.OFFSETS_AHEAD)


def end_process(error: Exception, *, group: str) -> NoReturn:
    """Ends the process at once: in Faust an exception that leaves an agent loses the event."""
    reason = error.reason if isinstance(error, Halt) else HaltReason.FAULT
    log.critical(logs.Event.HALTED, group=group, reason=reason, error=type(error).__name__, exc_info=error)
    logs.flush()
    os._exit(EXIT_HALTED)
