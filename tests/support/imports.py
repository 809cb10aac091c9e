"""Draws which folder imports which in docs/architecture.md; run as a module it writes the drawing again."""

import ast
from collections.abc import Iterator
from pathlib import Path

from services.platform.project import PROJECT

DOCUMENT = PROJECT / "docs" / "architecture.md"
BEGIN, END = "<!-- imports by folder: begin -->", "<!-- imports by folder: end -->"
PACKAGES = ("schemas", "services")
# Below these each folder is drawn by itself.
OPENED = ("services", "services/platform")


def folder_of(module: str) -> str:
    """The folder that a module is drawn in: `services/platform/storage` for `services.platform.storage.reader`."""
    parts = module.split(".")
    folder = parts[0]
    for part in parts[1:]:
        if folder not in OPENED or not (PROJECT / folder / part).is_dir():
            break
        folder = f"{folder}/{part}"
    return folder


def imported(source: Path) -> Iterator[str]:
    """The project's own modules that a file imports, wherever in the file it does so."""
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] in PACKAGES)


def imports() -> frozenset[tuple[str, str]]:
    """Each folder with each other folder that it imports from."""
    found: set[tuple[str, str]] = set()
    for package in PACKAGES:
        for source in (PROJECT / package).rglob("*.py"):
            own = folder_of(source.relative_to(PROJECT).with_suffix("").as_posix().replace("/", "."))
            found.update((own, other) for other in {folder_of(name) for name in imported(source)} - {own})
    return frozenset(found)


def drawing() -> str:
    """The folders and their imports as a Mermaid graph."""
    found = imports()
    folders = sorted({folder for arrow in found for folder in arrow})
    names = {folder: folder.replace("/", "_") for folder in folders}
    lines = [f'  {names[folder]}["{folder}"]' for folder in folders]
    lines += [f"  {names[one]} --> {names[other]}" for one, other in sorted(found)]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```"])


def drawn(document: str) -> str:
    """The document with the drawing of today between its two markers."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{DOCUMENT.name} lacks one of the markers {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{drawing()}\n{END}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(drawn(DOCUMENT.read_text("utf-8")), "utf-8")
