"""The printed table of situations is that of the situations of today."""

from tests.situations.document import DOCUMENT, document


def test_the_table_of_situations_is_that_of_today() -> None:
    assert DOCUMENT.read_text("utf-8") == document(), "`make docs` writes it again"
