"""Which process serves from a state directory: the one that holds the lock on its pid file."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["holder_of", "holding"]

_NAME: Final = "gateway.pid"


@contextmanager
def holding(state: Path) -> Iterator[bool]:
    """Say that this process serves from ``state`` until the block ends.

    Yields:
        Whether it was said: another gateway that shares the directory may have been first.
    """
    descriptor = os.open(state / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield True
    finally:
        os.close(descriptor)


def holder_of(state: Path) -> int | None:
    """Return the pid of the gateway that serves from ``state``, ``None`` when none does."""
    try:
        descriptor = os.open(state / _NAME, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            written = os.pread(descriptor, 20, 0)
            return int(written) if written.isdigit() else None
        return None
    finally:
        os.close(descriptor)
