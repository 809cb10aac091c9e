"""What is committed of the contract is what the schemas say, and a change that breaks others is found."""

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from schemas.catalogue import PAGES, SNAPSHOTS, pages
from schemas.compatibility import breaking, mark_of, schema_of
from schemas.field_errors import models_in
from schemas.police_incidents.v1 import ChildrenLinked
from schemas.registry import REGISTRY
from schemas.values import Residence
from services.ops.catalogue import RULES_PAGE, NameGoneError, rules_page, rules_that_read

ROOT = Path(__file__).parents[2]
WRITTEN = pages(rules=rules_that_read())
PROJECTED = {("Item", "value")}  # what an agency is told was projected class by class before it was written


@pytest.mark.parametrize("path", sorted(WRITTEN), ids=lambda path: path.name)
def test_the_committed_page_or_schema_is_the_one_that_would_be_written(path: Path) -> None:
    assert path.exists(), "run: make docs"
    assert path.read_text("utf-8") == WRITTEN[path], "run: make docs"


def test_a_page_names_the_rules_that_read_the_type() -> None:
    said = {path.stem: text for path, text in WRITTEN.items()}
    assert "- Rules that read it:\n  - order_variations: `attribution_question`\n" in said["uk.agency.link-refused"]
    assert "- Rules that read it:\n  - convictions: `missed_order`, " in said["uk.police.persons-merged"]
    assert "Rules that read it" not in said["uk.relay.evaluated"]


def test_the_committed_list_of_rules_is_the_one_that_would_be_written() -> None:
    listed = RULES_PAGE.read_text("utf-8")
    assert rules_page(listed) == listed, "run: make docs"


def test_a_rule_s_name_is_added_and_never_taken_away() -> None:
    with pytest.raises(NameGoneError, match="high_risk_of_old"):
        rules_page(RULES_PAGE.read_text("utf-8") + "- `high_risk_of_old`: A rule that had another name\n")


def test_no_page_or_schema_is_left_of_a_type_that_is_gone() -> None:
    assert {*PAGES.glob("*.md"), *SNAPSHOTS.glob("*.json")} == WRITTEN.keys()


def test_every_field_of_every_body_has_a_data_class() -> None:
    models = {
        model
        for _, fact in REGISTRY.types.values()
        for body in (*(version.body for version in fact.versions), *filter(None, (fact.withdrawn,)))
        for model in models_in(body)
    }
    unmarked = {
        (model.__name__, field) for model in models for field in model.model_fields if not mark_of(model, field)
    }
    assert unmarked == PROJECTED


def test_every_body_and_every_part_of_it_says_what_it_is() -> None:
    models = {model for _, fact in REGISTRY.types.values() for model in models_in(fact.newest)}
    assert [model.__name__ for model in models if not (model.__doc__ or "").strip()] == []


def test_a_field_that_is_left_out_states_nothing() -> None:
    """None, `unknown`, or a list or an object with nothing in it; only the order that is alone has a number."""
    models = {model for stream in REGISTRY.streams for fact in stream.types for model in models_in(fact.newest)}
    silent: tuple[Any, ...] = (None, (), "unknown", Residence())
    stated = {
        (model.__name__, name)
        for model in models
        for name, field in model.model_fields.items()
        if not field.is_required() and field.default not in silent
    }
    assert stated == {("Order", "number"), ("Asked", "met")}


OLD = schema_of(ChildrenLinked)


def changed(*path: str, **over: Any) -> dict[str, Any]:
    """The schema of children-linked with one node changed; None removes a key."""
    schema: dict[str, Any] = copy.deepcopy(OLD)
    node = schema
    for step in path:
        node = node[step]
    for key, value in over.items():
        node[key.replace("_", "-") if key.startswith("x_") else key] = value
        if value is None:
            del node[key]
    return schema


def test_a_schema_does_not_break_itself() -> None:
    assert breaking(OLD, OLD) == ()
    assert breaking(OLD, OLD, "out") == ()


def test_an_optional_field_may_be_added() -> None:
    new = changed("properties", colour={"type": "string", "default": "none", "x-data-class": "R"})
    assert breaking(OLD, new) == ()
    assert breaking(OLD, new, "out") == ()


@pytest.mark.parametrize(
    ("new", "why"),
    [
        (changed("$defs", "Child", "properties", unborn=None), "Child.unborn is gone"),
        (changed(required=[*OLD["required"], "stated_by"]), "stated_by: becomes required"),
        (changed("$defs", "UnsafeAdult", enum=["father"]), "children[].unsafe_adult: values are no longer allowed"),
        (changed("properties", "crime_reference", pattern="^[0-9]+$"), "crime_reference: pattern changes"),
        (changed("properties", "crime_reference", type="integer"), "crime_reference: string is no longer allowed"),
        (changed("properties", "crime_reference", x_data_class="P"), "crime_reference: x-data-class changes"),
        (changed("$defs", "Child", "properties", "number", maximum=9), "children[].number: maximum falls"),
        (changed("$defs", "Child", "properties", "unborn", default=True), "children[].unborn: default changes"),
    ],
)
def test_a_change_that_refuses_or_misreads_what_was_right_is_breaking(new: dict[str, Any], why: str) -> None:
    assert any(why in found for found in breaking(OLD, new))


def test_what_readers_outside_rely_on_may_not_become_optional() -> None:
    new = changed(required=[name for name in OLD["required"] if name != "children"])
    assert breaking(OLD, new) == ()
    assert breaking(OLD, new, "out") == ("children: becomes required",)


def test_a_new_coded_value_breaks_only_those_who_read_it_outside() -> None:
    new = changed("$defs", "UnsafeAdult", enum=[*OLD["$defs"]["UnsafeAdult"]["enum"], "neighbour"])
    assert breaking(OLD, new) == ()
    assert breaking(OLD, new, "out")


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def test_nothing_breaks_what_the_last_release_promised() -> None:
    tag = git("describe", "--tags", "--abbrev=0").strip()
    promised = git("ls-tree", "--name-only", tag, "schemas/snapshots/").split() if tag else []
    directions = {name: stream.direction for stream, fact in REGISTRY.types.values() for name in fact.on_the_wire}
    for path in promised:
        name = Path(path).stem
        assert SNAPSHOTS / f"{name}.json" in WRITTEN, f"{name} was released, and is gone"
        old, new = json.loads(git("show", f"{tag}:{path}")), json.loads((ROOT / path).read_text("utf-8"))
        assert breaking(old, new, directions.get(name, "in")) == (), name
