"""Devices are away until their certificates have ended; each must come back by itself.

The link of all devices is cut before their certificates end and mended once every one of them has
tried in vain. Then each proves its old key, gets a certificate, and makes a call.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from bench.fleet_world import MODEL, Device, linked, running_world
from runtime.errors import LeewardError
from runtime.ids import ModelName
from runtime.ports import ChatMessage, Completion, GenerateRequest
from runtime.rpc.inference_client import InferenceClient
from runtime.testing.cutting_proxy import running_proxy

__all__ = ["measure"]

_DEVICES: Final = 100
_QUICK_DEVICES: Final = 10
_LIFETIME_S: Final = 4.0
_LIMIT_S: Final = 120.0
_REQUEST: Final = GenerateRequest(
    model=ModelName(MODEL), messages=(ChatMessage("user", "back"),), timeout_s=60.0
)


async def measure(quick: bool, report: Callable[[str], None]) -> dict[str, Any]:
    """Return the share of devices that came back, and how long the slowest took."""
    count = _QUICK_DEVICES if quick else _DEVICES
    async with AsyncExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="leeward-fleet-")))
        world = await stack.enter_async_context(running_world(root, {}))
        proxies = [
            await stack.enter_async_context(running_proxy(world.addresses[name]))
            for name in ("grpc", "enrolment")
        ]
        world.addresses |= {"grpc": proxies[0].address, "enrolment": proxies[1].address}
        devices = await world.enrol(count)
        await world.shorten(devices, _LIFETIME_S)
        for proxy in proxies:
            await proxy.cut()
        report(f"recovery: {count} devices wait for the end of their certificates")
        await asyncio.sleep(_LIFETIME_S)
        tried = [asyncio.Event() for _ in devices]
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_comes_back(device, event))
                for device, event in zip(devices, tried, strict=True)
            ]
            await asyncio.gather(*(event.wait() for event in tried))
            mended_s = time.monotonic()
            for proxy in proxies:
                proxy.mend()
        ends_s = [task.result() for task in tasks]
    back = sorted(one - mended_s for one in ends_s if one is not None)
    return {
        "recovered_offline_devices_percent": 100.0 * len(back) / count,
        "recovered_offline_devices": len(back),
        "recovery_slowest_s": round(back[-1], 2) if back else None,
    }


async def _comes_back(device: Device, tried: asyncio.Event) -> float | None:
    """Try as the daemon does until a call is answered; return when that was, monotonic seconds.

    Args:
        device: Whose certificate has ended.
        tried: Set once it has tried in vain.
    """
    try:
        async with asyncio.timeout(_LIMIT_S), linked(device) as (link, renewal):
            was_ended = link.certificate_left_s <= 0
            while link.certificate_left_s <= 0:
                pause_s = await renewal.step()
                tried.set()
                await asyncio.sleep(min(pause_s, 1.0))
            client = InferenceClient(link.channel)
            chunks = [chunk async for chunk in client.generate(_REQUEST)]
    except (TimeoutError, LeewardError):
        return None
    finally:
        tried.set()
    return time.monotonic() if was_ended and isinstance(chunks[-1], Completion) else None
