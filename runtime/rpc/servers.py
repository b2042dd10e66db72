"""Servers: mutual TLS, health, reflection, exclusive ports, and an end that lets calls finish.

Knows no servicer; a role's ``app.py`` adds them.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from runtime.errors import AddressInUse, ConfigInvalid
from runtime.rpc.address import host_of, is_local
from runtime.rpc.limits import MAX_MESSAGE_BYTES, server_options
from runtime.rpc.malformed import MalformedRequests
from runtime.rpc.tls import ServerTls

__all__ = ["ServerHealth", "add_reflection", "bind", "new_server", "stop"]

_OVERALL: Final = ""
_LAST_WORD_S: Final = 0.2
"""How long a watch goes on at the end, so that it still tells of it."""


def new_server(
    *,
    max_concurrent_rpcs: int,
    max_message_bytes: int = MAX_MESSAGE_BYTES,
    interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
) -> grpc.aio.Server:
    """Return a server without ports and servicers.

    Args:
        max_concurrent_rpcs: Calls beyond this many are answered ``RESOURCE_EXHAUSTED`` at once.
        max_message_bytes: Largest message it takes.
        interceptors: Run around every call, outermost first.
    """
    return grpc.aio.server(
        interceptors=[*interceptors, MalformedRequests()],
        options=server_options(max_message_bytes=max_message_bytes),
        maximum_concurrent_rpcs=max_concurrent_rpcs,
    )


def bind(
    server: grpc.aio.Server,
    address: str,
    *,
    tls: ServerTls | None,
    renewed: Callable[[], ServerTls | None] | None = None,
) -> int:
    """Bind ``server`` to ``address`` and return the port, which port 0 lets the machine choose.

    Args:
        server: Not yet started.
        address: ``host:port`` or ``unix:/path``.
        tls: ``None`` is allowed only for loopback and Unix sockets.
        renewed: Asked at every handshake, on a thread of gRPC's; returns new certificates to use
            from now on, or ``None`` to keep the present ones.

    Returns:
        The port; for a Unix socket a number without meaning.

    Raises:
        AddressInUse: Another process has the port.
        ConfigInvalid: The address cannot be bound, or is no loopback and has no TLS.
    """
    is_loopback = is_local(address)
    if tls is None and not is_loopback:
        raise ConfigInvalid("a port that others can reach needs TLS certificates", field="address")
    # First by a plain attempt: gRPC says only that it failed, and prints its own line about it.
    failure = _bind_failure(address)
    if failure is not None:
        raise failure
    try:
        if tls is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, _credentials(tls, renewed))
    except RuntimeError:
        raise _bind_failure(address) or _cannot_bind(address) from None


def add_reflection(server: grpc.aio.Server, services: Iterable[str]) -> None:
    """Let tools such as ``grpcurl`` list and describe ``services`` (full names)."""
    names = (*sorted(services), health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)


class ServerHealth:
    """``grpc.health.v1`` for one server, each service by its full name.

    Args:
        server: Gets the servicer.
        services: Full names; all start as not serving, and so does the server as a whole.
    """

    def __init__(self, server: grpc.aio.Server, services: Iterable[str]) -> None:
        self._servicer = _EndingHealth()
        self._serving = dict.fromkeys(sorted(services), False)
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def start(self) -> None:
        """Report every service as not serving yet."""
        for service in (*self._serving, _OVERALL):
            await self._servicer.set(service, _status(is_serving=False))

    async def set_serving(self, service: str, *, is_serving: bool) -> None:
        """Report one service; the server as a whole serves when all of them do."""
        self._serving[service] = is_serving
        await self._servicer.set(service, _status(is_serving=is_serving))
        await self._servicer.set(_OVERALL, _status(is_serving=all(self._serving.values())))

    async def set_part(self, name: str, *, is_serving: bool) -> None:
        """Report something behind the server, on which the server as a whole does not depend."""
        await self._servicer.set(name, _status(is_serving=is_serving))

    async def set_all_serving(self) -> None:
        """Report every service as serving."""
        for service in tuple(self._serving):
            await self.set_serving(service, is_serving=True)

    async def stop(self) -> None:
        """Report nothing as serving any more, for good; watchers are told."""
        await self._servicer.enter_graceful_shutdown()

    def end_watches(self) -> None:
        """End the streams of those who watch: they would hold a server that waits for its calls."""
        self._servicer.is_over.set()


class _EndingHealth(health.aio.HealthServicer):  # type: ignore[misc]  # no stubs published
    """The standard servicer, whose watches end when the server does."""

    def __init__(self) -> None:
        super().__init__()
        self.is_over = asyncio.Event()

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802 - the contract's name
        """Tell a watcher of every change until it leaves, or until the end."""
        watching = asyncio.ensure_future(super().Watch(request, context))
        over = asyncio.ensure_future(self.is_over.wait())
        try:
            await asyncio.wait({watching, over}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({watching}, timeout=_LAST_WORD_S)
            if watching.done():
                watching.result()
        finally:
            over.cancel()
            watching.cancel()
            await asyncio.gather(watching, over, return_exceptions=True)


async def stop(server: grpc.aio.Server, health: ServerHealth | None, *, grace_s: float) -> None:
    """Take no new calls, let running ones end within ``grace_s``, then cancel the rest."""
    if health is not None:
        await health.stop()
        health.end_watches()
    await server.stop(grace_s)


def _credentials(
    tls: ServerTls, renewed: Callable[[], ServerTls | None] | None
) -> grpc.ServerCredentials:
    must_authenticate = tls.client_ca_bundle_pem is not None
    if renewed is None:
        return grpc.ssl_server_credentials(
            [(tls.identity.private_key_pem, tls.identity.certificate_chain_pem)],
            root_certificates=tls.client_ca_bundle_pem,
            require_client_auth=must_authenticate,
        )

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        fresh = renewed()
        return None if fresh is None else _configuration(fresh)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(tls),
        fetch,  # type: ignore[arg-type]  # the stub forgets that None keeps the certificates
        require_client_authentication=must_authenticate,
    )


def _configuration(tls: ServerTls) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(tls.identity.private_key_pem, tls.identity.certificate_chain_pem)],
        root_certificates=tls.client_ca_bundle_pem,
    )


def _status(*, is_serving: bool) -> health_pb2.HealthCheckResponse.ServingStatus:
    statuses = health_pb2.HealthCheckResponse
    return statuses.SERVING if is_serving else statuses.NOT_SERVING


def _bind_failure(address: str) -> AddressInUse | ConfigInvalid | None:
    """Try by one plain attempt whether the address can be bound, and say why not."""
    if address.startswith("unix"):
        return None
    host, port = host_of(address), int(address.rpartition(":")[2])
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # As gRPC does: connections of a daemon that just ended do not hold its port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OverflowError:
        return _cannot_bind(address, "there is no such port")
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return AddressInUse(f"{address} is taken by another process")
        return _cannot_bind(address, error.strerror or "")
    return None


def _cannot_bind(address: str, why: str = "") -> ConfigInvalid:
    reason = f"{address} cannot be bound"
    return ConfigInvalid(f"{reason}: {why}" if why else reason, field="address")
