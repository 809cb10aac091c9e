"""The tables on a real PostgreSQL: they are as they are declared, and every statement of the relay fits them."""

import ast
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

import psycopg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from services.platform.storage.database import migrate
from services.platform.storage.tables import TABLES

PROJECT = Path(__file__).parents[2]
STATEMENT = re.compile(
    r"\s*(select|insert into|update|delete from|with)\s(?=.*\s(from|set|values|select)\b)", re.DOTALL
)
UNKNOWN = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.AmbiguousColumn,
)
PARAMETER = re.compile(r"%%|%(?:\((\w+)\))?[sbt]")


def test_the_migrated_tables_are_those_that_are_declared(database: str) -> None:
    migrate(database)
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)
    with engine.connect() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True, "compare_server_default": True})
        differences = compare_metadata(context, TABLES)
    assert differences == []


def test_every_statement_names_tables_and_columns_that_there_are(database: str) -> None:
    migrate(database)
    wrong, unclear, good = [], [], []
    with psycopg.connect(database, autocommit=True) as conn:
        for origin, statement in statements():
            try:
                conn.execute(f"prepare tried as {numbered(statement)}".encode())
                conn.execute("deallocate tried")
                good.append(origin)
            except UNKNOWN as problem:
                wrong.append(f"{origin}: {problem.diag.message_primary}")
            except psycopg.errors.ProgrammingError as problem:
                unclear.append(f"{origin}: {problem.diag.message_primary}")
    assert wrong == []
    # Two name a table that only the caller knows, one lets PostgreSQL guess the type of a parameter.
    assert len(unclear) <= 3, unclear
    assert len(good) > 100


def statements() -> Iterator[tuple[str, str]]:
    """Every statement in the code of services, and where it is."""
    for path in sorted((PROJECT / "services").rglob("*.py")):
        name = str(path.relative_to(PROJECT))
        module = name.removesuffix(".py").replace("/", ".")
        tree = ast.parse(path.read_text())
        parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
                text = node.value
            elif isinstance(node, ast.JoinedStr) and STATEMENT.match(ast.unparse(node).lstrip("f'\"")):
                text = put_together(node, vars(import_module(module)))
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "insert":
                text = of_many_rows(*(arg.value for arg in node.args if isinstance(arg, ast.Constant)))
            else:
                continue
            if STATEMENT.match(text):
                yield f"{name}:{node.lineno}", text


def of_many_rows(into: object, types: object, conflict: object = "") -> str:
    """The statement that `rows.insert` makes of this."""
    return f"insert into {into} select null, {', '.join(f'null::{type_}' for type_ in str(types).split())} {conflict}"


def put_together(node: ast.JoinedStr, names: Mapping[str, object]) -> str:
    """An f-string with its module's own words; what only its function knows is a condition."""
    known = {part.id: names.get(part.id, "true") for part in ast.walk(node) if isinstance(part, ast.Name)}
    return str(eval(compile(ast.Expression(node), "<statement>", "eval"), known))  # noqa: S307 - our own code


def numbered(statement: str) -> str:
    """A statement of psycopg's as PostgreSQL takes it: its parameters by number."""
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        return f"${names.setdefault(found[1] or f'{len(names)}', len(names) + 1)}"

    return PARAMETER.sub(number, statement)
