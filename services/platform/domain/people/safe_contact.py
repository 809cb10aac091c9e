"""Whether a safe way to reach her is recorded with the sender, by the newest that a file knows of her."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from schemas.police_incidents.v1 import IncidentReported
from services.platform.domain.core.duties import Duty
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.people.victims import places_of_victims


def safe_contact_recorded_on(files: Sequence[CaseFile], duty: Duty) -> date | None:
    """The day on which it was, or None where nobody may rely on it.

    Not the incidents that the duty rests on decide, but the newest of each of their victims: a later one that knows of
    no safe way is not to be overlooked. Each sender records its own, and what another force holds cannot be asked of
    this one.
    """
    known = [file.once(_known) for file in files]
    grounds = [one.incidents[fact] for one in known for fact in duty.grounds if fact in one.incidents]
    senders = {incident.force_code for incident, _ in grounds}
    found: list[date] = []
    for victim in {victim for _, victims in grounds for victim in victims}:
        newest = max((one.newest[victim] for one in known if victim in one.newest), key=_reported)
        hers = not newest.roles_unresolved  # else it is not known whom the sender's record is of
        recorded = hers and newest.safe_contact == "recorded_with_sender" and newest.force_code in senders
        if not recorded or newest.safe_contact_recorded_on is None:
            return None
        found.append(newest.safe_contact_recorded_on)
    return min(found, default=None)


class _Known(NamedTuple):
    """By the id of its fact each incident with its victims, and by victim the newest."""

    incidents: Mapping[str, tuple[IncidentReported, tuple[str, ...]]]
    newest: Mapping[str, IncidentReported]


def _known(file: CaseFile) -> _Known:
    incidents: dict[str, tuple[IncidentReported, tuple[str, ...]]] = {}
    newest: dict[str, IncidentReported] = {}
    for fact, incident in file.of(IncidentReported):
        victims = tuple([file.persons.get(place, place) for place in places_of_victims(incident)])
        incidents[fact.id] = incident, victims
        for victim in victims:
            newest[victim] = max(newest.get(victim, incident), incident, key=_reported)
    return _Known(incidents, newest)


def _reported(incident: IncidentReported) -> tuple[datetime, str]:
    return incident.reported_at, incident.crime_reference
