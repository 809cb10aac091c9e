"""Which release this is: a digest of the code that is deployed, so that any change of it is another release."""

import hashlib
from pathlib import Path

from services.platform.project import PROJECT


def release_of(folder: Path = PROJECT) -> str:
    """Twelve characters that change with any change of the deployed code, in a checkout and in the image alike."""
    local = folder / "services" / "platform" / "local"
    digest = hashlib.sha256()
    for package in ("schemas", "services"):
        for path in sorted((folder / package).rglob("*.py")):
            if path.is_relative_to(local):
                continue
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
