"""What the command says of itself."""

from typer.testing import CliRunner

from services.ops.cli import app
from services.runtime.worker import release_of


def test_the_release_is_said_as_status_has_it() -> None:
    said = CliRunner().invoke(app, ["--version"])
    assert (said.exit_code, said.output) == (0, f"Referral Relay, release {release_of()}\n")


def test_what_may_be_answered_is_listed_in_whole_words() -> None:
    said = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["respond", "--help"])
    words = said.output.replace("\u2502", " ").split()
    assert {"acknowledged,", "accepted,", "declined,", "decided."} <= set(words)
