"""Names that say nothing of what they stand for, made with the secret of a deployment.

Without a secret whoever reads such a name could try record ids until one fits.
"""

import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from services.runtime.store import Connection

LENGTH = 32


class OtherSecretError(Exception):
    """This worker's secret is not the one with which the deployment's pseudonyms were made."""

    def __init__(self) -> None:
        super().__init__(
            "RELAY_PSEUDONYM_KEY is not the one that this database was first used with: set that one, the same for "
            "all services of a deployment. With another, agencies would read what they know under a second name."
        )


@dataclass(frozen=True)
class Pseudonyms:
    """The same secret gives the same name for the same thing, in every service and for ever."""

    secret: bytes = field(repr=False)

    def of(self, name: str) -> str:
        return hmac.digest(self.secret, name.encode(), "sha256").hex()[:LENGTH]

    @property
    def check(self) -> str:
        """By this a database knows the secret again; no file and no duty has this name."""
        return self.of("check")


async def claim(conn: Connection, pseudonyms: Pseudonyms) -> None:
    """Makes this secret the deployment's where it has none; OtherSecretError where it has another."""
    await conn.execute(
        "insert into deployment (pseudonyms_check) values (%s) on conflict do nothing", (pseudonyms.check,)
    )
    row = await (await conn.execute("select pseudonyms_check from deployment")).fetchone()
    if row != (pseudonyms.check,):
        raise OtherSecretError


def kept_secret(folder: Path) -> str:
    """The secret for servers that the relay starts itself: made the first time, and kept in this folder."""
    kept = folder / "pseudonym-key"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder) as mine:  # for its owner alone to read
            mine.write(secrets.token_hex())
            mine.flush()
            with suppress(FileExistsError):  # another run was quicker
                os.link(mine.name, kept)
    return kept.read_text()
