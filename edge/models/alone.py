"""One process at a time changes what is in the store.

The lock is the directory's own, so that it leaves no file behind and ends with its holder.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["alone_in"]


@contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Wait until no other process or thread is in such a block for ``directory``."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
