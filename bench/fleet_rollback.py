"""How fast a device is back with its last good state after one that does not work at work.

The bad state's model loads and answers the probe, but real questions do not fit it, so only calls
tell. Measured from the first call that fails to the first that is answered again; the gateway and
the edge are real, the model runs in its own process.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bench.fleet_state_world import FleetWorld, running_fleet

__all__ = ["measure"]

_ROUNDS: Final = 5
_QUICK_ROUNDS: Final = 1
_LIMIT_S: Final = 900.0
_QUICK_LIMIT_S: Final = 43.0
_LONG: Final = "one two three four five " * 20


async def measure(quick: bool, report: Callable[[str], None]) -> dict[str, Any]:
    """Return ``rollback_seconds_p50`` and the samples behind it.

    Nothing where the machine is too busy for a state to be tried in time: no figure, not a wrong
    one, and the other parts go on.
    """
    try:
        async with asyncio.timeout(_QUICK_LIMIT_S if quick else _LIMIT_S):
            samples = await _samples(_QUICK_ROUNDS if quick else _ROUNDS, report)
    except TimeoutError:
        report("rollback: too slow to tell on this machine now")
        return {}
    return {
        "rollback_seconds_p50": round(statistics.median(samples), 2),
        "rollback_seconds": [round(sample, 2) for sample in samples],
    }


async def _samples(rounds: int, report: Callable[[str], None]) -> list[float]:
    samples: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        async with running_fleet(Path(folder)) as world, world.edge():
            good = world.model_file(1)
            first = await world.roll_out(
                1, {"models": {"slm": world.model(good)}}, health={"probation_s": 0.5}
            )
            if await world.outcome(first) != "runs":
                raise AssertionError("the good state was not kept")
            for number in range(rounds):
                samples.append(await _one(world, good, revision=2 + number))
                report(f"rollback: {number + 1} of {rounds}, {samples[-1]:.1f} s")
    return samples


async def _one(world: FleetWorld, good: Path, *, revision: int) -> float:
    small = world.model(good, context_tokens=24, cache_tokens=24, slots=1)
    rollout = await world.roll_out(
        revision, {"models": {"slm": small}}, health={"probation_s": 600.0}
    )
    while await world.ask(_LONG) == "answered":
        pass
    since_s = time.perf_counter()
    await world.wait_answered(_LONG)
    took_s = time.perf_counter() - since_s
    if await world.outcome(rollout) != "failed":
        raise AssertionError("the bad state was kept")
    return took_s
