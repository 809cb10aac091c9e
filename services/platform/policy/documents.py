"""YAML that a person wrote, as plain values that still know the line on which each was written.

Every scalar is text: `054`, `no` and `08:30` mean what they look like, and it is for the row to read a number in them.
Nothing but an empty value, `~` and `null` is nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.events import CollectionEndEvent, CollectionStartEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

DEEPEST = 30
TOO_DEEP = "this is nested too deeply, or within itself"
NOTHING = frozenset({"", "~", "null"})
MERGE = "<<"

Step = str | int


@dataclass(frozen=True)
class Problem:
    """A mistake in a file: where, and what would be right."""

    file: str
    line: int
    advice: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.advice}"


class NotReadableError(Exception):
    """A text that is no YAML, or not YAML that a row can be read from."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True)
class Written:
    """A value and where it stands. `node` is what the YAML reader made of it."""

    file: str
    node: Node

    @property
    def value(self) -> Any:
        return _plain(self.node)

    def line(self, *steps: Step) -> int:
        """The line of what lies at these steps, or of the nearest thing above it."""
        line, node = _line(self.node), self.node
        for step in steps:
            found = _within(node, step)
            if found is None:
                break
            line, node = found
        return line

    def problem(self, advice: str, *steps: Step) -> Problem:
        return Problem(self.file, self.line(*steps), advice)

    def entries(self) -> Iterator[tuple[str, "Written"]]:
        """The entries of a mapping; nothing for anything else."""
        if isinstance(self.node, MappingNode):
            for key, value in self.node.value:
                yield key.value, Written(self.file, value)

    def elements(self) -> Iterator["Written"]:
        """The elements of a list; nothing for anything else."""
        if isinstance(self.node, SequenceNode):
            for element in self.node.value:
                yield Written(self.file, element)

    @property
    def is_list(self) -> bool:
        return isinstance(self.node, SequenceNode)

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.node, MappingNode)


def read(file: str, text: str) -> Written | None:
    """One document, or None for an empty one. Raises NotReadableError."""
    try:
        if line := _too_deep(text):
            raise NotReadableError((Problem(file, line, TOO_DEEP),))
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or "not readable"
        line = 1 if mark is None else mark.line + 1
        raise NotReadableError(
            (Problem(file, line, f"this is not YAML ({said}): indent with spaces, and quote text with a colon"),)
        ) from None
    if node is None:
        return None
    if problems := tuple(_mistakes(file, node, 0)):
        raise NotReadableError(problems)
    return Written(file, node)


def _too_deep(text: str) -> int | None:
    """The line on which a text is nested too deeply, found before it is composed: the composer calls itself, and would
    end the process."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, CollectionStartEvent):
            depth += 1
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST and event.start_mark is not None:
            return event.start_mark.line + 1
    return None


def _mistakes(file: str, node: Node, depth: int) -> Iterator[Problem]:
    if depth > DEEPEST:
        yield Problem(file, _line(node), TOO_DEEP)
        return
    if isinstance(node, SequenceNode):
        for element in node.value:
            yield from _mistakes(file, element, depth + 1)
    if isinstance(node, MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                yield Problem(file, _line(key), "a key is one word")
                continue
            if key.value in first:
                yield Problem(file, _line(key), f"`{key.value}` is already given on line {first[key.value]}: keep one")
            first.setdefault(key.value, _line(key))
            yield from _mistakes(file, value, depth + 1)


def _plain(node: Node) -> Any:
    match node:
        case MappingNode():
            own = {key.value: _plain(value) for key, value in node.value if key.value != MERGE}
            return _merged(node) | own
        case SequenceNode():
            return [_plain(element) for element in node.value]
        case ScalarNode():
            return None if not node.style and node.value in NOTHING else node.value
    raise TypeError("YAML has no other node")


def _merged(node: MappingNode) -> dict[str, Any]:
    """What `<<: *name` takes over; an earlier one counts before a later one."""
    taken: dict[str, Any] = {}
    for source in _merge_sources(node):
        taken = _plain(source) | taken
    return taken


def _merge_sources(node: MappingNode) -> Iterator[MappingNode]:
    for key, value in node.value:
        if key.value == MERGE:
            for source in value.value if isinstance(value, SequenceNode) else (value,):
                if isinstance(source, MappingNode):
                    yield source


def _within(node: Node, step: Step) -> tuple[int, Node] | None:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == step:
                return _line(key), value
        for source in _merge_sources(node):
            if (found := _within(source, step)) is not None:
                return found
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return _line(node.value[step]), node.value[step]
    return None


def _line(node: Node) -> int:
    line: int = node.start_mark.line + 1
    return line
