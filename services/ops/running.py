"""The note `.relay/servers.json`, by which commands find the servers of a `make run` that is up on this machine."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from services.ops.processes import started_at
from services.platform.project import PROJECT

NOTE = PROJECT / ".relay" / "servers.json"


class Running(BaseModel):
    """What the note says: which process wrote it, where its servers are, and where its services' health is."""

    model_config = ConfigDict(frozen=True)

    pid: int
    started: int
    kafka: str
    database: str
    health: str | None = None  # the URL under which /readyz and /metrics are, once the services have started


def find_running(note: Path = NOTE) -> Running | None:
    """The run that is up now; None if there is none, or if it ended without removing its note."""
    try:
        running = Running.model_validate_json(note.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    return running if started_at(running.pid) == running.started else None
