"""Adding a kind of event with a rule and a route is small, and no part of it can be forgotten.

The files in `tests/support/added_type/` are all that a person edits: each is new, or is added to the end of the file of
its name. They are put into a copy of the project, and the project's own tests go through it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from services.platform.project import PROJECT

ADDED = PROJECT / "tests" / "support" / "added_type"
FILES = sorted(path for path in ADDED.rglob("*.added"))
MOST_FILES = 8
FOLDERS = ("schemas", "services", "deploy", "tests", "docs")
BODY, RULE, ROUTE = (
    "schemas/police_incidents/v1.py",
    "services/incidents/welfare.py",
    "deploy/policy/routes-welfare.yaml",
)
LOADS = (
    "from services.ops.policies import load; from pathlib import Path;"
    " load(Path('deploy/policy'), Path('deploy/agencies'))"
)
# What must have passed in the copy, by file.
PASSED = {
    "contract/test_declarations.py": "way_from_a_record_to_words_and_to_the_catalogue[uk.police.welfare-checked]",
    "contract/test_examples.py": "shown_stated_corrected_and_withdrawn[uk.police.welfare-checked]",
    "contract/test_catalogue.py": "is_the_one_that_would_be_written[uk.police.welfare-checked.md]",
    "contract/test_least.py": "the_schemas_mark_each_field_as_the_second_table_does",
    "contract/test_marked_values.py": "no_dead_letters_header_repeats_a_value[-uk.police.welfare-checked]",
    "situations/test_situations.py": "are_told_what_the_law_asks_for[welfare.yaml: A victim who is not seen alone",
    "unit/ops/test_words.py": "every_item_that_may_be_shown_has_a_name[seen_alone]",
    "architecture/test_streams.py": "every_folder_of_examples_belongs_to_a_type",
}
CHOSEN = "welfare or seen_alone or second_table or every_folder"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with the type added, and its documents written."""
    to = tmp_path_factory.mktemp("project")
    for folder in FOLDERS:
        shutil.copytree(PROJECT / folder, to / folder, ignore=shutil.ignore_patterns("__pycache__", ADDED.name))
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(PROJECT / name, to)
    (to / ".relay").mkdir()
    for path in FILES:
        file = to / path.relative_to(ADDED).with_suffix("")
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as end:
            end.write(path.read_text("utf-8"))
    assert run(to, "-m", "services.ops.catalogue").returncode == 0
    return to


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_at_most_eight_files_are_edited_by_hand() -> None:
    assert len(FILES) <= MOST_FILES
    assert {path.suffix for path in ADDED.rglob("*") if path.is_file()} == {".added"}


def test_the_project_s_own_tests_go_through_what_was_added(copy: Path) -> None:
    done = run(
        copy, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-k", CHOSEN, *(f"tests/{file}" for file in PASSED)
    )
    assert done.returncode == 0, done.stdout[-3000:]
    passed = [line for line in done.stdout.splitlines() if line.startswith("PASSED ")]
    for file, test in PASSED.items():
        assert any(f"tests/{file}::" in line and test in line for line in passed), test


@pytest.mark.parametrize(
    ("file", "part", "loads", "said"),
    [
        *(
            (BODY, f"    {part}=", "import schemas.registry", f"uk.police.welfare-checked is declared without: {part}")
            for part in ("own_reference", "names", "attachment", "unlinked", "found_by")
        ),
        (BODY, "    crime_reference:", "import schemas.registry", "its body has no: crime_reference"),
        *(
            (RULE, f"        {part}=", "import services.incidents.rules", f"the rule `not_seen_alone` lacks `{part}`")
            for part in ("title", "routes", "reads")
        ),
    ],
    ids=lambda value: value.strip(" :=-") if value.startswith("  ") else None,
)
def test_a_part_that_is_left_out_is_named_before_anything_runs(
    copy: Path, file: str, part: str, loads: str, said: str
) -> None:
    whole = (copy / file).read_text("utf-8")
    start = whole.index(part, whole.find("class WelfareChecked") if file == BODY else 0)
    end = whole.index("\n", start) + 1
    (copy / file).write_text(whole[:start] + whole[end:], "utf-8")
    try:
        failed = run(copy, "-c", loads)
    finally:
        (copy / file).write_text(whole, "utf-8")
    assert failed.returncode == 1
    assert said in failed.stderr


def test_a_route_that_policy_lacks_is_named_before_anything_runs(copy: Path) -> None:
    (copy / ROUTE).rename(copy / "without.yaml")
    try:
        failed = run(copy, "-c", LOADS)
    finally:
        (copy / "without.yaml").rename(copy / ROUTE)
    assert failed.returncode == 1
    assert "not_seen_alone" in failed.stderr
