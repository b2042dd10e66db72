"""Client and server certificates are replaced again and again under load; nothing may fail.

Every rotation gives one device a certificate for a new key over ``Fleet.Renew`` and swaps its
channel; between them the gateway is told (SIGHUP) to show a fresh server certificate. Meanwhile
every device streams answers without a pause.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.fleet_world import MODEL, linked, running_world
from edge.egress.cloud_link import CloudLink
from edge.egress.renewal import Renewal
from runtime.errors import LeewardError
from runtime.ids import ModelName
from runtime.ports import ChatMessage, Completion, GenerateRequest
from runtime.rpc.inference_client import InferenceClient

__all__ = ["measure"]

_REQUEST: Final = GenerateRequest(
    model=ModelName(MODEL), messages=(ChatMessage("user", "hold on"),), timeout_s=60.0
)


@dataclass(frozen=True, slots=True)
class _Size:
    devices: int
    streams: int
    """Of each device at once."""
    rotations: int


_FULL: Final = _Size(devices=8, streams=4, rotations=200)
_QUICK: Final = _Size(devices=3, streams=1, rotations=52)


@dataclass(slots=True)
class _Tally:
    calls: int = 0
    failed: int = 0
    longest_s: float = 0.0
    is_over: bool = False


async def measure(quick: bool, report: Callable[[str], None]) -> dict[str, Any]:
    """Return how many calls failed over the rotations."""
    size = _QUICK if quick else _FULL
    tally = _Tally()
    with tempfile.TemporaryDirectory(prefix="leeward-fleet-") as root:
        async with AsyncExitStack() as stack:
            world = await stack.enter_async_context(running_world(Path(root), {}))
            links = [
                await stack.enter_async_context(linked(device))
                for device in await world.enrol(size.devices)
            ]
            report(f"rotation: {size.devices} devices stream")
            async with asyncio.TaskGroup() as group:
                for link, _ in links:
                    for _ in range(size.streams):
                        group.create_task(_stream(link, tally))
                await _rotate(
                    links, size, lambda: world.roles.signal("cloud", signal.SIGHUP), report
                )
                tally.is_over = True
            shown = world.roles.log("cloud").read_text().count('"event":"server_certificate_made"')
    return {
        "failed_calls_during_rotation": tally.failed,
        "rotation_client_certificates": size.rotations,
        "rotation_server_certificates": shown - 1,
        "rotation_calls": tally.calls,
        "rotation_slowest_call_s": round(tally.longest_s, 3),
    }


async def _rotate(
    links: list[tuple[CloudLink, Renewal]],
    size: _Size,
    renew_server: Callable[[], None],
    report: Callable[[str], None],
) -> None:
    turns = itertools.islice(itertools.cycle(links), size.rotations)
    for number, (_, renewal) in enumerate(turns, start=1):
        renew_server()
        await renewal.renew()
        if number % 20 == 0:
            report(f"rotation: {number} of {size.rotations}")


async def _stream(link: CloudLink, tally: _Tally) -> None:
    """Ask for one answer after the other; each must come whole."""
    client = InferenceClient(link.channel)
    while not tally.is_over:
        started_s = time.monotonic()
        tally.calls += 1
        try:
            chunks = [chunk async for chunk in client.generate(_REQUEST)]
        except LeewardError:
            tally.failed += 1
            continue
        tally.failed += not isinstance(chunks[-1], Completion)
        tally.longest_s = max(tally.longest_s, time.monotonic() - started_s)
