"""Devices are away until their certificates have ended; each must come back by itself.

The gateway is killed before the devices' certificates end and started again afterwards. Until then
every device tries and fails; then it proves its old key, gets a certificate, and makes a call.
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

__all__ = ["measure"]

_DAY_S: Final = 86_400.0
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
    lifetime = {"device_certificate_days": _LIFETIME_S / _DAY_S}
    with tempfile.TemporaryDirectory(prefix="leeward-fleet-") as root:
        async with running_world(Path(root), lifetime) as world:
            devices = await world.enrol(count)
            await world.roles.kill("cloud")
            report(f"recovery: {count} devices wait for the end of their certificates")
            await asyncio.sleep(_LIFETIME_S)
            # Certificates that are good for longer than a call, from now on.
            world.config.write_text(
                world.config.read_text().replace(
                    f"device_certificate_days: {_LIFETIME_S / _DAY_S}", "device_certificate_days: 1"
                )
            )
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_comes_back(device)) for device in devices]
                await world.restart()
            took_s = [task.result() for task in tasks]
    back = sorted(one for one in took_s if one is not None)
    return {
        "recovered_offline_devices_percent": 100.0 * len(back) / count,
        "recovered_offline_devices": len(back),
        "recovery_slowest_s": round(back[-1], 2) if back else None,
    }


async def _comes_back(device: Device) -> float | None:
    """Try as the daemon does until a call is answered; return how long that took, seconds."""
    started_s = time.monotonic()
    try:
        async with asyncio.timeout(_LIMIT_S), AsyncExitStack() as stack:
            link, renewal = await stack.enter_async_context(linked(device))
            was_ended = link.certificate_left_s <= 0
            while link.certificate_left_s <= 0:  # noqa: ASYNC110 - waits as the device does
                await asyncio.sleep(min(await renewal.step(), 1.0))
            client = InferenceClient(link.channel)
            chunks = [chunk async for chunk in client.generate(_REQUEST)]
    except (TimeoutError, LeewardError):
        return None
    is_back = was_ended and isinstance(chunks[-1], Completion)
    return time.monotonic() - started_s if is_back else None
