"""How a daemon settles down, says that it serves, and waits to be told to stop."""

import asyncio
import gc
import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from runtime.private_files import write_private_file
from runtime.rpc.service_manager import telling_manager

__all__ = ["announce", "settle_down", "wait_stop_signal"]

_YOUNG_OBJECTS: Final = 10_000
"""Made between two looks at the young ones: a call makes hundreds, and nearly none has a cycle."""


def settle_down() -> None:
    """Leave what is loaded by now out of every later garbage collection.

    A daemon keeps its modules, lexicons and models for good; looking through them again and again
    is a twelfth of what a gateway's call costs. Memory that a call leaves is found as before.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)


def announce(path: Path | None, addresses: Mapping[str, str]) -> None:
    """Write the addresses a daemon serves at, once it serves; complete or not at all."""
    if path is not None:
        write_private_file(path, json.dumps(dict(addresses)).encode())


async def wait_stop_signal(stop: asyncio.Event | None = None) -> None:
    """Return when the process is asked to end (SIGTERM or SIGINT).

    Meanwhile the service manager, if there is one, hears that the daemon serves and lives.

    Args:
        stop: Set by whatever else may ask for the end.
    """
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        async with telling_manager():
            await stop.wait()
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
