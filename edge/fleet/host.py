"""How much room the device itself has left: disk and memory, roughly."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from runtime.fleet.report import HostReport

__all__ = ["host_report"]

_MIB: Final = 1 << 20
_MEMORY: Final = Path("/proc/meminfo")


def host_report(state: Path, *, models_bytes: int, memory: Path = _MEMORY) -> HostReport:
    """Return how the device stands.

    Args:
        state: Where it keeps its state; that disk counts.
        models_bytes: What its models take of the memory.
        memory: Where the system tells of its memory; 0 is told where it does not.
    """
    return HostReport(
        disk_free_mib=shutil.disk_usage(state).free // _MIB,
        memory_free_mib=_available_kib(memory) // 1024,
        models_mib=models_bytes // _MIB,
    )


def _available_kib(memory: Path) -> int:
    try:
        lines = memory.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return 0
