"""Pseudonyms for file keys, made with a secret that only the database holds.

Without a secret, a reader of a stream could try record ids until one fits. Those who may read the database need no
pseudonyms, because it holds every name. A backup holds the secret too, so a restored database makes the same names.
"""

import hmac
from dataclasses import dataclass, field

from services.platform.storage.rows import Connection

LENGTH = 32


@dataclass(frozen=True)
class Pseudonyms:
    """The same secret gives the same name for the same thing, in every service and for ever."""

    secret: bytes = field(repr=False)

    def of(self, name: str) -> str:
        return hmac.digest(self.secret, name.encode(), "sha256").hex()[:LENGTH]


async def pseudonyms_of(conn: Connection) -> Pseudonyms:
    """Those of the deployment whose database this is: its secret was made with its tables."""
    row = await (await conn.execute("select pseudonym_secret from deployment")).fetchone()
    assert row is not None  # noqa: S101 - the migration that makes the table puts the one row in
    return Pseudonyms(row[0].encode())
