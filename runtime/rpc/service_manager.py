"""Telling systemd that the daemon serves, that it lives, and that it stops: ``sd_notify(3)``.

One datagram to a socket of this machine for each; nothing at all where no service manager asks.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

__all__ = ["telling_manager"]

_SOCKET: Final = "NOTIFY_SOCKET"
_WATCHDOG_US: Final = "WATCHDOG_USEC"
_BEATS: Final = 3
"""Signs of life within the time after which the manager would give the daemon up."""


@asynccontextmanager
async def telling_manager(environ: Mapping[str, str] | None = None) -> AsyncIterator[None]:
    """Say that the daemon is ready; go on to say that it lives until the block ends.

    The signs come from the event loop that serves: one that hangs gives none, and is restarted.

    Args:
        environ: Where the manager says how to reach it; by default, this process's environment.
    """
    found = os.environ if environ is None else environ  # noqa: TID251 - systemd's, not a setting
    address = found.get(_SOCKET, "")
    if not address.startswith(("/", "@")):
        yield
        return
    _tell(address, "READY=1")
    beating = asyncio.create_task(_beat(address, int(found.get(_WATCHDOG_US, "0") or 0)))
    try:
        yield
    finally:
        beating.cancel()
        _tell(address, "STOPPING=1")


async def _beat(address: str, within_us: int) -> None:
    while within_us > 0:
        _tell(address, "WATCHDOG=1")
        await asyncio.sleep(within_us / 1e6 / _BEATS)


def _tell(address: str, what: str) -> None:
    """Send one datagram; a manager that does not read stops nobody."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
        own.setblocking(False)
        own.connect("\0" + address[1:] if address.startswith("@") else address)
        own.send(what.encode())
