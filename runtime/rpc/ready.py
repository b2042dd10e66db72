"""How a daemon says that it serves, and waits to be told to stop."""

import asyncio
import json
import signal
from collections.abc import Mapping
from pathlib import Path

from runtime.private_files import write_private_file

__all__ = ["announce", "wait_stop_signal"]


def announce(path: Path | None, addresses: Mapping[str, str]) -> None:
    """Write the addresses a daemon serves at, once it serves; complete or not at all."""
    if path is not None:
        write_private_file(path, json.dumps(dict(addresses)).encode())


async def wait_stop_signal() -> None:
    """Return when the process is asked to end (SIGTERM or SIGINT)."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        await stop.wait()
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
