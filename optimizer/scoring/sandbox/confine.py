"""Lock this process in: own namespaces, an empty read-only root, hard limits, few system calls.

Runs inside the new process, before any foreign code. Works as root (which becomes nobody) and as
an ordinary user (through a user namespace). Whatever cannot be had is an error: nothing is ever
run half confined. Standard library only; the root that is left holds nothing but that library.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import select
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from optimizer.scoring.sandbox.seccomp import allow_few_calls

__all__ = ["Limits", "confined_child", "die_with_parent"]

_NEW_USER: Final = 0x10000000
_NEW_ALL: Final = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000
"""Mounts, control groups, host name, System V objects, process ids, network."""
_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_EXEC = 0x1, 0x2, 0x4, 0x8
_REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 0x20, 0x1000, 0x4000, 0x40000
_DETACH: Final = 2
_PIVOT_ROOT: Final = {"x86_64": 155, "aarch64": 41}
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_CAPABILITY_VERSION_3: Final = 0x20080522
_NOBODY: Final = 65534
_OPEN_FILES: Final = 32
_STACK_BYTES: Final = 64 * 2**20
_NEW_ROOT: Final = "/proc"
"""Where the new root is put together: a directory that is always there and never holds a library.
It is hidden in this process's own view only."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the confined process may use."""

    cpu_s: int
    memory_bytes: int


def die_with_parent(parent: int) -> None:
    """End this process when the one that started it ends, however it ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    _must(libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "parent's death")
    if os.getppid() != parent:
        raise SystemExit(1)


def confined_child(limits: Limits, run: Callable[[], None]) -> int:
    """Run ``run`` in a confined child and return the child's wait status.

    The child is the first process of its own process namespace, so whatever it could have
    started ends with it; it dies with this process.

    Raises:
        OSError: The kernel refused a part of the confinement; nothing was run.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    is_root = os.geteuid() == 0
    _enter_namespaces(libc, is_root=is_root)
    _leave_file_system(libc)
    # The child sees the end of this pipe when this process is gone.
    lifeline, held = os.pipe()
    child = os.fork()
    if child == 0:
        _be_child(libc, limits, run, is_root=is_root, lifeline=lifeline, held=held)
    os.close(lifeline)
    _, status = os.waitpid(child, 0)
    return status


def _enter_namespaces(libc: ctypes.CDLL, *, is_root: bool) -> None:
    user, group = os.geteuid(), os.getegid()
    _must(libc.unshare(_NEW_ALL | (0 if is_root else _NEW_USER)), "unshare")
    if not is_root:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def _leave_file_system(libc: ctypes.CDLL) -> None:
    """Make a root of the standard library alone, nothing of it writable, and drop the old one."""
    library = os.path.dirname(os.__file__)
    _mount(libc, "none", "/", "", _RECURSIVE | _PRIVATE)
    _mount(libc, "none", _NEW_ROOT, "tmpfs", _NO_SUID | _NO_DEVICES, "size=64k,mode=755")
    target = _NEW_ROOT + library
    os.makedirs(target)
    _mount(libc, library, target, "", _BIND | _RECURSIVE)
    sealed = _REMOUNT | _BIND | _READ_ONLY | _NO_SUID | _NO_DEVICES
    _mount(libc, "none", target, "", sealed)
    for packages in ("site-packages", "dist-packages"):
        if os.path.isdir(f"{target}/{packages}"):
            empty = _READ_ONLY | _NO_SUID | _NO_DEVICES | _NO_EXEC
            _mount(libc, "none", f"{target}/{packages}", "tmpfs", empty, "size=4k")
    os.chdir(_NEW_ROOT)
    number = _PIVOT_ROOT.get(platform.machine())
    if number is None:
        raise OSError(0, f"no call numbers for {platform.machine()}")
    _must(libc.syscall(number, b".", b"."), "pivot_root")
    _must(libc.umount2(b".", _DETACH), "umount")
    os.chdir("/")
    _mount(libc, "none", "/", "", sealed)


def _be_child(
    libc: ctypes.CDLL,
    limits: Limits,
    run: Callable[[], None],
    *,
    is_root: bool,
    lifeline: int,
    held: int,
) -> None:
    """Confine the child, run, and never return."""
    try:
        os.setsid()
        os.close(held)
        _limit(limits)
        _drop_privileges(libc, is_root=is_root)
        # After the change of identity, which forgets it.
        _must(libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "parent's death")
        _must(libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "dumpable")
        if select.select([lifeline], [], [], 0)[0]:
            os._exit(1)
        os.close(lifeline)
        allow_few_calls(libc)
    except OSError as failure:
        reason = f"{failure.strerror or 'refused'} ({failure.errno})"
        os.write(1, f'{{"refused": "{reason}"}}\n'.encode())
        os._exit(1)
    try:
        run()
    except SystemExit as ended:
        os._exit(ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1)
    except BaseException:  # noqa: BLE001 - the end of a process; there is nobody to raise to
        os._exit(1)
    os._exit(0)


def _limit(limits: Limits) -> None:
    for kind, amount in (
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_NPROC, 1),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(kind, (amount, amount))
    _, most = resource.getrlimit(resource.RLIMIT_STACK)
    stack = _STACK_BYTES if most == resource.RLIM_INFINITY else min(_STACK_BYTES, most)
    resource.setrlimit(resource.RLIMIT_STACK, (stack, stack))


def _drop_privileges(libc: ctypes.CDLL, *, is_root: bool) -> None:
    if is_root:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _must(libc.capset(header, nothing), "capabilities")


def _mount(
    libc: ctypes.CDLL, source: str, target: str, kind: str, flags: int, options: str = ""
) -> None:
    done = libc.mount(
        source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()
    )
    _must(done, "mount")


def _must(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code).lower()}")
