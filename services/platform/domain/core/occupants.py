"""Tell who stands at a place, and whether that is still the person whom a notification was about."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from schemas.births import known
from schemas.places import Place, child_place, party_place
from schemas.police_incidents.v1 import Child, ChildrenLinked, IncidentReported, Party
from services.platform.domain.core.duties import Duty, Notification, Whom
from services.platform.domain.core.escalation import OUTDATED
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.core.file_keys import FileKey, is_record
from services.platform.domain.linking.names import are_alike, first_and_last, name_and_birth, words_of


@dataclass(frozen=True)
class People:
    """The people at the places of these files, by their current facts."""

    files: Sequence[CaseFile]

    def of(self, said: Duty | Notification) -> Whom | None:
        """The record that is stated at its place, and what else identifies the person. None for an empty place, and for
        a reply to an answer, which is about the answer."""
        if said.key.rule == OUTDATED:
            return None
        if said.person not in self._known:
            self._known[said.person] = self._at(said.person)
        return self._known[said.person]

    def _at(self, place: str) -> Whom | None:
        record = self._records.get(Place(place))
        if record is None:
            return None
        stated = self._stated.get(Place(place))
        born = known(stated.date_of_birth) if stated is not None else None  # a doubtful one identifies nobody
        return Whom(
            record if is_record(record) else None,
            stated.name if stated is not None else None,
            born.isoformat() if born is not None else None,
        )

    def is_another(self, notification: Notification) -> bool:
        """Whether another person now stands at the place of this notification.

        Two records are one person if a current merge says so. Two people of one name and one date of birth are treated
        as one: no reader could tell them apart. If one of the two was stated without a record, everything else that is
        known must differ.
        """
        before = notification.whom
        if before is None or notification.state == "withdrawn":
            return False
        now = self.of(notification)
        if now is None or (before.record is not None and before.record == now.record):
            return False
        if before.record is not None and now.record is not None:
            joined = self._one(before.record) == self._one(now.record)
            return not joined and not _one_name_and_birth(before, now)
        return _nothing_in_common(before, now)

    def named(self, notification: Notification) -> Notification:
        """The notification with the person at its place, if no record was known when it was sent."""
        before = notification.whom
        if (
            notification.state == "withdrawn"
            or (before is not None and before.record is not None)
            or self.is_another(notification)
        ):
            return notification
        now = self.of(notification)
        return notification if now is None or now == before else replace(notification, whom=now.as_known_before(before))

    @cached_property
    def _known(self) -> dict[str, Whom | None]:
        return {}

    def _one(self, record: str) -> str:
        """The person whose record it is."""
        return self._joined.get(FileKey(record), record)

    @cached_property
    def _records(self) -> Mapping[Place, FileKey]:
        return {place: who for file in self.files for place, who in (file.records or file.persons).items()}

    @cached_property
    def _joined(self) -> Mapping[FileKey, FileKey]:
        return {record: person for file in self.files for record, person in file.joined.items()}

    @cached_property
    def _stated(self) -> Mapping[str, Party | Child]:
        return {place: who for file in self.files for place, who in _people(file)}


def _people(file: CaseFile) -> Iterator[tuple[str, Party | Child]]:
    for _, incident in file.of(IncidentReported):
        for party in incident.parties:
            yield party_place(incident.crime_reference, party.number), party
    for _, linked in file.of(ChildrenLinked):
        for child in linked.children:
            yield child_place(linked.crime_reference, child.number, linked.stated_by), child


def _one_name_and_birth(before: Whom, now: Whom) -> bool:
    """As a court's defendant without an identifier is known again (domain 2.2)."""
    known_as = name_and_birth(before.name, before.born)
    return known_as is not None and known_as == name_and_birth(now.name, now.born)


def _nothing_in_common(before: Whom, now: Whom) -> bool:
    """Names without a word in common that are not one name spelt in two ways, and no date of birth that is the same."""
    if before.name is None or now.name is None or (before.born is not None and before.born == now.born):
        return False
    shares_a_word = not set(words_of(before.name)).isdisjoint(words_of(now.name))
    return not shares_a_word and not are_alike(first_and_last(before.name), first_and_last(now.name))
