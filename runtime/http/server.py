"""Run an ASGI application inside a role's own event loop, on a socket bound beforehand."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from runtime.errors import AddressInUse, ConfigInvalid
from runtime.http.protocol import BoundedProtocol

__all__ = ["HttpServer", "bind_http", "load_certificate", "serving_http", "tls_context"]

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


def tls_context(
    certificate: Path, private_key: Path, *, client_authority: Path | None = None
) -> ssl.SSLContext:
    """Return how a server proves who it is.

    Loading newer files into the context changes what handshakes from then on see.

    Args:
        certificate: Its chain, PEM.
        private_key: The key that belongs to it, PEM.
        client_authority: Who must have signed the certificates of callers, PEM; ``None`` asks
            for none.

    Raises:
        ConfigInvalid: The files cannot be read, or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    load_certificate(context, certificate, private_key)
    if client_authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(client_authority)
        except (OSError, ValueError) as error:
            reason = "cannot be used: certificates in PEM are needed"
            raise ConfigInvalid(
                reason, file=str(client_authority), field="client_authority_file"
            ) from error
    return context


def load_certificate(context: ssl.SSLContext, certificate: Path, private_key: Path) -> None:
    """Show this certificate from now on.

    Raises:
        ConfigInvalid: The files cannot be read, or do not belong together; what was shown before
            is shown still.
    """
    try:
        # First into a context of its own: a key that does not fit leaves the other half behind.
        for one in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), context):
            one.load_cert_chain(certificate, private_key, password=_no_password)
    except (OSError, ValueError) as error:
        reason = "certificate and private key cannot be used: both PEM, unencrypted, of one pair"
        raise ConfigInvalid(reason, file=str(certificate), field="certificate_file") from error


def _no_password() -> str:
    # Without it OpenSSL asks on the terminal.
    raise ValueError("the private key is encrypted")


class HttpServer:
    """A running server; made by ``serving_http``."""

    def __init__(self, server: uvicorn.Server, running: asyncio.Task[None]) -> None:
        self._server = server
        self._running = running

    async def stop(self, grace_s: float | None = None) -> None:
        """Take no more connections; return when running responses ended or may not go on.

        Args:
            grace_s: How long they may go on, seconds; ``None`` for what was said at the start.
        """
        if grace_s is not None:
            self._server.config.timeout_graceful_shutdown = round(grace_s)
        self._server.should_exit = True
        await asyncio.wait({self._running})


@asynccontextmanager
async def serving_http(
    app: ASGIApp,
    bound: socket.socket,
    *,
    tls: ssl.SSLContext | None = None,
    protocol: type[BoundedProtocol] = BoundedProtocol,
    grace_s: float = _GRACE_S,
) -> AsyncIterator[HttpServer]:
    """Serve ``app`` until the block ends; then let running responses end.

    Args:
        app: What answers.
        bound: Where it listens; see ``bind_http``.
        tls: How it proves who it is; ``None`` serves in clear.
        protocol: The bounds of a connection.
        grace_s: How long running responses may go on at the end, seconds.
    """
    server = _EmbeddedServer(
        uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            log_config=None,
            access_log=False,  # a URL or header may hold what must not be logged
            server_header=False,
            proxy_headers=False,  # nobody is asked to vouch for a caller's address
            lifespan="off",
            ssl_context_factory=None if tls is None else lambda _config, _default: tls,
            timeout_graceful_shutdown=round(grace_s),
        )
    )
    async with asyncio.TaskGroup() as group:
        running = HttpServer(server, group.create_task(server.serve(sockets=[bound])))
        try:
            yield running
        finally:
            await running.stop()


class _EmbeddedServer(uvicorn.Server):
    """Leaves signals to the role."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
