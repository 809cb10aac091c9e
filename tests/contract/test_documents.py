"""What the documents say is so: their examples are read, their commands exist, their links lead somewhere."""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
import yaml
from typer.testing import CliRunner

from schemas import registry
from schemas.agency_responses.v1 import Decision, DeclineReason
from schemas.envelope import Record as Written
from services.ops.cli import Commands, app, loaded
from services.platform.settings import Settings
from services.platform.storage.records import Record, headers_from_text
from services.platform.streaming import wire

PROJECT = Path(__file__).parents[2]
WRITTEN = [
    *(PROJECT / name for name in ("README.md", "CHANGELOG.md", "schemas/README.md")),
    *sorted(PROJECT.glob("services/*/README.md")),
    *sorted(PROJECT.glob("docs/*.md")),
    *sorted(PROJECT.glob("docs/adr/*.md")),
]
GENERATED = sorted(PROJECT.glob("docs/events/*.md"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NO_SERVERS = ("publish --dry-run", "agencies check")


class Block(NamedTuple):
    """A fenced block of a document."""

    document: str
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}: {self.text.strip().partition(chr(10))[0]}"


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


BLOCKS = [Block(name_of(path), kind, text) for path in WRITTEN for kind, text in FENCE.findall(path.read_text("utf-8"))]


def without_fences(path: Path) -> str:
    return FENCE.sub("", path.read_text("utf-8"))


def inline_code() -> Iterator[tuple[str, str]]:
    for path in WRITTEN:
        yield from ((name_of(path), code) for code in re.findall(r"`([^`\n]+)`", without_fences(path)))


def commands_of(text: str) -> Iterator[str]:
    """Every `relay ...` line of a block, without prompt, settings, pipes, redirections and remarks."""
    for line in text.splitlines():
        found = re.match(r"(?:\$ )?(?:[A-Z_]+=\S+ )*(?:[^|]*\| )?relay(?: |$)([^|>#]*)", line.strip())
        if found:
            yield found[1].strip()


def all_commands() -> list[tuple[str, str]]:
    in_blocks = [(b.document, c) for b in BLOCKS if b.kind in ("", "console", "sh") for c in commands_of(b.text)]
    in_text = [(document, command) for document, code in inline_code() for command in commands_of(code)]
    return list(dict.fromkeys([*in_blocks, *in_text]))


def examples(kind: str) -> list[Block]:
    return [block for block in BLOCKS if block.kind == kind]


def record_of(text: str) -> tuple[str, Written]:
    """A record as documents show it: topic, key and headers a line each, then its content."""
    head, _, content = text.partition("\n\n")
    lines = dict(line.split(" ", 1) for line in head.splitlines())
    topic, key = lines.pop("topic"), lines.pop("key")
    headers = tuple((name, value.encode()) for name, value in lines.items())
    return topic, Written(key.encode(), content.strip().encode(), headers)


@pytest.mark.parametrize("block", examples("json"), ids=str)
def test_an_example_in_a_document_can_be_published_or_was_issued(block: Block) -> None:
    document = json.loads(block.text)
    read = registry.publication(block.text.encode())
    if isinstance(read, registry.Refusal) and document["type"].startswith("uk.relay."):
        assert read.reason == "not_entitled"
    else:
        assert isinstance(read, registry.Publication), read.detail
    assert registry.check_strict(document["type"], json.dumps(document["data"]).encode()) is None


def test_a_record_in_a_document_is_read_by_the_relay() -> None:
    shown = [record_of(block.text) for block in examples("record") if "\nce_" in block.text]
    assert shown
    for topic, record in shown:
        read = registry.decode(topic, record.key, record.value, record.headers)
        assert isinstance(read, registry.Received), read.detail
        assert registry.check_strict(read.envelope.type, record.value) is None


def test_a_dead_letter_in_a_document_is_what_the_relay_writes() -> None:
    good = next(record_of(block.text) for block in examples("record") if "\nce_" in block.text)
    topic, record = good
    broken = json.loads(record.value) | {"risk": {"tool": "DASH-2009-27", "grade": "invented"}}
    value = json.dumps(broken).encode()
    refusal = registry.decode(topic, record.key, value, record.headers)
    assert isinstance(refusal, registry.Refusal)
    dead_topic, dead = next(record_of(block.text) for block in examples("record") if "\ndlq-" in block.text)
    shown = {name: text.decode() for name, text in dead.headers}
    came = Record(
        topic,
        int(shown["dlq-original-partition"]),
        int(shown["dlq-original-offset"]),
        datetime.fromisoformat(shown["dlq-original-timestamp"]),
        record.key,
        value,
        record.headers,
    )
    failed_at = datetime.fromisoformat(shown["dlq-first-failed-at"]).astimezone(UTC)
    _, letter = wire.dead_letter(came, refusal, shown["dlq-service"], shown["dlq-service-version"], failed_at)
    written = {name: text.decode() for name, text in headers_from_text(letter.headers) if name.startswith("dlq-")}
    assert (dead_topic, shown) == (letter.topic, written)


@pytest.mark.parametrize("command", all_commands(), ids=": ".join)
def test_a_command_in_a_document_exists_with_these_options(command: tuple[str, str]) -> None:
    named, words = resolved(typer.main.get_command(app), shlex.split(command[1]))
    _, left_over, _ = named.make_parser(named.context_class(named)).parse_args(list(words))
    assert left_over == []


def test_a_command_that_is_not_there_would_be_noticed() -> None:
    with pytest.raises(AssertionError, match="there is no command"):
        resolved(typer.main.get_command(app), ["dlq", "forget"])
    publish, _ = resolved(typer.main.get_command(app), ["publish"])
    with pytest.raises(Exception, match="No such option"):
        publish.make_parser(publish.context_class(publish)).parse_args(["--dry-ran", "FILE"])


def resolved(command: Any, words: Sequence[str]) -> tuple[Any, Sequence[str]]:
    """The command that these words name, and what is left for it to read; a group may be named by itself."""
    if not words or words[0].startswith("--") or not hasattr(command, "commands"):
        return command, words
    assert words[0] in command.commands, f"there is no command {words[0]}"
    found = loaded(words[0]) if isinstance(command, Commands) else command.commands[words[0]]
    return resolved(found, words[1:])


RUNNABLE = [
    (block.document, step)
    for block in examples("console")
    for step in re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    if any(step.startswith(f"relay {begin}") for begin in NO_SERVERS)
]


@pytest.mark.parametrize("shown", RUNNABLE, ids=lambda shown: shown[0])
def test_a_command_that_needs_no_servers_says_what_the_document_shows(
    shown: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    command, _, said = shown[1].partition("\n")
    result = CliRunner().invoke(app, shlex.split(command, comments=True)[1:], env={"COLUMNS": "120"})
    assert result.exit_code == 0
    lines = [line.rstrip() for line in result.output.splitlines()]
    assert lines == [line.rstrip() for line in said.splitlines()]


def anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", without_fences(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", [*WRITTEN, *GENERATED], ids=name_of)
def test_every_link_of_a_document_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_fences(path)):
        if not target.startswith("http"):
            place, _, anchor = target.partition("#")
            led_to = (path.parent / place).resolve() if place else path
            assert led_to.exists(), target
            assert not anchor or anchor in anchors(led_to), target


def test_every_file_that_a_document_names_is_there() -> None:
    named = {
        (document, code)
        for document, code in inline_code()
        if re.fullmatch(r"(services|schemas|tests|deploy|docs)/[\w./*-]+", code)
    }
    assert {(document, code) for document, code in named if not any(PROJECT.glob(code.rstrip("/")))} == set()


def test_every_make_target_and_setting_that_a_document_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    settings = {f"RELAY_{name.upper()}" for name in Settings.model_fields}
    text = "\n".join(path.read_text("utf-8") for path in WRITTEN)
    assert set(re.findall(r"(?:`|^\$ )make ([a-z]+)", text, re.MULTILINE)) <= targets
    assert set(re.findall(r"\bRELAY_[A-Z_]+\b", text)) <= settings


def test_readers_of_notifications_are_told_every_code_and_the_fixed_words() -> None:
    text = (PROJECT / "docs/reading-notifications.md").read_text("utf-8")
    assert [code for code in (*DeclineReason, *Decision) if f"`{code}`" not in text] == []
    rows = yaml.safe_load((PROJECT / "deploy/policy/texts.yaml").read_text("utf-8"))["texts"]
    words = {row["words"] for row in rows}
    assert set(re.findall(r"^> (.*)$", text, re.MULTILINE)) <= words


def test_every_record_of_a_choice_is_listed_once() -> None:
    listed = re.findall(r"\(adr/([^)]+)\)", (PROJECT / "docs/architecture.md").read_text("utf-8"))
    assert sorted(listed) == sorted(path.name for path in PROJECT.glob("docs/adr/*.md"))
