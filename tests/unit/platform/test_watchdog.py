"""The watchdog ends a process whose loop is stuck, and leaves one alone that was merely stopped as a whole."""

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from services.platform.streaming.watchdog import EXIT_STUCK

PROJECT = Path(__file__).parents[3]
DEADLINE = 30.0


def run(body: str) -> subprocess.Popen[str]:
    program = f"""
        import asyncio, time
        from services.platform.streaming.watchdog import Watchdog

        async def main():
            watchdog = Watchdog(1.0)
            watchdog.start()
            await asyncio.sleep(0.1)
            print("ready", flush=True)
            {body}
            watchdog.stop()

        asyncio.run(main())
        time.sleep(2.0)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_loop_that_is_stuck_ends_the_process() -> None:
    with run("time.sleep(60)") as process:
        assert process.wait(DEADLINE) == EXIT_STUCK


def test_a_loop_that_is_busy_for_less_than_the_patience_does_not() -> None:
    with run("[(time.sleep(0.3), await asyncio.sleep(0)) for _ in range(8)]") as process:
        assert process.wait(DEADLINE) == 0


def test_time_in_which_the_whole_process_was_stopped_does_not_count() -> None:
    with run("await asyncio.sleep(0.5)") as process:
        process.send_signal(signal.SIGSTOP)
        time.sleep(3.0)
        process.send_signal(signal.SIGCONT)
        assert process.wait(DEADLINE) == 0
