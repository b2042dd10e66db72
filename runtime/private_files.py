"""Files that only their owner may read, written so that a crash leaves the old or the new one.

Knows modes, atomic replacement and directory syncs; does not know what the bytes mean.
"""

import os
import secrets
from pathlib import Path

__all__ = ["ensure_private_directory", "is_private", "sync_directory", "write_private_file"]

_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600
_OTHERS = 0o077


def ensure_private_directory(path: Path) -> None:
    """Create ``path`` with mode 0700, or tighten it to that.

    Raises:
        OSError: It cannot be created, is not a directory, or belongs to somebody else.
    """
    path.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
    if path.stat().st_mode & _OTHERS:
        path.chmod(_DIRECTORY_MODE)


def is_private(path: Path) -> bool:
    """Whether nobody but the owner may read or write ``path``."""
    return not path.stat().st_mode & _OTHERS


def write_private_file(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path`` with mode 0600: durable and complete, or not at all.

    Raises:
        OSError: The file cannot be written; what was there before is untouched.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make creations, renames and removals in ``path`` durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
