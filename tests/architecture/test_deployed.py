"""What is deployed holds neither the servers nor the story of a local run, and says so when it is asked for them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from services.platform.project import PROJECT
from services.platform.release import release_of

RELAY = "from services.ops.cli import main; main()"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code as the image has it, by the file that says what goes into the image."""
    folder = tmp_path_factory.mktemp("app")
    rules = (PROJECT / "deploy" / "Dockerfile.dockerignore").read_text().split()
    left_out = {PROJECT / rule for rule in rules if not rule.startswith(("!", "*"))}

    def skipped(inside: str, names: list[str]) -> set[str]:
        return {name for name in names if Path(inside, name) in left_out or name == "__pycache__"}

    for rule in rules:
        source = PROJECT / rule.removeprefix("!")
        if rule.startswith("!") and source.is_dir():
            shutil.copytree(source, folder / rule.removeprefix("!"), ignore=skipped)
    return folder


def relay(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("RELAY_")}
    return subprocess.run(
        [sys.executable, "-c", RELAY, *arguments],
        cwd=folder,
        env=bare | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_image_holds_no_code_of_a_local_run(deployed: Path) -> None:
    assert (deployed / "services" / "ops" / "run.py").exists()
    assert not (deployed / "services" / "platform" / "local").exists()


def test_every_module_that_is_deployed_can_be_imported(deployed: Path) -> None:
    modules = sorted(
        path.relative_to(deployed).with_suffix("").as_posix().replace("/", ".")
        for package in ("schemas", "services")
        for path in (deployed / package).rglob("*.py")
        if path.name != "__init__.py" and "versions" not in path.parts and path.name != "env.py"
    )
    program = f"import importlib\nfor name in {modules}: importlib.import_module(name)"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=deployed,
        env=os.environ | {"PYTHONPATH": str(deployed)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_image_is_installed_from_the_lock_without_local_packages() -> None:
    image = (PROJECT / "deploy" / "Dockerfile").read_text()
    assert re.findall(r"-r (\S+)", image) == ["requirements.txt"]
    assert re.findall(r"^COPY (requirements\S*)", image, re.MULTILINE) == ["requirements.txt"]
    assert "pixeltable" not in (PROJECT / "requirements.txt").read_text()


def test_a_deployed_relay_that_is_asked_for_its_own_servers_says_that_it_has_none(deployed: Path) -> None:
    done = relay(deployed, "run")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "This installation has no servers of its own: name servers with RELAY_KAFKA and RELAY_DATABASE, or use "
        "`make run` in a checkout.\n"
    )


def test_the_release_of_the_image_is_that_of_the_checkout(deployed: Path) -> None:
    assert relay(deployed, "--version").stdout == f"Referral Relay, release {release_of()}\n"


def test_a_change_of_the_deployed_code_is_another_release_and_one_of_a_local_run_is_not(deployed: Path) -> None:
    before = release_of(deployed)
    local = deployed / "services" / "platform" / "local"
    local.mkdir()
    (local / "story.py").write_text("")
    try:
        assert release_of(deployed) == before
    finally:
        shutil.rmtree(local)
    (deployed / "services" / "ops" / "added.py").write_text("")
    try:
        assert release_of(deployed) != before
    finally:
        (deployed / "services" / "ops" / "added.py").unlink()
