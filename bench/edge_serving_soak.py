"""Load with every misfortune that callers have: does the engine leak, crash or stall?"""

from __future__ import annotations

import asyncio
import itertools
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
    "disconnected",
    "grammar",
)


@dataclass(slots=True)
class _Log:
    """What happened."""

    ends: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    resident: dict[str, list[tuple[float, int]]] = field(
        default_factory=lambda: {"engine": [], "daemon": []}
    )
    """Bytes in memory of the model's process and of the daemon's, and when."""


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
                _caller(world, client, seeds[number], log, started_s + seconds)
                for number, client in enumerate(clients)
            )
        )
    open_calls, slots, restarts = await _settled(world)
    watching.cancel()
    steady = {
        name: [size for at_s, size in sizes if at_s >= seconds * _STEADY_SHARE]
        for name, sizes in log.resident.items()
    }
    return {
        "soak_s": round(seconds),
        "soak_calls": sum(log.ends.values()),
        "soak_ends": dict(sorted(log.ends.items())),
        "soak_unexpected": dict(sorted(log.failures.items())),
        "soak_crashes": restarts,
        "soak_leaked_calls": open_calls,
        "soak_leaked_slots": slots,
        "soak_resident_growth": round(_growth(steady["engine"]), 4),
        "soak_resident_mb": round(max(steady["engine"], default=0) / 1e6, 1),
        "soak_daemon_resident_growth": round(_growth(steady["daemon"]), 4),
        "soak_daemon_resident_mb": round(max(steady["daemon"], default=0) / 1e6, 1),
    }


async def _caller(
    world: World, client: InferenceClient, rng: random.Random, log: _Log, until_s: float
) -> None:
    while perf_counter() < until_s:
        kind = rng.choice(_KINDS)
        try:
            log.ends[f"{kind}: {await _one(world, client, kind, rng)}"] += 1
        except LeewardError as error:
            log.ends[f"{kind}: {type(error).__name__}"] += 1
            if (kind, type(error).__name__) not in _EXPECTED:
                log.failures[f"{kind}: {type(error).__name__}"] += 1


_EXPECTED: Final = {
    ("late", "DeadlineExceeded"),
    ("oversize", "ContextOverflow"),
    *((kind, "CapacityExhausted") for kind in _KINDS),
}


async def _one(world: World, client: InferenceClient, kind: str, rng: random.Random) -> str:
    """Make one call of a kind; return how it ended."""
    if kind == "disconnected":
        return await _disconnected(world, rng)
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


async def _disconnected(world: World, rng: random.Random) -> str:
    """Call over a connection of its own and close that, in the middle of the answer or before."""
    async with world.callers(1) as (client,):
        prompt = prompt_of(rng.choice((12, 300)), rng.randrange(10_000))
        task = asyncio.create_task(ask_node(client, RANDOM, prompt, max_tokens=500))
        await asyncio.wait([task], timeout=rng.uniform(0, 1.0))
    await asyncio.gather(task, return_exceptions=True)
    return "disconnected"


async def _watch_memory(world: World, log: _Log, started_s: float) -> None:
    pids = {"engine": world.engine_pids[RANDOM], "daemon": world.node.pid}
    for sample in itertools.count(1):
        await asyncio.sleep(_SAMPLE_S)
        for name, pid in pids.items():
            try:
                pages = _resident_pages(Path(f"/proc/{pid}/statm"))
            except OSError:
                return  # it crashed, and the count of restarts says so
            log.resident[name].append((perf_counter() - started_s, pages * _PAGE_BYTES))
        if sample % 10 == 0:
            print(f"{sample} s, {sum(log.ends.values())} calls", file=sys.stderr)


def _resident_pages(statm: Path) -> int:
    return int(statm.read_text(encoding="ascii").split()[1])


async def _settled(world: World) -> tuple[int, int, int]:
    """Wait until no call is open; return those that stay open, slots still held, all restarts."""
    until_s = perf_counter() + _SETTLE_LIMIT_S
    while True:
        await world.node.say("status")
        models = await world.node.hear()
        open_calls, slots = (sum(one[key] for one in models) for key in ("open_calls", "running"))
        if not open_calls or perf_counter() > until_s:
            return open_calls, slots, sum(one["restarts"] for one in models)
        await asyncio.sleep(0.1)


def _growth(sizes: Sequence[int]) -> float:
    """Growth of the last third's mean over the first third's, as a share."""
    third = len(sizes) // 3
    if not third:
        return 0.0
    first, last = sum(sizes[:third]) / third, sum(sizes[-third:]) / third
    return last / first - 1
