"""How `make test` shares tests out among its processes, as the plug-in that does it asks."""

import pytest

from tests.conftest import scope_of


@pytest.mark.parametrize(
    ("test", "scope"),
    [
        ("tests/unit/domain/test_links.py::test_one", "tests/unit/domain/test_links.py"),
        ("tests/broker/test_thread.py::test_one[a::b]", "tests/broker/test_thread.py::test_one[a::b]"),
        ("tests/broker/test_story.py::test_one", "tests/broker/test_story.py"),
    ],
)
def test_tests_on_servers_are_shared_out_one_by_one_and_the_others_by_their_files(test: str, scope: str) -> None:
    assert scope_of(test) == scope
