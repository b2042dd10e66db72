"""What callers of ``bench.gateway`` notice when one of two upstreams is killed under load."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Final

from bench.gateway_call import Load, Numbers, Opener, opened, together
from bench.gateway_kinds import openers_of
from bench.gateway_upstream import model_name
from bench.gateway_world import World

__all__ = ["one_of_two_dies"]

_MODEL: Final = model_name(8, 10)
_CALLERS: Final = 24
"""On each front."""


async def one_of_two_dies(
    world: World, *, before_s: float, after_s: float, numbers: Numbers
) -> dict[str, object]:
    """Kill one upstream in the middle of a load; count the requests that were lost.

    A request that had no token yet must be answered by the other upstream. A stream that had begun
    is counted apart: it is either resumed or ends with an error that says how far it got.
    """
    doomed, other = await world.upstream(), await world.upstream()
    gateway = await world.gateway("faults", [doomed, other], [_MODEL])
    async with asyncio.TaskGroup() as group:
        loads = [
            group.create_task(_load(opener, before_s + after_s, numbers))
            for opener in openers_of(gateway, _MODEL)
        ]
        await asyncio.sleep(before_s)
        taken = {"doomed": doomed.counts().calls}
        os.kill(doomed.process.pid, signal.SIGKILL)
    results = [load.result() for load in loads]
    failed = [failure for load in results for failure in load.failed]
    return {
        "failed_requests": sum(1 for failure in failed if not failure.seen),
        "failed_streams_begun": sum(1 for failure in failed if failure.seen),
        "failure_answered": sum(len(load.answered) for load in results),
        "failure_calls_of_the_dead_upstream": taken["doomed"],
        "failure_calls_of_the_other": other.counts().calls,
    }


async def _load(opener: Opener, duration_s: float, numbers: Numbers) -> Load:
    async with opened(opener, _CALLERS) as callers:
        return await together(callers, duration_s, numbers)
