"""What an engine's child process gives up before it touches a model.

It dies with its parent, writes no file, leaves no core dump (one would hold prompts), and is
the first that the kernel ends when memory runs out. Linux only, like the daemon.
"""

import ctypes
import os
import resource
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

from runtime.core_dumps import forbid_core_dumps

__all__ = ["bound_loading", "bound_memory", "confine"]

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_MAX_OPEN_FILES: Final = 256
_OOM_SCORE: Final = "1000"
"""Before anything else of the same unit, however small the model: the daemon starts it again."""


def confine(parent_pid: int) -> None:
    """Give up what serving a model does not need.

    Args:
        parent_pid: The daemon; when it is already gone, this process ends here.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    _prctl(libc, _PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        raise SystemExit(0)
    with suppress(OSError):  # some containers mount /proc read-only; the rest still holds
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
    _prctl(libc, _PR_SET_NO_NEW_PRIVS, 1)
    forbid_core_dumps()
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    _lower(resource.RLIMIT_NOFILE, _MAX_OPEN_FILES)
    # The daemon decides about stopping: Ctrl-C in its terminal must not end calls in flight.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def bound_loading(allowance_bytes: int) -> None:
    """Allow this much address space more while a file from outside is read.

    A few bytes of a graph can ask for any size; ``bound_memory`` takes this bound's place.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _address_space_bytes() + allowance_bytes
    resource.setrlimit(resource.RLIMIT_AS, (_at_most(limit, hard), hard))


def bound_memory(headroom_bytes: int) -> None:
    """Allow this much address space beyond what the loaded model already takes.

    An exploding grammar then ends this process with a typed error for its callers, and not
    the device.
    """
    _lower(resource.RLIMIT_AS, _address_space_bytes() + headroom_bytes)


def _address_space_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


def _prctl(libc: ctypes.CDLL, option: int, value: int) -> None:
    if libc.prctl(option, value, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl {option}: {os.strerror(code)}")


def _lower(kind: int, limit: int) -> None:
    _, hard = resource.getrlimit(kind)
    limit = _at_most(limit, hard)
    resource.setrlimit(kind, (limit, limit))


def _at_most(limit: int, hard: int) -> int:
    return limit if hard == resource.RLIM_INFINITY else min(limit, hard)
