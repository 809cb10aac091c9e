"""A file's key that is read back is the key that was written."""

import pytest

from schemas.places import party_place
from services.platform.domain.core import file_keys
from services.platform.domain.core.file_keys import PlaceFile, RecordFile, UnlinkedFile


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (RecordFile("vale-records", "victim-1"), "record:vale-records:victim-1"),
        (RecordFile("vale-records", "a:b"), "record:vale-records:a:b"),
        (PlaceFile(party_place("54260012345", 2)), "place:54260012345/party/2"),
        (UnlinkedFile("urn", "54DC0012326"), "unlinked:urn:54DC0012326"),
    ],
)
def test_a_key_is_written_as_it_has_always_been_and_read_back(key: PlaceFile | RecordFile, text: str) -> None:
    assert key.key == text
    assert file_keys.read_file_key(text) == key
    assert file_keys.is_record(text) is isinstance(key, RecordFile)
    assert file_keys.is_unlinked(text) is isinstance(key, UnlinkedFile)


def test_what_is_no_file_s_key_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with"):
        file_keys.read_file_key("54260012345")


def test_the_unlinked_file_of_a_reference_has_the_key_of_its_kind_and_name() -> None:
    assert file_keys.unlinked_key("urn:54DC0012326") == UnlinkedFile("urn", "54DC0012326").key
