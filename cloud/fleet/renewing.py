"""Gives a device a certificate for a new key while its old one is still good."""

import logging
from datetime import timedelta
from typing import Final, Protocol

from cloud.authorities import Authorities
from cloud.calls import Caller
from cloud.fleet.anchoring import Anchors
from cloud.stores.devices import DeviceStore
from runtime.codec.renewal import RenewCall, Renewed
from runtime.ids import DeviceId
from runtime.rpc.peer import VerifiedPeer

__all__ = ["DeviceAccess", "Renewing"]

_logger: Final = logging.getLogger("leeward.cloud.fleet")


class DeviceAccess(Protocol):
    """Who may call."""

    async def by_certificate(self, peer: VerifiedPeer) -> Caller:
        """Return the device that the handshake proved, as a caller; or raise ``NotPermitted``."""
        ...


class Renewing:
    """Renews certificates.

    Args:
        access: Says which device calls, and whether it was revoked.
        authorities: Sign.
        devices: Remember which certificate is the newest.
        anchors: Countersign the head that a device shows.
        lifetime: How long a certificate is good.
    """

    def __init__(
        self,
        *,
        access: DeviceAccess,
        authorities: Authorities,
        devices: DeviceStore,
        anchors: Anchors,
        lifetime: timedelta,
    ) -> None:
        self._access = access
        self._authorities = authorities
        self._devices = devices
        self._anchors = anchors
        self._lifetime = lifetime

    async def renew(self, peer: VerifiedPeer, call: RenewCall) -> Renewed:
        """Certify a new key as the calling device, whatever name the request wishes for.

        Raises:
            NotPermitted: The device is not enrolled here, or was revoked.
            CertificateInvalid: The signing request is malformed.
        """
        device = DeviceId((await self._access.by_certificate(peer)).id)
        issued = await self._authorities.certify_device(
            call.csr_pem, device, lifetime=self._lifetime
        )
        seen = None
        if call.head is not None:
            seen = await self._anchors.countersign(device, call.head)
        await self._devices.note_certificate(
            device,
            serial=f"{issued.serial:x}",
            expires_at=issued.expires_at,
            authority=self._authorities.newest.fingerprint,
        )
        _logger.info("certificate_renewed", extra={"device": device})
        return Renewed(issued.chain_pem, self._authorities.bundle_pem, issued.expires_at, seen)
