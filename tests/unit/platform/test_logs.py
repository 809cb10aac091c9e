"""A marked value that reaches a log call by any way that code takes by accident is in no line."""

import asyncio
import io
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
import structlog
from pydantic import BaseModel

from services.platform import logs

MARKED = "MARKED-Jane-Example-1990-01-01"


class Person(BaseModel):
    age: int


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What is logged; the process's own logging is as before afterwards."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.excepthook, threading.excepthook, sys.unraisablehook)
    written = io.StringIO()
    logs.configure(written, level="DEBUG")
    yield written
    root.handlers[:], root.level, sys.excepthook, threading.excepthook, sys.unraisablehook = before
    logging.getLogger(logs.OURS).setLevel(logging.NOTSET)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def raised(fail: Callable[[], object]) -> BaseException:
    try:
        fail()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is logged
        return error
    raise AssertionError("it did not fail")


def chained() -> None:
    name = MARKED
    try:
        int(name)
    except ValueError as cause:
        error = KeyError(name)
        error.add_note(name)
        raise error from cause


def grouped() -> None:
    raise ExceptionGroup(MARKED, [ValueError(MARKED)])


@pytest.mark.parametrize(
    "fail",
    [
        chained,
        grouped,
        lambda: Person.model_validate({"age": MARKED}),
        lambda: int(MARKED),
        lambda: dict[str, int]()[MARKED],
    ],
    ids=["chained, with a local and a note", "group", "pydantic", "value error", "key error"],
)
def test_an_exception_is_told_by_class_and_own_frames_only(stream: io.StringIO, fail: Callable[[], object]) -> None:
    error = raised(fail)

    logs.bind("incidents").error("halted", exc_info=error)
    logging.getLogger("aiokafka.consumer").error("failed: %r", error, exc_info=error)

    ours, library = (json.loads(line) for line in stream.getvalue().splitlines())
    assert MARKED not in stream.getvalue()
    assert ours["exception"][0]["class"] == type(error).__name__
    assert any("tests/unit/platform/test_logs.py" in frame for frame in ours["exception"][0]["frames"])
    assert library["arguments"] == [type(error).__name__]


def test_library_text_is_kept_as_a_template_without_its_values(stream: io.StringIO) -> None:
    library = logging.getLogger("aiokafka.producer")
    library.warning("could not send %s, error %d", MARKED, 29)
    library.warning(f"could not send {MARKED}")
    library.debug("sending %s", MARKED)

    templated, formatted = (json.loads(line) for line in stream.getvalue().splitlines())
    assert MARKED not in stream.getvalue()
    assert templated["template"] == "could not send %s, error %d"
    assert templated["arguments"] == ["str", 29]
    assert formatted["at"].startswith("test_logs:")


@pytest.mark.parametrize("name", ["aiokafka.producer", "alembic.runtime.migration", "a library of tomorrow"])
def test_what_a_library_says_below_a_warning_is_not_logged_and_what_we_say_is(stream: io.StringIO, name: str) -> None:
    logging.getLogger(name).info("sent %s", 1)
    logs.bind("incidents").info("decided")
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["event"] == "decided"


def test_an_object_in_a_field_is_told_by_its_class(stream: io.StringIO) -> None:
    logs.bind("incidents").info("decided", person={"name": MARKED}, error=ValueError(MARKED), files=3)

    line = json.loads(stream.getvalue())
    assert MARKED not in stream.getvalue()
    assert (line["person"], line["error"], line["files"], line["service"]) == ("dict", "ValueError", 3, "incidents")


def test_what_nobody_caught_is_told_without_its_words(stream: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    error = raised(chained)
    sys.excepthook(type(error), error, error.__traceback__)
    thread = threading.Thread(target=chained)
    thread.start()
    thread.join()

    async def forgotten() -> None:
        asyncio.get_running_loop().call_exception_handler({"message": MARKED, "exception": error})

    asyncio.run(forgotten())

    assert MARKED not in stream.getvalue()
    assert MARKED not in "".join(capsys.readouterr())
    assert len(stream.getvalue().splitlines()) == 3


def test_every_event_is_its_own_name_in_snake_case() -> None:
    assert all(event.value == event.name.lower() for event in logs.Event)


def test_a_library_that_says_the_same_over_and_over_is_cut_short_and_we_are_not(stream: io.StringIO) -> None:
    library = logging.getLogger("aiokafka.conn")
    for moment in (0, 9.9, 10.1):
        for _ in range(1000):
            record = library.makeRecord(library.name, logging.ERROR, "conn.py", 1, "no broker at %s", ("here",), None)
            record.created = 1_700_000_000 + moment
            library.handle(record)
            logs.bind("incidents").warning(logs.Event.BROKER_AWAITED)

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    said = [line for line in lines if line["event"] == "library_says" and line["at"] == "conn:1"]
    assert len(said) == 2 * logs.SAME_LINES
    assert [line.get("unsaid", 0) for line in said] == [0] * 5 + [2000 - logs.SAME_LINES] + [0] * 4
    assert len([line for line in lines if line["event"] == "broker_awaited"]) == 3000
