"""What one service does with its database, put together: batches, due files, and what was committed."""

from dataclasses import dataclass

from services.platform.streaming.batch import Batches
from services.platform.streaming.commits import Commits
from services.platform.streaming.due import DueFiles
from services.platform.streaming.judging import Judging
from services.platform.streaming.service_database import ServiceDatabase


@dataclass(frozen=True, slots=True)
class Work:
    """The parts of one service that share a database."""

    database: ServiceDatabase
    judging: Judging
    batches: Batches
    due: DueFiles
    commits: Commits


def work(database: ServiceDatabase, judging: Judging) -> Work:
    commits = Commits(judging.service.name)
    batches, due = Batches(database, judging, commits), DueFiles(database, judging, commits)
    return Work(database, judging, batches, due, commits)
