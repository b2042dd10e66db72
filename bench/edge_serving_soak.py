"""Load with every misfortune that callers have: does the engine leak, crash or stall?"""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from bench.edge_serving_load import ask_node, prompt_of
from bench.edge_serving_world import RANDOM, World
from runtime.errors import LeewardError
from runtime.ids import ModelName
from runtime.ports import ChatMessage, GenerateRequest, Sampling
from runtime.rpc.inference_client import InferenceClient

__all__ = ["soak"]

_CALLERS: Final = 12
_SEED: Final = 7
_SAMPLE_S: Final = 1.0
_SETTLE_LIMIT_S: Final = 15.0
_STEADY_SHARE: Final = 0.25
"""Of the run, until buffers have the size that the load needs; memory is compared after that."""
_PAGE_BYTES: Final = 4096
_KINDS: Final = (
    "whole",
    "whole",
    "repeated",
    "cancelled",
    "late",
    "oversize",
    "hung_up",
    "grammar",
)


@dataclass(slots=True)
class _Log:
    """What happened."""

    ends: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    resident: list[tuple[float, int]] = field(default_factory=list)


async def soak(world: World, seconds: float) -> dict[str, object]:
    """Return what went wrong, which should be nothing.

    Args:
        world: Who answers.
        seconds: How long.
    """
    log = _Log()
    started_s = perf_counter()
    watching = asyncio.create_task(_watch_memory(world, log, started_s))
    seeds = [random.Random(_SEED + number) for number in range(_CALLERS)]  # noqa: S311 - a load
    async with world.callers(_CALLERS) as clients:
        await asyncio.gather(
            *(
                _caller(client, seeds[number], log, started_s + seconds)
                for number, client in enumerate(clients)
            )
        )
    open_calls, restarts = await _settled(world)
    watching.cancel()
    steady = [size for at_s, size in log.resident if at_s >= seconds * _STEADY_SHARE]
    return {
        "soak_s": round(seconds),
        "soak_calls": sum(log.ends.values()),
        "soak_ends": dict(sorted(log.ends.items())),
        "soak_unexpected": dict(sorted(log.failures.items())),
        "soak_crashes": restarts,
        "soak_leaked_calls": open_calls,
        "soak_resident_growth": round(_growth(steady), 4),
        "soak_resident_mb": round(max(steady, default=0) / 1e6, 1),
    }


async def _caller(client: InferenceClient, rng: random.Random, log: _Log, until_s: float) -> None:
    while perf_counter() < until_s:
        kind = rng.choice(_KINDS)
        try:
            log.ends[f"{kind}: {await _one(client, kind, rng)}"] += 1
        except LeewardError as error:
            log.ends[f"{kind}: {type(error).__name__}"] += 1
            if (kind, type(error).__name__) not in _EXPECTED:
                log.failures[f"{kind}: {type(error).__name__}"] += 1


_EXPECTED: Final = {
    ("late", "DeadlineExceeded"),
    ("oversize", "ContextOverflow"),
    *((kind, "CapacityExhausted") for kind in _KINDS),
}


async def _one(client: InferenceClient, kind: str, rng: random.Random) -> str:
    """Make one call of a kind; return how it ended."""
    tokens = rng.randrange(4, 60)
    prompt = prompt_of(rng.choice((12, 60, 300, 900)), rng.randrange(10_000))
    if kind == "repeated":
        prompt = prompt_of(600, rng.randrange(3))
    elif kind == "oversize":
        prompt = prompt_of(6000)
    if kind in {"cancelled", "hung_up"}:
        task = asyncio.create_task(ask_node(client, RANDOM, prompt, max_tokens=500))
        await asyncio.wait([task], timeout=rng.uniform(0, 1.0 if kind == "cancelled" else 0.01))
        task.cancel()
        await asyncio.wait([task])
        return "cancelled"
    sampling: dict[str, Any] = {"temperature": rng.choice((0.0, 1.0)), "seed": rng.randrange(9)}
    if kind == "grammar":
        sampling["grammar"] = "root ::= [0-9]{1,20}"
    request = GenerateRequest(
        ModelName(RANDOM),
        (ChatMessage("user", prompt),),
        Sampling(max_tokens=tokens, **sampling),
        timeout_s=rng.uniform(0.005, 0.5) if kind == "late" else 120.0,
    )
    async for _ in client.generate(request):
        pass
    return "answered"


async def _watch_memory(world: World, log: _Log, started_s: float) -> None:
    pid = world.engine_pids[RANDOM]
    statm = Path(f"/proc/{pid}/statm")
    while True:
        await asyncio.sleep(_SAMPLE_S)
        try:
            pages = _resident_pages(statm)
        except OSError:
            return  # it crashed, and the count of restarts says so
        log.resident.append((perf_counter() - started_s, pages * _PAGE_BYTES))
        if len(log.resident) % 10 == 0:
            print(f"{len(log.resident)} s, {sum(log.ends.values())} calls", file=sys.stderr)


def _resident_pages(statm: Path) -> int:
    return int(statm.read_text(encoding="ascii").split()[1])


async def _settled(world: World) -> tuple[int, int]:
    """Wait until no call is open; return those that stay open, and all restarts."""
    until_s = perf_counter() + _SETTLE_LIMIT_S
    while True:
        await world.node.say("status")
        models = await world.node.hear()
        open_calls = sum(one["open_calls"] for one in models)
        if not open_calls or perf_counter() > until_s:
            return open_calls, sum(one["restarts"] for one in models)
        await asyncio.sleep(0.1)


def _growth(sizes: Sequence[int]) -> float:
    """Growth of the last third's mean over the first third's, as a share."""
    third = len(sizes) // 3
    if not third:
        return 0.0
    first, last = sum(sizes[:third]) / third, sum(sizes[-third:]) / third
    return last / first - 1
