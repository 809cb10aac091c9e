"""What was said, as it stands: of each statement the highest version, out of whatever was published."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

Key = tuple[str, str, str]  # rule, subject, agency
# What is said, by its name: a list where it is said more than once; under `asks` what is asked.
Content = dict[str, Any]
Held = dict[Key, Content]
Body = Mapping[str, Any]

LONDON = ZoneInfo("Europe/London")


class Published(Protocol):
    """A record as it was sent."""

    @property
    def topic(self) -> str: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Fact(NamedTuple):
    """One statement as it stands."""

    kind: str
    subject: str
    at: datetime
    id: str
    body: Body


def standing(published: Iterable[Published]) -> list[Fact]:
    """Of each statement the highest version; of one version the latest, then the greatest id; withdrawn ones fall."""
    newest: dict[tuple[str, str], tuple[tuple[int, datetime, str], Fact]] = {}
    for record in published:
        said = {name: value.decode() for name, value in record.headers}
        kind, at = said["ce_type"].rpartition(".")[0], datetime.fromisoformat(said["ce_time"])
        fact = Fact(kind, said["ce_subject"], at, said["ce_id"], json.loads(record.value or b""))
        rank = (int(said["ce_factversion"]), at, fact.id)
        statement = ("link" if kind in ("uk.agency.link-made", "uk.agency.link-refused") else kind, fact.subject)
        if statement not in newest or newest[statement][0] < rank:
            newest[statement] = (rank, fact)
    return [fact for _, fact in newest.values() if not fact.body.get("withdrawn")]


def case_of(fact: Fact) -> str:
    """`<urn>/<asn>`: the load names every defendant by both."""
    return f"{fact.body['references']['urn']}/{fact.body['references']['asn']}"


def heard_on(fact: Fact) -> date:
    return date.fromisoformat(fact.body["hearing_on"])


def as_said(values: list[Any]) -> Any:
    """A thing that is said once as itself, one that is said for each of several as all of them."""
    return values[0] if len(values) == 1 else sorted(values)


def as_written(moment: datetime) -> str:
    """A moment as notices give it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
