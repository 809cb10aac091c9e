"""The catalogue of events, written from the contract: a page a type, who speaks and who listens, what is refused."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from inspect import get_annotations
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from schemas import births
from schemas import values as v
from schemas.bad_input import BAD_INPUT
from schemas.classes import DataClass
from schemas.compatibility import class_of, mark_of, schema_of
from schemas.field_errors import models_in
from schemas.registry import REGISTRY, EventType, Registry, Stream

HERE = Path(__file__).parent
EXAMPLES = HERE / "examples"
SNAPSHOTS = HERE / "snapshots"
PAGES = HERE.parent / "docs" / "events"

CLASSES: Mapping[DataClass, str] = {
    DataClass.R: "references and event type",
    DataClass.T: "times, court, listing",
    DataClass.O: "offence and verdict",
    DataClass.D: "order terms, coded",
    DataClass.K: "risk",
    DataClass.P: "victim identity",
    DataClass.S: "suspect identity",
    DataClass.C: "child identity",
    DataClass.L: "any location",
    DataClass.N: "narrative and circumstances",
    DataClass.H: "health and other sensitive data",
    DataClass.X: "safe contact",
    DataClass.CR: "representation, as on the court's record",
    DataClass.IP: "indicators from police and court facts",
    DataClass.II: "indicators from the IDVA",
}
RulesThatRead = Mapping[str, Mapping[str, Sequence[str]]]
_GENERATED = "<!-- Written by `make docs` from schemas/; changes here are lost. -->\n"
_PLAIN: Mapping[object, str] = {str: "text", int: "whole number", bool: "true or false", float: "number"}
_WRITTEN: Mapping[object, str] = {
    v.Text: "text",
    v.Name: "text",
    v.Code: "code",
    v.Reference: "reference",
    v.Place: "place",
    v.Moment: "date and time with offset",
    v.Day: "date",
    births.BirthDate: "date",
    v.Number: "number from 1",
    v.ForceCode: "force code",
    v.CourtCode: "court code",
    v.LaCode: "local authority code",
    v.SchoolUrn: "school URN",
    v.AgencyId: "agency id",
    v.Pseudonym: "pseudonym",
}


def pages(registry: Registry = REGISTRY, *, rules: RulesThatRead) -> dict[Path, str]:
    """Every page of the catalogue and every snapshot, by its path in the repository. `rules`: by type of fact, the
    rules that read it, by service; the contract itself knows no rules."""
    written = {PAGES / "README.md": _index(registry), PAGES / "refused.md": _refused()}
    for stream, fact in registry.types.values():
        written[PAGES / f"{fact.name}.md"] = _page(stream, fact, rules.get(fact.name, {}))
        for name, version in zip(fact.on_the_wire, fact.versions, strict=True):
            written[SNAPSHOTS / f"{name}.json"] = json.dumps(schema_of(version.body), indent=2, sort_keys=True) + "\n"
        if fact.withdrawn is not None:
            name = re.sub(r"(?<!^)(?=[A-Z])", "-", fact.withdrawn.__name__).lower()
            written[SNAPSHOTS / f"{name}.json"] = json.dumps(schema_of(fact.withdrawn), indent=2, sort_keys=True) + "\n"
    return written


class Example(NamedTuple):
    """An event as people write it, and the file in which it is: one by itself, or one on each line (`.jsonl`)."""

    path: Path
    text: str

    @property
    def document(self) -> Any:
        return json.loads(self.text)


def examples_in(folder: Path) -> tuple[Example, ...]:
    """All examples of a folder and those in it, in the order of their names."""
    return tuple(
        Example(path, text)
        for path in sorted(folder.rglob("*.json*"))
        for text in (path.read_text("utf-8").splitlines() if path.suffix == ".jsonl" else [path.read_text("utf-8")])
    )


def examples_of(stream: Stream, fact: EventType) -> tuple[Example, ...]:
    """The committed examples of a type, every version."""
    return examples_in(EXAMPLES / stream.topic.replace(".{agency}", "") / fact.name.rsplit(".", 1)[1])


def write(written: Mapping[Path, str]) -> None:
    """Writes the pages and snapshots, and removes those of types that are gone."""
    for folder, kind in ((PAGES, "*.md"), (SNAPSHOTS, "*.json")):
        folder.mkdir(parents=True, exist_ok=True)
        for stale in set(folder.glob(kind)) - written.keys():
            stale.unlink()
    for path, text in written.items():
        path.write_text(text, "utf-8")


def _index(registry: Registry) -> str:
    lines = [_GENERATED, "# Events", ""]
    lines += [
        "Each type is a statement about one subject, restated whole by every higher version and taken back by a",
        "withdrawn one. Records are CloudEvents 1.0 in Kafka's binary mode (structured mode is read as well);",
        "the key is the subject. [What is refused, and why](refused.md).",
        "",
        "## Who speaks, who listens",
        "",
        *_graph(registry),
        "",
        "## Streams",
        "",
        "| stream | owner | also read by | partitions | kept | largest message | dead letters |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{s.topic}` | {s.owner} | {', '.join(s.readers)} | {s.partitions} | {s.retention_days} days "
        f"| {s.largest_message // 1024} KiB | `{s.dead_letter}` |"
        for s in registry.streams
    ]
    lines += ["", "## Types", "", "| type | says | stream |", "| --- | --- | --- |"]
    for stream, fact in registry.types.values():
        lines.append(f"| [`{fact.on_the_wire[-1]}`]({fact.name}.md) | {_summary(fact.newest)} | `{stream.topic}` |")
    lines += ["", "## Data classes", "", "| class | what |", "| --- | --- |"]
    lines += [f"| {letter} | {says} |" for letter, says in CLASSES.items()]
    lines += ["", "A form in brackets shows less than the whole: `K (grade)` is the grade without the ticks.", ""]
    return "\n".join(lines)


def _graph(registry: Registry) -> Iterator[str]:
    yield "```mermaid"
    yield "flowchart LR"
    for stream in registry.streams:
        topic = _node(stream.topic)
        yield f'  {topic}[["{stream.topic.replace("{agency}", "&lt;id&gt;")}"]]'
        for publisher in stream.publishers:
            yield f'  {_node(publisher)}("{publisher}") --> {topic}'
        readers = stream.readers if stream.direction == "out" else (stream.owner, *stream.readers)
        for reader in readers:
            yield f'  {topic} --> {_node(reader)}("{reader}")'
        yield f'  {topic} -. refused .-> {topic}_dlq[/"{stream.dead_letter.replace("{agency}", "&lt;id&gt;")}"/]'
    yield "```"


def _node(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _page(stream: Stream, fact: EventType, rules: Mapping[str, Sequence[str]]) -> str:
    name = fact.on_the_wire[-1]
    lines = [_GENERATED, f"# {name}", "", (fact.newest.__doc__ or "").replace("\n    ", "\n").strip(), ""]
    lines += [
        f"- Stream: `{stream.topic}`; dead letters: `{stream.dead_letter}`",
        f"- Published by: {', '.join(stream.publishers)}",
        f"- Owned by: {stream.owner}; also read by: {', '.join(stream.readers)}",
        f"- Versions that are read: {', '.join(f'`{known}`' for known in fact.on_the_wire)}",
        f"- JSON Schema: [{name}.json](../../schemas/snapshots/{name}.json)",
    ]
    if rules:
        lines.append("- Rules that read it:")
        lines += [f"  - {by}: {', '.join(f'`{name}`' for name in names)}" for by, names in rules.items()]
    elif stream.direction == "in":
        lines.append("- Rules that read it: none; it links other facts, or says who a person is")
    lines += [
        "",
        "## Fields",
        "",
    ]
    for model in models_in(fact.newest):
        lines += _fields(model, nested=model is not fact.newest)
    if fact.withdrawn is not None:
        lines += ["## Withdrawn", "", "A version that takes its subject back, with the subject in the envelope:", ""]
        lines += _fields(fact.withdrawn, nested=False)
    lines += _example(stream, fact)
    return "\n".join(lines) + "\n"


def _fields(model: type[BaseModel], *, nested: bool) -> Iterator[str]:
    if nested:
        yield f"### {model.__name__}"
        yield ""
        yield (model.__doc__ or "").replace("\n    ", "\n").strip()
        yield ""
    yield "| field | what | needed | data class |"
    yield "| --- | --- | --- | --- |"
    for name, field in model.model_fields.items():
        mark = mark_of(model, name)
        annotation = next(notes[name] for owner in model.__mro__ if name in (notes := get_annotations(owner)))
        needed = "yes" if field.is_required() else _default(field.get_default())
        yield f"| `{name}` | {_words(annotation)} | {needed} | {class_of(mark) if mark else 'as projected'} |"
    yield ""


def _default(value: Any) -> str:
    if value in (None, (), PydanticUndefined) or isinstance(value, BaseModel):
        return "no"
    return f"no, else `{json.dumps(value)}`"


def _words(annotation: Any) -> str:
    """What a field holds, in words: `list of Party`, `one of home, public`."""
    known = next((words for form, words in _WRITTEN.items() if _is_form(annotation, form)), None)
    if known:
        return known
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return f"one of {', '.join(f'`{value.value}`' for value in annotation)}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    inner = [part for part in get_args(annotation) if part not in (type(None), ...)]
    if get_origin(annotation) is Literal:
        return f"one of {', '.join(f'`{json.dumps(value).strip(chr(34))}`' for value in inner)}"
    if get_origin(annotation) is tuple:
        return f"list of {_words(inner[0])}"
    if hasattr(annotation, "__metadata__"):
        return _words(annotation.__origin__)
    return _words(inner[0]) if len(inner) == 1 else "any JSON"


def _example(stream: Stream, fact: EventType) -> Iterator[str]:
    examples = examples_of(stream, fact)
    paths = dict.fromkeys(example.path for example in examples)
    whole = [(e.path, e.document) for e in examples if "withdrawn" not in e.document["data"]]
    path, shown = min(whole, key=lambda found: (found[1]["factversion"], -len(str(found[1]))))
    yield "## Example"
    yield ""
    if stream.direction == "in":
        yield "Paste this into `relay publish -`, which computes the id:"
    else:
        yield "The relay alone issues this; what an agency reads looks so:"
    yield ""
    yield "```json"
    yield json.dumps(shown, indent=2, ensure_ascii=False)
    yield "```"
    yield ""
    folder = path.parent.relative_to(HERE.parent)
    yield f"All cases, in [{folder}](../../{folder}):"
    yield ""
    yield from (f"- [{p.stem.replace('-', ' ')}](../../{p.relative_to(HERE.parent)})" for p in paths)


def _is_form(annotation: Any, form: Any) -> bool:
    """Whether an annotation is this form of value, marks that follow it apart: nested Annotated is one flat row."""
    row = getattr(annotation, "__metadata__", ())
    same = getattr(annotation, "__origin__", None) == form.__origin__
    return bool(same and row[: len(form.__metadata__)] == form.__metadata__)


def _summary(body: type[v.Frozen]) -> str:
    text = " ".join((body.__doc__ or "").split())
    return text.split(" Subject:")[0]


def _refused() -> str:
    lines = [_GENERATED, "# What is refused, and why", ""]
    lines += [
        "A refused record goes to the dead letters of its stream, untouched, with the reason and which field is wrong",
        "in its headers, never a value. Records around it are not held up. Those marked *replay* can be accepted later",
        "as they are, by a release or a policy that knows what is unknown today.",
        "An answer to a notification that nobody issued is not refused: it is kept, and its sender is told.",
        "",
        "| input | end | reason | what it means |",
        "| --- | --- | --- | --- |",
    ]
    for bad in BAD_INPUT:
        end = "refused, *replay*" if bad.reason.replayable else "refused"
        lines.append(f"| {bad.what} | {end} | `{bad.reason}` | {bad.reason.sentence} |")
    return "\n".join([*lines, ""])
