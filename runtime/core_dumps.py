"""Processes that hold prompts leave no core dump, whatever the machine's settings are.

A dump is a copy of the memory on the disk, keys and originals included. The limit on its size is
not enough: Linux does not hold programs to it that dumps are piped to.
"""

import ctypes
import os
import resource
import sys
from typing import Final

__all__ = ["forbid_core_dumps"]

_PR_SET_DUMPABLE: Final = 4


def forbid_core_dumps() -> None:
    """See to it that this process is never dumped; on Linux, nor traced but by root.

    A child inherits the limit and not the rest, so each says so itself.

    Raises:
        OSError: The system refuses.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
            code = ctypes.get_errno()
            raise OSError(code, f"this process cannot be kept from dumps: {os.strerror(code)}")
