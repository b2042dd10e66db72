"""What the gateway's gRPC ports show: made at the start, and again long before it ends, in place.

Devices know the authority and not the server, so a fresh key and certificate surprise nobody. gRPC
asks at every handshake; connections that are open keep what they began with.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from cloud.authorities import Authorities
from runtime.clock import Clock
from runtime.errors import LeewardError
from runtime.identity.certificates import load_certificates
from runtime.rpc.tls import KeyPair, ServerTls

__all__ = ["CertificateSource", "ServerCertificates"]

_RENEWED_AT: Final = 0.6
"""What share of its life a certificate is shown for."""
_LOOK_S: Final = 30.0

_logger: Final = logging.getLogger("leeward.cloud.certificates")


class ServerCertificates:
    """Certificates of one gateway.

    Args:
        authorities: The oldest signs; clients' certificates are of any of them.
        hosts: Names and addresses by which devices dial.
        lifetime: How long one is good.
        clock: Says when the next is due.
    """

    def __init__(
        self, authorities: Authorities, hosts: Sequence[str], *, lifetime: timedelta, clock: Clock
    ) -> None:
        self._authorities = authorities
        self._hosts = hosts
        self._lifetime = lifetime
        self._clock = clock
        self._shown: tuple[KeyPair, bytes]
        self._due: datetime
        self.renew()

    def renew(self) -> None:
        """Show a fresh certificate, and know the present authorities, from the next handshake on.

        Raises:
            LeewardError: The authority has ended, or does not sign now.
        """
        pair = self._authorities.certify_server(self._hosts, lifetime=self._lifetime)
        ends = load_certificates(pair.certificate_chain_pem)[0].not_valid_after_utc
        now = self._clock.now()
        self._due = now + (ends - now) * _RENEWED_AT
        self._shown = (pair, self._authorities.bundle_pem)
        _logger.info("server_certificate_made", extra={"expires_at": ends.isoformat()})

    def source(self, *, asks_clients: bool) -> "CertificateSource":
        """Return what one port shows."""
        return CertificateSource(lambda: self._shown, asks_clients=asks_clients)

    async def keep_fresh(self) -> None:
        """Renew in time, for ever."""
        while True:
            left_s = (self._due - self._clock.now()).total_seconds()
            if left_s > 0:
                await asyncio.sleep(min(left_s, _LOOK_S))
                continue
            try:
                await asyncio.to_thread(self.renew)
            except LeewardError as error:
                extra = {"error": type(error).__name__}
                _logger.error("server_certificate_not_made", extra=extra)
                await asyncio.sleep(_LOOK_S)


class CertificateSource:
    """What one port shows: now, and at every handshake."""

    def __init__(self, shown: Callable[[], tuple[KeyPair, bytes]], *, asks_clients: bool) -> None:
        self._shown = shown
        self._asks_clients = asks_clients
        self._last = shown()
        self.first = self._tls(self._last)

    def renewed(self) -> ServerTls | None:
        """Return what to show from now on, ``None`` for the same; called on a thread of gRPC's."""
        newest = self._shown()
        if newest is self._last:
            return None
        self._last = newest
        return self._tls(newest)

    def _tls(self, shown: tuple[KeyPair, bytes]) -> ServerTls:
        pair, bundle_pem = shown
        return ServerTls(pair, client_ca_bundle_pem=bundle_pem if self._asks_clients else None)
