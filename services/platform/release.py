"""Which release this is: a digest of the code, so that any change of it is another release."""

import hashlib
from pathlib import Path

from services.platform.local.keeper import PROJECT


def release_of(folder: Path = PROJECT) -> str:
    """Twelve characters that any change of the code changes."""
    digest = hashlib.sha256()
    for package in ("schemas", "services"):
        for path in sorted((folder / package).rglob("*.py")):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
