"""The soak of ``bench.gateway``: a steady rate on every front, and what the gateway's memory does.

Open loop: calls begin when they are due, however long the others take, so that a gateway that
slows down is not spared.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from bench.gateway_call import Caller, CallFailed, Numbers, Opener, report
from bench.gateway_kinds import GRPC, HTTP, Kinds
from bench.gateway_upstream import model_name
from bench.gateway_world import rss_bytes

__all__ = ["SOAK_MODEL", "Soak", "soak"]

SOAK_MODEL: Final = model_name(8, 0)
_RATE_PER_S: Final = 200.0
_SAMPLE_S: Final = 1.0
_MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class Soak:
    """How long."""

    duration_s: float
    warm_up_s: float
    """Under the same load, before memory counts."""


@dataclass(slots=True)
class _Seen:
    took_ms: list[float] = field(default_factory=list)
    failed: int = 0
    late: int = 0
    """Calls that were due while this process was busy for longer than one interval."""


async def soak(kinds: Kinds, length: Soak, numbers: Numbers) -> dict[str, object]:
    """Hold the rate, half on each front, and return the figures."""
    openers = [kinds.opener(name, SOAK_MODEL) for name in (HTTP, GRPC)]
    report(f"soak: warm up of {length.warm_up_s:g} s at {_RATE_PER_S:g} calls per second")
    async with asyncio.TaskGroup() as group:
        for opener in openers:
            group.create_task(_steady(opener, len(openers), length.warm_up_s, numbers))
    report(f"soak: {length.duration_s:g} s")
    start_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        loads = [
            group.create_task(_steady(opener, len(openers), length.duration_s, numbers))
            for opener in openers
        ]
        memory = group.create_task(_memory(kinds.gateway.pid, length.duration_s))
    wall_s = time.perf_counter() - start_s
    return _figures([load.result() for load in loads], memory.result(), wall_s)


async def _steady(opener: Opener, shares: int, duration_s: float, numbers: Numbers) -> _Seen:
    """Begin a call whenever one is due; use a connection that is free, or one more."""
    seen = _Seen()
    free: deque[Caller] = deque()
    interval_s = shares / _RATE_PER_S
    due_s = time.perf_counter()
    end_s = due_s + duration_s

    async def one() -> None:
        caller = free.popleft() if free else await opener()
        try:
            seen.took_ms.append((await caller.call(numbers.next())).took_ms)
        except CallFailed:
            seen.failed += 1
            caller.close()
        else:
            free.append(caller)

    async with asyncio.TaskGroup() as group:
        while due_s < end_s:
            ahead_s = due_s - time.perf_counter()
            if ahead_s > 0:
                await asyncio.sleep(ahead_s)
            elif ahead_s < -interval_s:
                seen.late += 1
            group.create_task(one())
            due_s += interval_s
    for caller in free:
        caller.close()
    return seen


async def _memory(pid: int, duration_s: float) -> list[int]:
    samples = []
    end_s = time.perf_counter() + duration_s
    while time.perf_counter() < end_s:
        samples.append(rss_bytes(pid))
        await asyncio.sleep(_SAMPLE_S)
    return samples


def _figures(loads: list[_Seen], memory: list[int], wall_s: float) -> dict[str, object]:
    took_ms = [took for load in loads for took in load.took_ms]
    share = max(1, len(memory) // 5)
    first, last = statistics.median(memory[:share]), statistics.median(memory[-share:])
    cuts = statistics.quantiles(took_ms, n=100, method="inclusive")
    return {
        "soak_memory_growth_percent": round((last / first - 1) * 100, 3),
        "soak_memory_first_mib": round(first / _MIB, 2),
        "soak_memory_last_mib": round(last / _MIB, 2),
        "soak_memory_most_mib": round(max(memory) / _MIB, 2),
        "soak_s": round(wall_s, 1),
        "soak_rps": round(len(took_ms) / wall_s, 2),
        "soak_failed": sum(load.failed for load in loads),
        "soak_late": sum(load.late for load in loads),
        "soak_ms_p50": round(cuts[49], 3),
        "soak_ms_p99": round(cuts[98], 3),
    }
