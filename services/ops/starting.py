"""What starting services on named servers takes: the tables, the topics and the command of their process."""

import sys

from kafka.errors import TopicAlreadyExistsError

from services.platform.policy.policy import PolicySet
from services.platform.settings import Addresses
from services.platform.storage import database
from services.platform.storage.sessions import session
from services.platform.streaming.topics import Difference, apply_topics, topics

MODULE = "services.ops.serving"
# As they are started by default; each is a folder of `services/`.
SERVICE_NAMES = ("incidents", "convictions", "order_variations", "responses")


def prepare(servers: Addresses, policies: PolicySet) -> tuple[Difference, ...]:
    """Bring the tables to this release and make missing topics; change nothing else. Returns how existing topics differ
    from their declaration: a person must change those."""
    with session(servers.database, autocommit=True) as one_at_a_time:
        one_at_a_time.execute("select pg_advisory_lock(hashtextextended('relay migrate', 0))")
        database.migrate(servers.database)
    specs = topics(policies)
    try:
        return apply_topics(servers.kafka, specs).differences
    except TopicAlreadyExistsError:  # another worker that starts now was quicker
        return apply_topics(servers.kafka, specs).differences


def command(*names: str) -> list[str]:
    """What starts the process of these services."""
    return [sys.executable, "-m", MODULE, *names]
