"""One gRPC port of the gateway: starts, reports its health, drains."""

import grpc

from cloud.routing.watch import HEALTH_PREFIX
from cloud.server_certificates import CertificateSource
from runtime.rpc.servers import ServerHealth, add_reflection, bind, stop

__all__ = ["Listener"]


class Listener:
    """A gRPC server that serves."""

    def __init__(self, server: grpc.aio.Server, health: ServerHealth, port: int) -> None:
        self._server = server
        self.health = health
        self.port = port

    @classmethod
    async def start(
        cls,
        server: grpc.aio.Server,
        address: str,
        *,
        certificates: CertificateSource,
        services: tuple[str, ...],
        served: tuple[str, ...],
    ) -> "Listener":
        """Serve what was added to ``server``.

        Args:
            server: With its servicers.
            address: Where it listens.
            certificates: How it proves who it is, and knows its callers.
            services: Full names, for reflection.
            served: Those of them that health reports as serving.

        Raises:
            AddressInUse: Another process has the port.
            ConfigInvalid: The address cannot be bound.
        """
        health = ServerHealth(server, served)
        add_reflection(server, services)
        port = bind(server, address, tls=certificates.first, renewed=certificates.renewed)
        await health.start()
        await server.start()
        await health.set_all_serving()
        return cls(server, health, port)

    async def report_upstream(self, name: str, is_serving: bool) -> None:
        """Report a provider; the port serves whether or not one of them does."""
        await self.health.set_part(HEALTH_PREFIX + name, is_serving=is_serving)

    async def announce_stop(self) -> None:
        """Report as not serving, for good, while calls are still taken."""
        await self.health.stop()

    async def stop(self, grace_s: float) -> None:
        """Refuse new calls with ``UNAVAILABLE``, and let those that run end within ``grace_s``."""
        self.health.end_watches()
        await stop(self._server, None, grace_s=grace_s)
