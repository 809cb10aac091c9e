"""The repository keeps its own promises: its commands, its locked packages, its containers and its import rules."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from services.platform.running.process import END_SECONDS

PROJECT = Path(__file__).parents[2]
SHARED = {"intake", "ops", "platform"}
SERVICES = {path.parent.name for path in PROJECT.glob("services/*/__init__.py")} - SHARED
LOCKS = ["requirements.txt", "requirements-local.txt", "requirements-dev.txt", "requirements-bench.txt"]
# Run as programs, by pytest, or by mypy.
TOOLS = {"deptry", "import-linter", "mypy", "pip-tools", "ruff", "setuptools", "types-pyyaml"}
# Where the module that is imported has another name than the package that is installed.
PACKAGES = {
    "faust": "faust-streaming",
    "kafka": "kafka-python",
    "mode": "mode-streaming",
    "xdist": "pytest-xdist",
    "yaml": "pyyaml",
}


def make(*arguments: str) -> str:
    return subprocess.run(["make", *arguments], cwd=PROJECT, check=True, capture_output=True, text=True).stdout


def locked(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (PROJECT / name).read_text(), re.MULTILINE))


def declared(name: str) -> set[str]:
    wanted = re.findall(r"^[A-Za-z0-9._-]+", (PROJECT / name).read_text(), re.MULTILINE)
    return {package.lower() for package in wanted} - {"-c", "-r"}


def imported(folder: str) -> set[str]:
    modules: set[str] = set()
    for path in (PROJECT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules.add(node.module or "")
    own = {"schemas", "services", "tests"} | {path.stem for path in (PROJECT / "tests").glob("*.py")}
    roots = {module.partition(".")[0] for module in modules} - sys.stdlib_module_names - own
    return {PACKAGES.get(root, root.replace("_", "-")) for root in roots}


def test_bare_make_lists_every_target_with_what_it_does() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    listed = set(re.findall(r"^  (\w+) +\S", make(), re.MULTILINE))
    assert listed == set(phony[1].split())
    assert listed >= {"install", "run", "test", "lint", "format", "docs", "stop"}


def test_linting_changes_nothing() -> None:
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    assert "ruff format --check" in recipe[1]
    assert "--fix" not in recipe[1]


@pytest.mark.parametrize("name", LOCKS)
def test_lock_files_name_no_host_and_no_path(name: str) -> None:
    text = (PROJECT / name).read_text()
    assert "://" not in text
    assert not re.search(r"(^|\s)-{1,2}(index-url|extra-index-url|find-links|trusted-host|i|f)\b", text)
    assert not re.search(r"(^|[\s=@])/\w", text)


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_hashes(name: str) -> None:
    blocks = re.split(r"^(?=[a-z0-9])", (PROJECT / name).read_text(), flags=re.MULTILINE)[1:]
    assert len(blocks) == len(locked(name))
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_lock_files_that_are_installed_together_agree() -> None:
    for one, other in combinations((locked(name) for name in LOCKS[:3]), 2):
        both = one.keys() & other.keys()
        assert {name: one[name] for name in both} == {name: other[name] for name in both}


@pytest.mark.parametrize(
    ("wanted", "lock"), [*((lock.replace(".txt", ".in"), lock) for lock in LOCKS), ("requirements.in", LOCKS[-1])]
)
def test_what_is_declared_is_locked(wanted: str, lock: str) -> None:
    assert declared(wanted) - locked(lock).keys() == set()


def deptry(folder: Path) -> str:
    """What the linter says of this folder's dependencies."""
    command = [sys.executable, "-m", "deptry", ".", "--no-ansi"]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_every_dependency_of_the_code_is_declared_and_imported() -> None:
    assert "No dependency issues found" in deptry(PROJECT)


@pytest.mark.parametrize("list_of", ["requirements.in", "requirements-local.in"])
def test_a_dependency_that_nothing_imports_fails_the_linter(tmp_path: Path, list_of: str) -> None:
    for name in ("pyproject.toml", "requirements.in", "requirements-local.in"):
        shutil.copy(PROJECT / name, tmp_path)
    for package in ("schemas", "services"):
        shutil.copytree(PROJECT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / list_of).open("a") as listed:
        listed.write("hypothesis\n")
    assert "'hypothesis' defined as a dependency but not used in the codebase" in deptry(tmp_path)


def test_the_tests_import_what_is_declared_and_nothing_else_is_declared_for_them() -> None:
    develop, bench = declared("requirements-dev.in"), declared("requirements-bench.in")
    assert imported("tests") <= declared("requirements.in") | develop | bench
    assert (develop | bench) - imported("tests") == TOOLS


def test_every_service_has_a_container_of_its_own() -> None:
    containers = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
    assert set(containers) == SERVICES | {"kafka", "postgres"}
    for name in SERVICES:
        assert containers[name]["command"] == ["relay", "run", name]
        assert {"RELAY_KAFKA", "RELAY_DATABASE"} <= containers[name]["environment"].keys()
        assert set(containers[name]["depends_on"]) == {"kafka", "postgres"}


def test_containers_wait_for_servers_that_are_healthy() -> None:
    compose = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
    for server in ("kafka", "postgres"):
        assert compose["services"][server]["healthcheck"]["test"][0] == "CMD"
    for name in SERVICES:
        waits = compose["services"][name]["depends_on"]
        assert {how["condition"] for how in waits.values()} == {"service_healthy"}
    named = {volume.partition(":")[0] for one in compose["services"].values() for volume in one.get("volumes", ())}
    assert named == set(compose["volumes"])


def test_containers_are_given_the_time_that_a_worker_takes_to_end_in_order() -> None:
    containers = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
    for name in SERVICES:
        assert int(containers[name]["stop_grace_period"].removesuffix("s")) > END_SECONDS


def test_every_service_is_asked_for_its_health_on_the_port_that_the_image_fixes() -> None:
    image = (PROJECT / "deploy" / "Dockerfile").read_text()
    (port,) = re.findall(r"^ENV RELAY_HTTP_PORT=(\d+)$", image, re.MULTILINE)
    assert re.search(rf"^EXPOSE {port}$", image, re.MULTILINE)
    containers = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
    for name in SERVICES:
        assert containers[name]["healthcheck"]["test"] == [
            "CMD",
            "python",
            "-m",
            "services.platform.streaming.probe",
            port,
        ]


def test_every_service_runs_without_root_and_on_a_file_system_that_it_cannot_write() -> None:
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", (PROJECT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    containers = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
    for name in SERVICES:
        assert containers[name]["read_only"]
        assert containers[name]["cap_drop"] == ["ALL"]
        assert "user" not in containers[name]


def test_every_record_of_a_choice_has_its_own_number_and_is_listed() -> None:
    records = sorted((PROJECT / "docs" / "adr").glob("*.md"))
    architecture = (PROJECT / "docs" / "architecture.md").read_text()
    assert len({record.name[:4] for record in records}) == len(records)
    for record in records:
        assert record.read_text().startswith(f"# {int(record.name[:4])}. ")
        assert f"[{record.name[:4]}](adr/{record.name})" in architecture


def test_containers_and_checkouts_run_the_same_kafka() -> None:
    pom = (PROJECT / "deploy" / "kafka" / "pom.xml").read_text()
    version = re.search(r"<artifactId>kafka_2\.13</artifactId>\s*<version>(.*?)</version>", pom)
    assert version is not None
    compose = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
    assert compose["services"]["kafka"]["image"] == f"apache/kafka:{version[1]}"


def layers() -> list[set[str]]:
    """The layers that imports go down, first the highest, each with its packages and modules."""
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return [set(re.findall(r"(?:services|schemas)[\w.]*", layer)) for layer in contracts[0]["layers"]]


def test_import_rules_know_every_service() -> None:
    assert {f"services.{name}" for name in SERVICES} in layers()


def test_every_module_has_a_layer() -> None:
    modules = {
        path.relative_to(PROJECT).with_suffix("").as_posix().replace("/", ".")
        for folder in ("schemas", "services")
        for path in (PROJECT / folder).rglob("*.py")
        if path.name != "__init__.py"
    }
    listed = set().union(*layers())
    assert {m for m in modules if not any(f"{m}.".startswith(f"{one}.") for one in listed)} == set()


def test_nothing_imports_what_a_local_run_alone_needs() -> None:
    assert layers()[0] == {"services.platform.local"}


def test_only_settings_read_the_environment() -> None:
    sources = [path for folder in ("schemas", "services") for path in (PROJECT / folder).rglob("*.py")]
    readers = {
        str(path.relative_to(PROJECT)) for path in sources if re.search(r"os\.(environ|getenv)", path.read_text())
    }
    # Settings themselves read it through pydantic-settings.
    assert readers == set()
