"""The keys of case files: for each kind one way to write it, and one to read it back.

A person's file is named by a record, or by the place where a source gives no record; an unlinked file by a reference.
"""

from typing import NamedTuple, NewType

from schemas.places import Place

# A file's key as it is written.
FileKey = NewType("FileKey", str)
RECORD, PLACE, UNLINKED = "record:", "place:", "unlinked:"


class RecordFile(NamedTuple):
    """The file of a record: `record:<system>:<id>`."""

    system: str
    id: str

    @property
    def key(self) -> FileKey:
        return FileKey(f"{RECORD}{self.system}:{self.id}")


class PlaceFile(NamedTuple):
    """The file of somebody whom a source names by no record: `place:<place>`."""

    place: Place

    @property
    def key(self) -> FileKey:
        return FileKey(f"{PLACE}{self.place}")


class UnlinkedFile(NamedTuple):
    """The file of a fact that leads to nobody yet: `unlinked:<kind>:<reference>`."""

    kind: str
    reference: str

    @property
    def key(self) -> FileKey:
        return FileKey(f"{UNLINKED}{self.kind}:{self.reference}")


def read_file_key(key: str) -> RecordFile | PlaceFile | UnlinkedFile:
    """Reads a file's key back. ValueError where it is none."""
    kind, _, rest = key.partition(":")
    first, _, second = rest.partition(":")
    match kind:
        case "record":
            return RecordFile(first, second)
        case "place":
            return PlaceFile(Place(rest))
        case "unlinked":
            return UnlinkedFile(first, second)
    raise ValueError("a file's key begins with record:, place: or unlinked:")


def unlinked_key(reference: str) -> FileKey:
    """Writes the key of the unlinked file of a reference, `<kind>:<reference>`."""
    return FileKey(f"{UNLINKED}{reference}")


def is_unlinked(key: str) -> bool:
    """Whether a file's key is that of an unlinked file."""
    return key.startswith(UNLINKED)


def is_record(key: str) -> bool:
    """Whether a file's key names a record."""
    return key.startswith(RECORD)
