"""What a batch hands to the writer: the events that it accepts, and what each of them changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.attachments import NotificationAnswered
from schemas.registry import Received
from services.platform.domain.core.facts import Fact
from services.platform.domain.core.file_keys import FileKey
from services.platform.domain.linking.links import Linkage
from services.platform.domain.linking.ways import attachment_of
from services.platform.storage.reader import Statement
from services.platform.storage.records import Record
from services.platform.storage.undertakings import Word, Words


@dataclass(frozen=True, slots=True)
class Accepted:
    """An event that may be believed, with the record that brought it. `digest`: of what it says of its subject; `said`:
    of that as the version that it is, by which the event is known again."""

    record: Record
    received: Received
    fact: Fact
    digest: bytes
    said: bytes
    names: frozenset[str]

    @property
    def name(self) -> tuple[str, str]:
        """By what it is known: the id that its source gave it, and that source."""
        return (self.received.envelope.id, self.received.envelope.source)

    @property
    def is_answer(self) -> bool:
        """Answers are led by the notification that they answer, everything else by its references."""
        return isinstance(attachment_of(self.fact), NotificationAnswered)


@dataclass(slots=True)
class Change:
    """What one event changes in its matters."""

    event: Accepted
    fate: str
    component: "Component | None" = None
    linkage: Linkage | None = None
    before: Linkage | None = None
    fallen: str | None = None  # the id that stood before
    files: tuple[FileKey, ...] = ()
    together: tuple[frozenset[FileKey], ...] = ()
    joined: frozenset[FileKey] = frozenset()  # records that merges join otherwise now
    word: Word | None = None  # of taking on the person at a place of the incident `crime`
    crime: str | None = None
    says: str = "nothing"

    @property
    def touches(self) -> bool:
        """Whether it changes what is known of anybody; another service's answer may say who has taken her on."""
        return self.fate == "accepted" or self.word is not None


@dataclass(slots=True)
class Component:
    """Statements that share references, directly or through others."""

    current: dict[Statement, Fact]
    linkage: Linkage
    seen: dict[str, Fact]  # by id, those that a later event of the batch replaces too
    before: Linkage  # as it was stored
    undertakings: Mapping[str, Words] = field(default_factory=dict)  # by crime reference
