"""The SQLSTATE with which a server refuses a session: the same in every language, and psycopg does not pass it on."""

import ctypes
import re
import select
import sys
import time
from dataclasses import dataclass
from typing import Any

from psycopg import pq
from psycopg.conninfo import make_conninfo

VERBOSE = 2  # PQERRORS_VERBOSE: the code comes before the words

# The severity, the code, and the words in the server's language.
CODED = re.compile(r"failed: [^\s:]+: {2}([0-9A-Z]{5}): (.*)")
LIBPQ = ctypes.CDLL(sys.modules[pq.PGconn.__module__].__file__)
LIBPQ.PQsetErrorVerbosity.argtypes = [ctypes.c_void_p, ctypes.c_int]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a server answered: its code, and its words of one line."""

    sqlstate: str
    words: str


def refusal(url: str, options: str, seconds: float) -> Refusal | None:
    """Asks for a session again: how the server refuses it; None where it grants one, or does not answer in time."""
    asked: Any = pq.PGconn.connect_start(make_conninfo(url, options=options).encode())
    try:
        if asked.status == pq.ConnStatus.BAD:
            return None
        LIBPQ.PQsetErrorVerbosity(asked.pgconn_ptr, VERBOSE)
        _follow(asked, time.monotonic() + seconds)
        found = CODED.search(asked.get_error_message())
        return Refusal(found[1], found[2]) if found else None
    finally:
        asked.finish()


def _follow(asked: Any, until: float) -> None:
    while (left := until - time.monotonic()) > 0:
        match asked.connect_poll():
            case pq.PollingStatus.READING:
                event = select.POLLIN
            case pq.PollingStatus.WRITING:
                event = select.POLLOUT
            case _:
                return
        poll = select.poll()
        poll.register(asked.socket, event)
        poll.poll(left * 1000)
