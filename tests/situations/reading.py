"""Reads the files of situations; whatever is wrong is said with its file, line and situation."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml
from pydantic import ValidationError

from tests.situations.vocabulary import Document, Situation

FOLDER = Path(__file__).parent
PlainText = (
    yaml.BaseLoader
)  # a date, `on` or `no` stays the text that was written; the vocabulary says what is a number


class NotUnderstoodError(Exception):
    """A file of situations that cannot be read: each mistake with its line."""


class Written(NamedTuple):
    """One situation, with the file and line at which it begins. `about`: the heading of its file."""

    about: str
    file: str
    line: int
    situation: Situation

    @property
    def name(self) -> str:
        return f"{self.file}: {self.situation.title}"


def read(path: Path) -> list[Written]:
    """The situations of one file. Raises NotUnderstoodError with every mistake that is found."""
    text = path.read_text(encoding="utf-8")
    try:
        written = yaml.load(text, Loader=PlainText)  # noqa: S506 - it makes nothing but strings, lists and mappings
        node = yaml.compose(text, Loader=PlainText)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise NotUnderstoodError(f"{path.name}:{line}: {error.problem}") from None
    try:
        document = Document.model_validate(written)
    except ValidationError as invalid:
        raise NotUnderstoodError("\n".join(_mistakes(path, node, invalid))) from None
    lines = [_line(node, ("situations", n)) for n in range(len(document.situations))]
    return [Written(document.about, path.name, line, one) for line, one in zip(lines, document.situations, strict=True)]


@cache
def all_situations() -> tuple[Written, ...]:
    return tuple(written for path in sorted(FOLDER.glob("*.yaml")) for written in read(path))


def _mistakes(path: Path, node: yaml.Node | None, invalid: ValidationError) -> Iterator[str]:
    for error in invalid.errors(include_url=False):
        where = tuple(part for part in error["loc"] if isinstance(part, int) or part != "step")
        title = _title(node, where)
        said = error["msg"].removeprefix("Value error, ")
        word = next((str(part) for part in reversed(error["loc"]) if isinstance(part, str)), "")
        yield f'{path.name}:{_line(node, where)}: in "{title}": {word}: {said}'


def _line(node: yaml.Node | None, where: tuple[int | str, ...]) -> int:
    """The line of the innermost part that is written."""
    line = 1
    for part in where:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        elif isinstance(node, yaml.MappingNode):
            found = next(((k, value) for k, value in node.value if k.value == part), None)
            if found is None:
                break
            node = found[1]
            line = found[0].start_mark.line + 1
            continue
        else:
            break
        line = node.start_mark.line + 1
    return line


def _title(node: yaml.Node | None, where: tuple[int | str, ...]) -> str:
    if len(where) < 2 or where[0] != "situations" or not isinstance(node, yaml.MappingNode):
        return "the file"
    listed = next((value for key, value in node.value if key.value == "situations"), None)
    if not isinstance(listed, yaml.SequenceNode) or not isinstance(where[1], int):
        return "the file"
    fields = {key.value: value.value for key, value in listed.value[where[1]].value if isinstance(key.value, str)}
    return str(fields.get("title", "a situation without a title"))
