"""Who stands at the places of incidents, as each version of what was published says."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

PEOPLE = {"uk.police.incident-reported": ("parties", "party"), "uk.police.children-linked": ("children", "child")}


class Published(Protocol):
    """A record as it was sent."""

    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


@dataclass(frozen=True)
class Stated:
    """The people by place and version."""

    versions: Mapping[str, Mapping[int, Mapping[str, Any]]] = field(default_factory=dict)

    @classmethod
    def of(cls, published: Iterable[Published]) -> "Stated":
        found: dict[str, dict[int, Mapping[str, Any]]] = defaultdict(dict)
        for record in published:
            said, body = {name: value.decode() for name, value in record.headers}, json.loads(record.value or b"")
            listed = PEOPLE.get(said["ce_type"].rpartition(".")[0])
            if listed is not None and not body.get("withdrawn"):
                people, what = listed
                for person in body[people]:
                    place = f"{said['ce_subject']}/{what}/{person['number']}"
                    found[place][int(said["ce_factversion"])] = person
        return cls(found)

    def moves(self, place: str) -> int:
        """How often somebody else may have come to stand there: whoever was told of one is then told of the other as
        new. Whoever has one name and one date of birth in both is nobody else, whatever the record."""
        stated = self.versions.get(place, {}).values()
        return len(stated) - 1 if len(set(_people(stated))) > 1 else 0


def _people(stated: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """By name and date of birth where both are known, else by record; who has none is not told from the others."""
    for person in stated:
        born, record = person.get("date_of_birth") or "", (person.get("record") or {"id": "unknown"})["id"]
        if record.casefold() != "unknown":
            yield person["name"], born, *(() if born else (record,))
