"""A worker does not start on settings that cannot be used."""

import os
import subprocess
import sys

from services.platform.problems import EXIT_NOT_BEGUN


def test_a_service_that_cannot_begin_says_why_in_one_line_and_ends_as_commands_do() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "services.incidents"],
        env=os.environ | {"RELAY_KAFKA": "no broker", "RELAY_DATABASE": "postgresql://127.0.0.1:1/x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == EXIT_NOT_BEGUN
    (sentence,) = ended.stderr.splitlines()
    assert "RELAY_KAFKA" in sentence
