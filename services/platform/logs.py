"""Logs as JSON lines that cannot carry a case: no locals, no exception's message, no payload, no object's own words."""

import logging
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO
from uuid import UUID

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, ExcInfo

from services.platform.project import PROJECT

PLAIN = (str, int, float, bool, UUID, datetime, date, timedelta, type(None))
OURS = "relay"
# While a server is away libraries say the same a thousand times a second.
SAME_LINES, SAME_SECONDS = 5, 10.0


class Event(StrEnum):
    """Every event that is logged by name; code that logs names one of these."""

    BROKER_AWAITED = "broker_awaited"
    CAUGHT_UP = "caught_up"
    CLOCK_JUMPED = "clock_jumped"
    COMMIT_DELAYED = "commit_delayed"
    COMMIT_TOO_LATE = "commit_too_late"
    DATABASE_AWAITED = "database_awaited"
    DATABASE_BEHIND_GROUP = "database_behind_group"
    DATABASE_WENT_BACK = "database_went_back"
    RECOVERY_AWAITED = "recovery_awaited"
    DATABASE_REFUSES = "database_refuses"
    ENGINE_RESTARTED = "engine_restarted"
    FILE_FAULTED = "file_faulted"
    HALTED = "halted"
    LIBRARY_SAYS = "library_says"
    LOCKS_AWAITED = "locks_awaited"
    LOOP_STUCK = "loop_stuck"
    MESSAGE_REFUSED = "message_refused"
    NOTIFICATION_PARKED = "notification_parked"
    PARTITIONS_UNOWNED = "partitions_unowned"
    PRODUCER_REPLACED = "producer_replaced"
    RECORDS_AGAIN = "records_again"
    RECORDS_GONE = "records_gone"
    RECORDS_SKIPPED = "records_skipped"
    RECORD_FAULTED = "record_faulted"
    RECORD_SET_ASIDE = "record_set_aside"
    RELEASE_EVALUATIONS = "release_evaluations"
    RULE_FAULTED = "rule_faulted"
    STREAM_WENT_BACK = "stream_went_back"
    DELIVERED_NOT_LAID = "delivered_not_laid"
    TOO_MANY_FAULTED = "too_many_faulted"
    TOPIC_MISSING = "topic_missing"
    UNHANDLED = "unhandled"
    WORKER_STARTED = "worker_started"


class _Line(dict[str, Any]):
    """What one of our own loggers said, as opposed to anything that a library may log."""


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = record.msg if isinstance(record.msg, _Line) else _library_line(record)
        return str(structlog.processors.JSONRenderer(sort_keys=True)(None, "", line))


class _NotOverAndOver(logging.Filter):
    """Of what a library says at one place of its code, a few lines in each ten seconds; the next after those says how
    many were left unsaid. What we say ourselves always passes."""

    def __init__(self) -> None:
        super().__init__()
        self._one_at_a_time = threading.Lock()
        self._said: dict[tuple[str, str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, _Line):
            return True
        place = (record.name, record.pathname, record.lineno)
        with self._one_at_a_time:
            since, lines = self._said.get(place, (record.created, 0))
            if record.created - since >= SAME_SECONDS:
                record.unsaid = max(0, lines - SAME_LINES)
                since, lines = record.created, 0
            self._said[place] = since, lines + 1
        return lines < SAME_LINES


def configure(stream: TextIO | None = None, level: str = "INFO") -> None:
    """Sends every log of the process to one stream, and what Python would print about an unhandled error."""
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(_Json())
    handler.addFilter(_NotOverAndOver())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    logging.getLogger(OURS).setLevel(level)
    # Below it libraries put keys and values of records into their messages, and spend time on it.
    root.setLevel(max(logging.WARNING, logging.getLogger(OURS).level))
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _tell_exception,
            _keep_plain_fields,
            _to_line,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    sys.excepthook = _unhandled
    threading.excepthook = lambda args: _unhandled(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: _unhandled(args.exc_type, args.exc_value, args.exc_traceback)


def bind(service: str) -> structlog.stdlib.BoundLogger:
    """A logger whose every line names the service."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(OURS).bind(service=service)
    return logger


def flush() -> None:
    """For the moment before `os._exit`, which flushes nothing."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def described_exception(error: ExcInfo) -> list[dict[str, Any]]:
    """Class and own frames of an exception and of those that caused it; messages and notes can quote a value."""
    return [
        {
            "class": stack["exc_type"],
            "frames": [
                f"{Path(frame['filename']).relative_to(PROJECT)}:{frame['lineno']} {frame['name']}"
                for frame in stack["frames"]
                if _is_ours(frame["filename"])
            ],
        }
        for stack in ExceptionDictTransformer(show_locals=False)(error)
    ]


def _is_ours(filename: str) -> bool:
    # Compiled modules name a source file that is taken to lie where the process was started.
    return Path(filename).is_relative_to(PROJECT) and "site-packages" not in filename and filename.endswith(".py")


def _library_line(record: logging.LogRecord) -> EventDict:
    line: EventDict = {
        "event": Event.LIBRARY_SAYS.value,
        "level": record.levelname.lower(),
        "logger": record.name,
        "at": f"{record.module}:{record.lineno}",
        "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
    }
    if record.args and isinstance(record.msg, str):
        # With arguments the text is a template, which is the library's own; without, it may be put together already.
        arguments = record.args.values() if isinstance(record.args, Mapping) else record.args
        line["template"] = record.msg
        line["arguments"] = [_harmless(argument) for argument in arguments]
    if record.exc_info and record.exc_info[1] is not None:
        line["exception"] = described_exception(record.exc_info)
    if unsaid := getattr(record, "unsaid", 0):
        line["unsaid"] = unsaid
    return line


def _harmless(argument: object) -> object:
    if isinstance(argument, int | float | None):
        return argument
    if isinstance(argument, type):
        return argument.__name__
    return type(argument).__name__


def _tell_exception(_logger: object, _method: str, event: EventDict) -> EventDict:
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    elif isinstance(error, BaseException):
        error = (type(error), error, error.__traceback__)
    if isinstance(error, tuple) and error[1] is not None:
        event["exception"] = described_exception(error)
    return event


def _keep_plain_fields(_logger: object, _method: str, event: EventDict) -> EventDict:
    """An object that slipped into a log call would print itself: its class is told instead."""
    return {
        name: value if isinstance(value, PLAIN) or name == "exception" else type(value).__name__
        for name, value in event.items()
    }


def _to_line(_logger: object, _method: str, event: EventDict) -> tuple[tuple[_Line], dict[str, Any]]:
    line = _Line((name, value if name == "exception" else _as_json(value)) for name, value in event.items())
    return (line,), {}


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value) if isinstance(value, UUID) else value


def _unhandled(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    exc_info = (kind, error, trace) if error is not None else None
    structlog.get_logger(OURS).critical(Event.UNHANDLED, error=kind.__name__, exc_info=exc_info)
    flush()
