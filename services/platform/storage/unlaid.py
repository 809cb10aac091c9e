"""Where a delivery lies whose facts are not known again after a recovery."""

from services.platform.domain.core.duties import notification_id
from services.platform.domain.core.facts import Key
from services.platform.domain.core.file_keys import unlinked_key

# Where a duty lies whose facts are not known again yet. No person and no reference has this name.
UNLAID = unlinked_key("delivery:")
UNLAID_FROM, UNLAID_TO = UNLAID, unlinked_key("delivery;")


def unlaid(key: Key) -> str:
    """The file of a duty that is not laid yet."""
    return f"{UNLAID}{notification_id(key, 1)}"
