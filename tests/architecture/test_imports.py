"""The drawing of imports in the document is that of the code, and none of its arrows goes back."""

import pytest

from tests.support.imports import BEGIN, DOCUMENT, drawn, folder_of, imports


def test_the_drawing_of_imports_in_the_document_is_that_of_the_code() -> None:
    document = DOCUMENT.read_text("utf-8")
    assert drawn(document) == document, "`make docs` draws it again"


def test_a_document_without_markers_is_not_drawn_in() -> None:
    with pytest.raises(ValueError, match="lacks one of the markers"):
        drawn(f"# Architecture\n{BEGIN}\n")


@pytest.mark.parametrize(
    ("module", "folder"),
    [
        ("schemas.codes.courts", "schemas"),
        ("services.incidents.rules", "services/incidents"),
        ("services.platform.logs.Event", "services/platform"),
        ("services.platform.domain.core.duties", "services/platform/domain"),
    ],
)
def test_a_module_is_drawn_in_its_folder(module: str, folder: str) -> None:
    assert folder_of(module) == folder


def test_no_two_folders_import_each_other() -> None:
    found = imports()
    assert [arrow for arrow in sorted(found) if arrow[::-1] in found] == []
