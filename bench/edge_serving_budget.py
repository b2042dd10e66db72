"""Whose processor time a token takes in ``bench.edge_serving``, and what that leaves to be reached.

Where decodes use every core, a millisecond of the daemon or of the caller is one in which a thread
of the decode stands still and the others wait for it. So the bare loop's rate cannot be reached by
anything that also sends texts; how near one can come is arithmetic.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

__all__ = ["LOOPS", "OURS", "ProcessorTimes", "budget"]

LOOPS: Final = ("raw_loop_1", "batched_loop_8", "batched_loop_16")
OURS: Final = ("leeward_1", "leeward_8", "leeward_16")
"""What is measured beside each of the loops."""
_NS_PER_MS: Final = 1e6


class ProcessorTimes:
    """Processor time of some processes, summed over measured stretches.

    Args:
        pids: The processes, by what they are called.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._since_ms: dict[str, float] = {}
        self._used_ms = dict.fromkeys(pids, 0.0)
        self._tokens = 0

    def begin(self) -> None:
        """Start a stretch."""
        self._since_ms = {name: _used_ms(pid) for name, pid in self._pids.items()}

    def end(self, tokens: int) -> None:
        """End the stretch, in which so many tokens came."""
        for name, pid in self._pids.items():
            self._used_ms[name] += _used_ms(pid) - self._since_ms[name]
        self._tokens += tokens

    def ms_per_token(self) -> dict[str, float]:
        """Return the processor time of a token, milliseconds, by process."""
        tokens = max(self._tokens, 1)
        return {name: round(used_ms / tokens, 3) for name, used_ms in self._used_ms.items()}


def budget(
    rates: Mapping[str, float], times: Mapping[str, ProcessorTimes], *, takes_every_core: bool
) -> dict[str, object]:
    """Return whose processor time a token took, and how near to the loops one could come with it.

    Args:
        rates: Tokens per second, by what was measured.
        times: Of the same.
        takes_every_core: Whether decodes leave no core to daemon and caller.
    """
    spent = {name: each.ms_per_token() for name, each in times.items()}
    figures: dict[str, object] = {"cpu_ms_per_token": spent}
    for loop, ours in zip(LOOPS, OURS, strict=True):
        callers = ours.removeprefix("leeward_")
        loop_ms = 1000 / rates[loop]
        beside_ms = spent[ours]["daemon"] + spent[ours]["client"] if takes_every_core else 0.0
        figures[f"client_ms_per_token_{callers}"] = spent[ours]["client"]
        figures[f"reachable_ratio_{callers}"] = round(loop_ms / (loop_ms + beside_ms), 3)
    return figures


def _used_ms(pid: int) -> float:
    """Return the processor time of all threads that a process has now, milliseconds."""
    tasks = Path(f"/proc/{pid}/task")
    used_ns = 0
    for thread in os.listdir(tasks):
        try:
            used_ns += int((tasks / thread / "schedstat").read_text(encoding="ascii").split()[0])
        except FileNotFoundError:  # it has just ended
            continue
    return used_ns / _NS_PER_MS
