"""How much work something is: counted in steps, which are the same on a busy machine, and not in time."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def steps(work: Callable[[], object]) -> int:
    """How many lines are run meanwhile, each turn of a loop anew, and how many functions called, those of C included.

    What C does inside one call, such as going through a list for a text, is one step.
    """
    counted = 0

    def call(_frame: FrameType, event: str, _what: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    def line(_frame: FrameType, event: str, _what: object) -> Any:
        nonlocal counted
        counted += event == "line"
        return line

    traced, profiled = sys.gettrace(), sys.getprofile()
    sys.setprofile(call)
    sys.settrace(line)
    try:
        work()
    finally:
        sys.settrace(traced)
        sys.setprofile(profiled)
    return counted
