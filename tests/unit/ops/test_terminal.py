"""What commands write is text, whatever a file or a value is called, and a pipe gets every line whole."""

import io
import json
from datetime import UTC, datetime

import pytest
from rich.table import Table
from typer.testing import CliRunner

from services.ops.cli import app
from services.ops.terminal import Output, heading, moment

DUTY = "missed_order/54250077303/party/1/54DC0055525/2554DC0100000055501J/1/SC15005A/cps-westmarch"
ODD = (":100:", "[bold]x[/bold]", "[link=file:///etc]y", ":warning: 54:DC:01")


def written(*given: object) -> str:
    stream = io.StringIO()
    output = Output(stream)
    output.file = stream
    for each in given:
        output.print(each)
    return stream.getvalue()


@pytest.mark.parametrize("text", ODD)
def test_what_looks_like_markup_is_printed_as_it_is(text: str) -> None:
    table = Table(box=None)
    table.add_column("file")
    table.add_row(text)
    assert written(text) == f"{text}\n"
    assert text in [line.strip() for line in written(table).splitlines()]


@pytest.mark.parametrize("text", ODD)
def test_a_file_with_an_odd_name_is_named_as_it_is(text: str) -> None:
    said = CliRunner().invoke(app, ["publish", "--dry-run", text])
    assert f"There is no file or folder {text}." in str(said.exception)


def test_what_is_to_be_copied_stands_on_one_line_of_a_pipe() -> None:
    table = Table(box=None)
    for column in ("duty", "id", "why"):
        table.add_column(column, overflow="fold")
    table.add_row(DUTY, "5f2b7f0c-6a35-5d0e-9a51-0c5a3d1e9b77", "a reason of many words " * 10)
    assert DUTY in written(table)
    assert "5f2b7f0c-6a35-5d0e-9a51-0c5a3d1e9b77" in written(table)


def test_a_pipe_gets_no_blanks_at_the_end_of_lines_and_headings_of_a_sensible_width() -> None:
    lines = written(heading("Who was told"), "text").splitlines()
    assert lines == [line.rstrip() for line in lines]
    assert max(map(len, lines)) <= 80


def test_agencies_are_listed_one_json_object_a_line() -> None:
    said = CliRunner().invoke(app, ["agencies", "list", "--kind", "idva", "--json"])
    listed = [json.loads(line) for line in said.stdout.splitlines()]
    assert {agency["kind"] for agency in listed} == {"idva"}
    assert all(agency["name"] for agency in listed)


def test_the_hour_of_october_that_is_there_twice_is_marked_with_its_zone_and_no_other_is() -> None:
    assert moment(datetime(2026, 10, 25, 0, 30, tzinfo=UTC)) == "Sun 25 Oct 2026, 01:30 BST"
    assert moment(datetime(2026, 10, 25, 1, 30, tzinfo=UTC)) == "Sun 25 Oct 2026, 01:30 GMT"
    assert moment(datetime(2026, 10, 25, 2, 30, tzinfo=UTC)) == "Sun 25 Oct 2026, 02:30"
    assert moment(datetime(2026, 3, 29, 1, 30, tzinfo=UTC)) == "Sun 29 Mar 2026, 02:30"
