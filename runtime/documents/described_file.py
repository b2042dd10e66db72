"""Files whose content a card beside them answers for."""

import hashlib
from pathlib import Path

from runtime.errors import ModelInvalid

__all__ = ["read_described"]


def read_described(path: Path, *, sha256: str | None = None) -> bytes:
    """Return a file's content.

    Raises:
        ModelInvalid: It cannot be read, or its digest is not ``sha256``.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelInvalid(f"{path} cannot be read: {error.strerror}") from error
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise ModelInvalid(f"{path} is not the file that its card describes")
    return content
