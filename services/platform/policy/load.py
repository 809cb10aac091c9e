"""Reads the folders of policy and agencies; all that is wrong is refused, each mistake with its line and remedy."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from services.platform.policy.advice import advice, unknown
from services.platform.policy.checks import mistakes, unused
from services.platform.policy.documents import NotReadableError, Problem, Written, read
from services.platform.policy.policy import PolicySet
from services.platform.policy.tables import TABLES, Named, Placed, Tables
from services.platform.problems import CannotBeginError

ONE_ROW = frozenset({"times"})


class PolicyRefusedError(CannotBeginError):
    """Policy or agencies that cannot be used: all that is wrong with them, in the order of files and lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems), key=lambda problem: (problem.file, problem.line, problem.advice)))
        super().__init__("\n".join(map(str, self.problems)))


def load(policy: Path, agencies: Path, named: Named, used: Named | None = None) -> PolicySet:
    """All `*.yaml` files of both folders, as one set. Raises PolicyRefusedError with everything that is wrong.

    `named`: what policy must have for the rules that will run. `used`: what any rule uses, where all rules are known:
    a row with another name is a mistake.
    """
    texts: dict[str, str] = {}
    for folder in (policy, agencies):
        if not folder.is_dir():
            raise PolicyRefusedError(
                [Problem(str(folder), 1, "there is no such folder: name the one with the YAML files")]
            )
        for file in sorted(folder.glob("*.yaml")):
            try:
                texts[str(file)] = file.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                raise PolicyRefusedError([Problem(str(file), 1, "save this file as UTF-8")]) from None
    return read_set(texts, named, used)


def read_set(texts: Mapping[str, str], named: Named, used: Named | None = None) -> PolicySet:
    """The texts of files, by name, as one set; any table may stand in any file, or in several. Raises as `load`."""
    problems: list[Problem] = []
    rows: dict[str, list[Placed[Any]]] = {}
    for file, text in sorted(texts.items()):
        try:
            document = read(file, text)
        except NotReadableError as unreadable:
            problems.extend(unreadable.problems)
            continue
        for table, found in _rows(file, document):
            if isinstance(found, Problem):
                problems.append(found)
            else:
                rows.setdefault(table, []).append(found)
    tables = Tables({table: tuple(placed) for table, placed in rows.items()})
    # A row that cannot be read is missing from its table: what then seems to be wrong elsewhere may well be right.
    if not problems:
        problems.extend(mistakes(tables, named))
        problems.extend(() if used is None else unused(tables, used))
    if problems:
        raise PolicyRefusedError(problems)
    kept = {table: tuple(placed.row for placed in tables.rows.get(table, ())) for table in TABLES}
    (times,) = kept.pop("times")
    return PolicySet(times=times, **kept)


def _rows(file: str, document: Written | None) -> Iterator[tuple[str, Placed[Any] | Problem]]:
    if document is None or not document.is_mapping:
        yield "", Problem(file, 1, "begin with the name of a table and a colon, such as `routes:`")
        return
    for table, written in document.entries():
        if table.startswith("x-"):
            continue
        if table not in TABLES:
            yield "", document.problem(unknown("table", table, TABLES), table)
        elif table in ONE_ROW:
            yield from ((table, found) for found in _row(table, written))
        elif written.is_list:
            for element in written.elements():
                yield from ((table, found) for found in _row(table, element))
        else:
            yield "", document.problem(f"`{table}` is a list: begin each row with `- `", table)


def _row(table: str, written: Written) -> Iterator[Placed[Any] | Problem]:
    model = TABLES[table]
    try:
        yield Placed(model.model_validate(written.value), written)
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False, include_input=False):
            yield written.problem(advice(error, model), *error["loc"])
