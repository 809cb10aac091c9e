"""Waits for as long as a person reads, or until a key is pressed."""

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

WORDS_A_MINUTE = 200.0
MOST_KEYS = 1024  # that may have been pressed: none is left for the next wait


def wait_for_reader(words: int, keys: TextIO = sys.stdin) -> None:
    """Waits while somebody reads so many words; a key ends it where `keys` is a terminal."""
    seconds = 60.0 * words / WORDS_A_MINUTE
    if not keys.isatty():
        time.sleep(seconds)
        return
    with _each_key(keys):
        if select.select([keys], [], [], seconds)[0]:
            os.read(keys.fileno(), MOST_KEYS)


@contextmanager
def _each_key(keys: TextIO) -> Iterator[None]:
    """Keys are read when they are pressed, not with the end of the line. Ctrl-C goes on to end the program."""
    before = termios.tcgetattr(keys)
    try:
        tty.setcbreak(keys)
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)
