"""Checks of the machine that ``leeward doctor`` runs: each looks at one thing and advises.

Nothing here imports an engine or opens a connection; a check that cannot look says so.
"""

from __future__ import annotations

import errno
import os
import platform
import resource
import shutil
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from runtime.clock import Clock

__all__ = ["Check", "Status", "check_machine", "timed_fsync_ms"]

Status = Literal["ok", "warning", "missing"]

_LEAST_PYTHON: Final = (3, 11)
_LEAST_SQLITE: Final = (3, 35, 0)
"""RETURNING, which the stores use."""
_LEAST_FILES: Final = 1024
_LEAST_DISK_BYTES: Final = 2 * 1024**3
_SLOW_FSYNC_MS: Final = 50.0
_X86_64_V3: Final = frozenset({"avx2", "bmi2", "f16c", "fma", "movbe"})


@dataclass(frozen=True, slots=True)
class Check:
    """What one check saw."""

    name: str
    status: Status
    """``missing`` keeps a part of Leeward from working; a ``warning`` does not."""
    detail: str
    advice: str = ""
    """What to do; empty when nothing is to do."""


def check_machine(state: Path, *, ports: Sequence[int], clock: Clock) -> list[Check]:
    """Look at Python, compiler, processor, limits, disk, clock, SQLite and ports.

    Args:
        state: Where this machine will keep keys, ledger and logs; need not exist yet.
        ports: TCP ports that should be free on loopback.
        clock: The clock to judge.
    """
    checks = [
        _python(),
        _compiler(),
        _processor(),
        _file_descriptors(),
        _disk(state),
        _fsync(state, clock),
        _clock(clock),
        _sqlite(),
    ]
    return [*checks, *(_port(port) for port in ports)]


def timed_fsync_ms(directory: Path, clock: Clock) -> float:
    """Return the middle of five timed writes with fsync, milliseconds.

    Raises:
        OSError: The directory cannot be written.
    """
    taken: list[float] = []
    with tempfile.NamedTemporaryFile(dir=directory, prefix=".leeward-doctor-") as file:
        for _ in range(5):
            started = clock.monotonic_s()
            file.write(b"x" * 512)
            file.flush()
            os.fsync(file.fileno())
            taken.append((clock.monotonic_s() - started) * 1000)
    return sorted(taken)[len(taken) // 2]


def _python() -> Check:
    version = platform.python_version()
    if sys.version_info < _LEAST_PYTHON:
        return Check("python", "missing", version, "install Python 3.11 or newer")
    if platform.system() != "Linux":
        return Check("python", "warning", version, "Leeward is tested on Linux only")
    return Check("python", "ok", f"{version} on {platform.machine()} Linux")


def _compiler() -> Check:
    found = {
        language: next(filter(None, map(shutil.which, names)), None)
        for language, names in (("C", ("cc", "gcc", "clang")), ("C++", ("c++", "g++", "clang++")))
    }
    absent = [language for language, path in found.items() if path is None]
    if absent:
        advice = "needed to build llama-cpp-python: apt install build-essential, or a wheel"
        return Check("compiler", "warning", f"no {' and no '.join(absent)} compiler", advice)
    return Check("compiler", "ok", ", ".join(str(path) for path in found.values()))


def _processor() -> Check:
    cores = len(os.sched_getaffinity(0))
    detail = f"{cores} cores"
    if platform.machine() != "x86_64":
        return Check("processor", "ok", f"{detail}, {platform.machine()}")
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Check("processor", "warning", f"{detail}, features unknown: no /proc/cpuinfo")
    line = next((line for line in text.splitlines() if line.startswith("flags")), "")
    lacking = sorted(_X86_64_V3 - set(line.partition(":")[2].split()))
    if lacking:
        advice = "portable builds need x86-64-v3; build llama-cpp-python on this machine instead"
        return Check("processor", "warning", f"{detail}, lacks {', '.join(lacking)}", advice)
    return Check("processor", "ok", f"{detail}, x86-64-v3")


def _file_descriptors() -> Check:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _LEAST_FILES:
        advice = f"raise it: ulimit -n {min(4096, hard)}"
        return Check("open files", "warning", f"at most {soft}", advice)
    return Check("open files", "ok", f"at most {soft}")


def _disk(state: Path) -> Check:
    directory = _existing(state)
    free = shutil.disk_usage(directory).free
    detail = f"{free / 1024**3:.1f} GiB free at {directory}"
    if not os.access(directory, os.W_OK):
        return Check("disk", "missing", f"{directory} cannot be written", "choose another --state")
    if free < _LEAST_DISK_BYTES:
        return Check("disk", "warning", detail, "the ledger stops the edge when the disk is full")
    return Check("disk", "ok", detail)


def _fsync(state: Path, clock: Clock) -> Check:
    try:
        taken_ms = timed_fsync_ms(_existing(state), clock)
    except OSError as failure:
        reason = failure.strerror or type(failure).__name__
        return Check("fsync", "missing", reason, "the ledger needs a directory it can write")
    if taken_ms > _SLOW_FSYNC_MS:
        advice = "every passage waits for it; put the state on a faster disk"
        return Check("fsync", "warning", f"{taken_ms:.1f} ms", advice)
    return Check("fsync", "ok", f"{taken_ms:.2f} ms")


def _clock(clock: Clock) -> Check:
    """A clock before this very file was written is wrong, and certificates would not hold."""
    now = clock.now()
    detail = now.isoformat(timespec="seconds")
    if now.timestamp() < Path(__file__).stat().st_mtime - 86_400:
        advice = "it is before this installation; set it, or certificates will be refused"
        return Check("clock", "missing", detail, advice)
    return Check("clock", "ok", detail)


def _sqlite() -> Check:
    if sqlite3.sqlite_version_info < _LEAST_SQLITE:
        least = ".".join(map(str, _LEAST_SQLITE))
        return Check("sqlite", "missing", sqlite3.sqlite_version, f"needs {least} or newer")
    return Check("sqlite", "ok", sqlite3.sqlite_version)


def _port(port: int) -> Check:
    name = f"port {port}"
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError as failure:
            if failure.errno == errno.EADDRINUSE:
                advice = "stop what uses it, or choose another port"
                return Check(name, "warning", "in use on loopback", advice)
            return Check(name, "warning", failure.strerror or "cannot be bound")
    return Check(name, "ok", "free on loopback")


def _existing(path: Path) -> Path:
    """Return the nearest existing ancestor of ``path``."""
    absolute = path.absolute()
    return next(candidate for candidate in (absolute, *absolute.parents) if candidate.is_dir())
