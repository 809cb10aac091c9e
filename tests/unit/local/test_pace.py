"""The pace at which a story is told, with a real terminal."""

import os
import pty
import threading
import time
from io import StringIO

from services.platform.local.pace import wait_for_reader

LONG = 1_000_000  # words, which nobody would wait for


def test_a_key_ends_the_wait_and_the_terminal_is_as_before() -> None:
    ours, theirs = pty.openpty()
    over = threading.Event()

    def press() -> None:
        while not over.wait(0.05):
            os.write(ours, b"x")

    with os.fdopen(theirs, "r") as keys:
        person = threading.Thread(target=press)
        person.start()
        wait_for_reader(LONG, keys)
        over.set()
        person.join()
        os.write(ours, b"a line\n")
        assert keys.readline().endswith("a line\n")
    os.close(ours)


def test_without_a_terminal_the_words_are_waited_for() -> None:
    before = time.monotonic()
    wait_for_reader(1, StringIO())
    assert time.monotonic() - before >= 0.3
