"""What each error means: the table, and what follows from it."""

import asyncio
from itertools import pairwise

import psycopg
import pytest
from psycopg import errors
from psycopg_pool import PoolTimeout

from services.platform.streaming.errors import PAUSES, TABLE, Failures, Row, Then, Tries
from services.platform.streaming.halting import DatabaseWentBack, Halt, HaltReason


def row_of(problem: Exception) -> Row:
    return next(row for row in TABLE if isinstance(problem, row.errors))


def by_sqlstate(code: str) -> Exception:
    return errors.lookup(code)()


def after(*problems: Exception, size: int = 1, answers: bool = False) -> tuple[list[Then], int]:
    """What follows each of these errors of the same work, and how many records are tried next."""

    async def database_answers() -> bool:
        return answers

    async def follow() -> tuple[list[Then], int]:
        failures, tries = Failures("incidents", database_answers), Tries(size)
        return [await failures.of_work(problem, tries) for problem in problems], tries.size

    return asyncio.run(follow())


@pytest.mark.parametrize(
    ("problem", "several", "one", "note"),
    [
        (by_sqlstate("22003"), Then.SPLIT, Then.REFUSE, Then.HALT),
        (by_sqlstate("54000"), Then.SPLIT, Then.REFUSE, Then.HALT),
        (by_sqlstate("57014"), Then.SPLIT, Then.RETRY, Then.RETRY),
        (by_sqlstate("25P04"), Then.SPLIT, Then.RETRY, Then.RETRY),
        (by_sqlstate("40P01"), Then.SPLIT, Then.RETRY, Then.RETRY),
        (by_sqlstate("55P03"), Then.SPLIT, Then.RETRY, Then.RETRY),
        (by_sqlstate("40001"), Then.SPLIT, Then.RETRY, Then.RETRY),
        (by_sqlstate("23505"), Then.RETRY, Then.RETRY, Then.RETRY),
        (by_sqlstate("42P01"), Then.RETRY, Then.RETRY, Then.RETRY),
        (by_sqlstate("0P000"), Then.RETRY, Then.RETRY, Then.RETRY),
        (by_sqlstate("0A000"), Then.RETRY, Then.RETRY, Then.RETRY),
        (by_sqlstate("57P01"), Then.RETRY, Then.RETRY, Then.RETRY),
        (by_sqlstate("53100"), Then.RETRY, Then.RETRY, Then.RETRY),
        (PoolTimeout(), Then.RETRY, Then.RETRY, Then.RETRY),
        (ValueError(), Then.SPLIT, Then.FAULT, Then.HALT),
        (DatabaseWentBack(), Then.HALT, Then.HALT, Then.HALT),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_error_has_one_meaning_for_several_records_for_one_and_for_a_note(
    problem: Exception, several: Then, one: Then, note: Then
) -> None:
    row = row_of(problem)
    assert (row.several, row.one, row.note) == (several, one, note)


def test_no_error_of_the_database_is_taken_for_a_fault_of_the_record() -> None:
    meant = {name for name in dir(errors) if isinstance(kind := getattr(errors, name), type) and _is_the_servers(kind)}
    unnamed = {name for name in meant if row_of(getattr(errors, name)()) is TABLE[-1]}
    assert len(meant) > 200
    assert unnamed == set()


def _is_the_servers(kind: type) -> bool:
    return issubclass(kind, psycopg.Error) and getattr(kind, "sqlstate", None) is not None


def test_a_batch_is_halved_until_one_record_is_left_and_that_one_is_refused() -> None:
    bad = by_sqlstate("22003")
    assert after(bad, bad, bad, bad, size=7) == ([Then.RETRY] * 3 + [Then.REFUSE], 1)


def test_one_record_that_takes_too_long_every_time_is_faulted_in_the_end() -> None:
    ends, size = after(*[by_sqlstate("57014")] * 12, size=2)
    assert (ends, size) == ([Then.RETRY] * 11 + [Then.FAULT], 1)


def test_a_session_that_ended_while_the_server_answers_counts_as_too_slow() -> None:
    ended = errors.OperationalError()
    assert after(ended, size=8, answers=True) == ([Then.RETRY], 4)
    assert after(ended, size=8, answers=False) == ([Then.RETRY], 8)
    assert after(PoolTimeout(), size=8, answers=True) == ([Then.RETRY], 8)
    assert after(errors.DiskFull(), size=8, answers=True) == ([Then.RETRY], 8)


def test_tables_that_refuse_three_times_halt_the_process() -> None:
    missing = by_sqlstate("42P01")
    assert after(missing, missing, size=8) == ([Then.RETRY] * 2, 8)
    with pytest.raises(Halt) as halt:
        after(missing, missing, missing, size=8)
    assert halt.value.reason is HaltReason.DATABASE_REFUSES


def test_an_order_to_halt_is_passed_on_as_it_is() -> None:
    with pytest.raises(DatabaseWentBack):
        after(DatabaseWentBack(), size=8)


def test_an_error_that_the_table_does_not_know_ends_the_process_where_something_must_be_noted() -> None:
    async def never() -> bool:
        return False

    async def note() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(Failures("incidents", never).until_stored(note))


def test_pauses_grow() -> None:
    assert all(before < after for before, after in pairwise(PAUSES))
