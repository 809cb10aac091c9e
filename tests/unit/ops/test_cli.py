"""What the command says of itself."""

import resource
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from services.ops.cli import COMMANDS, app, loaded
from services.platform.release import release_of

PROCESSOR_SECONDS = 0.3
HELP = "import sys; sys.argv = ['relay', '--help']\nfrom services.ops.cli import main\ntry: main()\nfinally: "
NEVER_FOR_HELP = (
    "faust",
    "aiokafka",
    "kafka",
    "psycopg",
    "sqlalchemy",
    "pydantic",
    "services.platform.settings",
    "services.platform.domain",
)


def test_the_release_is_said_as_status_has_it() -> None:
    said = CliRunner().invoke(app, ["--version"])
    assert (said.exit_code, said.output) == (0, f"Referral Relay, release {release_of()}\n")


def test_what_may_be_answered_is_listed_in_whole_words() -> None:
    said = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["respond", "--help"])
    words = said.output.replace("\u2502", " ").split()
    assert {"acknowledged,", "accepted,", "declined,", "decided."} <= set(words)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_with_the_help_that_it_gives_itself(name: str) -> None:
    own = loaded(name).get_short_help_str(limit=1_000)
    assert COMMANDS[name].help == own


def test_a_misspelt_command_is_answered_with_the_one_that_was_meant() -> None:
    said = CliRunner().invoke(app, ["stats"])
    assert said.exit_code == 2
    assert "Did you mean 'status'?" in said.output


def test_help_imports_nothing_that_only_a_command_needs() -> None:
    code = f"{HELP}print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(done.stderr.split())
    assert "services.ops.cli" in imported
    assert imported.isdisjoint(NEVER_FOR_HELP)


def test_help_is_there_at_once() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", f"{HELP}pass"], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < PROCESSOR_SECONDS, f"relay --help took {spent:.2f} s of processor time"
