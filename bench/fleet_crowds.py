"""Light devices in processes of their own, commanded together.

This process itself opens no channel: it starts and kills gateways, and gRPC does not bear a fork
while it is at work.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from bench.fleet_world import FleetWorld
from bench.line_process import LineProcess
from runtime.rpc.limits import KEEPALIVE_INTERVAL_S

__all__ = ["Crowds", "running_crowds"]


class Crowds:
    """Devices that do the same at the same time.

    Args:
        processes: They run in these.
        count: How many there are.
    """

    def __init__(self, processes: Sequence[LineProcess], count: int) -> None:
        self._processes = processes
        self.count = count
        self.refused = 0
        """Calls of the last act that were told to come back later."""
        self.failed: Counter[str] = Counter()
        """Calls of the last act that failed otherwise, by error."""

    async def do(self, act: str, **arguments: float) -> list[float]:
        """Let every device do something; return how long each took, sorted, seconds.

        Args:
            act: A method of ``bench.fleet_device_process``.
            arguments: Its arguments.
        """
        answers = await asyncio.gather(
            *(process.ask(do=act, **arguments) for process in self._processes)
        )
        self.refused = sum(answer["refused"] for answer in answers)
        self.failed = sum((Counter(answer["failed"]) for answer in answers), Counter())
        return sorted(took_s for answer in answers for took_s in answer["took_s"])


@asynccontextmanager
async def running_crowds(
    world: FleetWorld,
    count: int,
    *,
    processes: int = 1,
    gateway: str = "",
    probe_s: float = KEEPALIVE_INTERVAL_S,
) -> AsyncIterator[Crowds]:
    """Run so many devices, each with a join token, until the block ends.

    Args:
        world: The gateway.
        count: How many.
        processes: In how many processes.
        gateway: Where they dial the gateway, if not where it listens.
        probe_s: How often they probe a silent connection, seconds.
    """
    files = await world.tokens(count)
    async with AsyncExitStack() as stack:
        started = []
        for number in range(processes):
            running = LineProcess.running("bench.fleet_device_process")
            process = await stack.enter_async_context(running)
            told = {
                "enrolment": world.addresses["enrolment"],
                "gateway": gateway or world.addresses["grpc"],
                "authority": files[0].ca_certificate_pem,
                "tokens": [file.token for file in files[number::processes]],
                "seed": number,
                "probe_s": probe_s,
            }
            await process.say(json.dumps(told))
            started.append(process)
        yield Crowds(started, count)
