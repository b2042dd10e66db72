"""The system calls that confined code may make; every other one fails with EPERM.

An allow-list, by machine, in the kernel's own numbers (``asm/unistd.h``). Nothing on it opens a
socket, makes a process or a thread, runs a program, signals another process, or changes a mount.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["MACHINES", "allow_few_calls"]

_ON_BOTH: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "read": (0, 63),
        "write": (1, 64),
        "close": (3, 57),
        "fstat": (5, 80),
        "lseek": (8, 62),
        "mmap": (9, 222),
        "mprotect": (10, 226),
        "munmap": (11, 215),
        "brk": (12, 214),
        "rt_sigaction": (13, 134),
        "rt_sigprocmask": (14, 135),
        "rt_sigreturn": (15, 139),
        "ioctl": (16, 29),
        "pread64": (17, 67),
        "readv": (19, 65),
        "writev": (20, 66),
        "sched_yield": (24, 124),
        "mremap": (25, 216),
        "madvise": (28, 233),
        "dup": (32, 23),
        "nanosleep": (35, 101),
        "getpid": (39, 172),
        "exit": (60, 93),
        "uname": (63, 160),
        "fcntl": (72, 25),
        "getcwd": (79, 17),
        "gettimeofday": (96, 169),
        "getrlimit": (97, 163),
        "getrusage": (98, 165),
        "sysinfo": (99, 179),
        "times": (100, 153),
        "getuid": (102, 174),
        "getgid": (104, 176),
        "geteuid": (107, 175),
        "getegid": (108, 177),
        "getppid": (110, 173),
        "sigaltstack": (131, 132),
        "gettid": (186, 178),
        "futex": (202, 98),
        "sched_getaffinity": (204, 123),
        "getdents64": (217, 61),
        "clock_gettime": (228, 113),
        "clock_getres": (229, 114),
        "clock_nanosleep": (230, 115),
        "exit_group": (231, 94),
        "tgkill": (234, 131),
        "openat": (257, 56),
        "newfstatat": (262, 79),
        "readlinkat": (267, 78),
        "faccessat": (269, 48),
        "pselect6": (270, 72),
        "ppoll": (271, 73),
        "set_robust_list": (273, 99),
        "dup3": (292, 24),
        "prlimit64": (302, 261),
        "getrandom": (318, 278),
        "statx": (332, 291),
        "rseq": (334, 293),
        "faccessat2": (439, 439),
    }
)
"""Name to number, on x86-64 and on AArch64."""
_ON_X86_ONLY: Final[Mapping[str, int]] = MappingProxyType(
    {
        "open": 2,
        "stat": 4,
        "lstat": 6,
        "poll": 7,
        "access": 21,
        "select": 23,
        "dup2": 33,
        "getdents": 78,
        "readlink": 89,
        "arch_prctl": 158,
        "time": 201,
    }
)
MACHINES: Final[Mapping[str, tuple[int, tuple[int, ...]]]] = MappingProxyType(
    {
        "x86_64": (
            0xC000003E,
            (*(x86 for x86, _ in _ON_BOTH.values()), *_ON_X86_ONLY.values()),
        ),
        "aarch64": (0xC00000B7, tuple(arm for _, arm in _ON_BOTH.values())),
    }
)
"""Machine (as ``uname`` says) to its audit number and the calls that are allowed."""

_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_SECCOMP: Final = 22
_FILTER_MODE: Final = 2
_LOAD: Final = 0x20
_JUMP_IF_EQUAL: Final = 0x15
_RETURN: Final = 0x06
_KILL_PROCESS: Final = 0x80000000
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | 1
"""Fail with EPERM: code that can do without goes on."""
_ARCH_OFFSET: Final = 4
_NUMBER_OFFSET: Final = 0


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def allow_few_calls(libc: ctypes.CDLL) -> None:
    """Forbid everything else to this process, for good.

    Raises:
        OSError: The kernel refused, or the machine is not one that is known here.
    """
    machine = os.uname().machine
    if machine not in MACHINES:
        raise OSError(0, f"no list of system calls for {machine}")
    code = _filter(*MACHINES[machine])
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(buffer))
    for arguments in (
        (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_PR_SET_SECCOMP, _FILTER_MODE, ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "seccomp")


def _filter(arch: int, allowed: tuple[int, ...]) -> bytes:
    """Return a classic BPF program: another machine's call kills, an unlisted one is refused."""
    count = len(allowed)
    lines = [
        (_LOAD, 0, 0, _ARCH_OFFSET),
        (_JUMP_IF_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER_OFFSET),
        *((_JUMP_IF_EQUAL, count - place, 0, call) for place, call in enumerate(allowed)),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("HBBI", *line) for line in lines)
