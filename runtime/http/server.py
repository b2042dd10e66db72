"""Run an ASGI application inside a role's own event loop, on a socket bound beforehand."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette

from runtime.errors import AddressInUse, ConfigInvalid

__all__ = ["bind_http", "serving_http"]

_BACKLOG = 1024
_GRACE_S = 5


def bind_http(address: str) -> socket.socket:
    """Bind ``host:port`` and return the socket; port 0 lets the machine choose.

    Raises:
        AddressInUse: Another process has the port.
        ConfigInvalid: The address cannot be bound.
    """
    host, _, port = address.rpartition(":")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        # A restarted daemon takes its port back at once; a port that is listened on stays taken.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(place)
        bound.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise AddressInUse(f"{address} is taken by another process") from error
        raise ConfigInvalid(f"{address} cannot be bound", field="http") from error
    return bound


@asynccontextmanager
async def serving_http(app: Starlette, bound: socket.socket) -> AsyncIterator[None]:
    """Serve ``app`` until the block ends; then let running responses end for a few seconds."""
    server = _EmbeddedServer(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,  # a URL or header may hold what must not be logged
            lifespan="off",
            timeout_graceful_shutdown=_GRACE_S,
        )
    )
    async with asyncio.TaskGroup() as group:
        task = group.create_task(server.serve(sockets=[bound]))
        try:
            yield
        finally:
            server.should_exit = True
            await task


class _EmbeddedServer(uvicorn.Server):
    """Leaves signals to the role."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
