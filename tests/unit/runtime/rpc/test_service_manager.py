"""What systemd hears of a daemon."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.rpc.service_manager import telling_manager


class Manager:
    """A service manager's socket."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.setblocking(False)
        self.address = address

    async def hear(self) -> str:
        return (await asyncio.get_running_loop().sock_recv(self.socket, 64)).decode()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    path = tmp_path / "notify"
    made = Manager(str(path) if request.param == "path" else f"@leeward{path}")
    yield made
    made.socket.close()


async def test_a_manager_hears_that_the_daemon_serves_lives_and_stops(manager: Manager) -> None:
    environ = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "60000"}

    async with telling_manager(environ):
        heard = [await manager.hear() for _ in range(3)]
    last = await manager.hear()
    while last == "WATCHDOG=1":
        last = await manager.hear()

    assert heard == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]
    assert last == "STOPPING=1"


async def test_without_a_watchdog_no_signs_of_life_are_sent(manager: Manager) -> None:
    async with telling_manager({"NOTIFY_SOCKET": manager.address}):
        assert await manager.hear() == "READY=1"
        await asyncio.sleep(0.05)

    assert await manager.hear() == "STOPPING=1"


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "vsock:2:1"])
async def test_a_manager_that_is_not_there_stops_nobody(address: str) -> None:
    async with telling_manager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000"}):
        await asyncio.sleep(0.01)
