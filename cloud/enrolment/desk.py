"""Trade a join token and a signing request for a client certificate.

Every refusal looks the same to the caller; the reason is logged by the token store.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud.enrolment.pace import Pace
from cloud.stores.devices import DeviceStore
from runtime.clock import Clock
from runtime.identity.authority import CertificateAuthority
from runtime.identity.csr import public_key_of_csr
from runtime.identity.tokens import NewToken, TokenStore
from runtime.ids import DeviceId

__all__ = ["Enrolled", "EnrolmentDesk"]

_logger = logging.getLogger("leeward.cloud.enrolment")


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a device takes home."""

    device: DeviceId
    chain_pem: bytes
    ca_pem: bytes
    expires_at: datetime


class EnrolmentDesk:
    """Issues tokens, and certificates for them."""

    def __init__(
        self,
        *,
        authority: CertificateAuthority,
        tokens: TokenStore,
        devices: DeviceStore,
        pace: Pace,
        lifetime: timedelta,
        clock: Clock,
    ) -> None:
        self._authority = authority
        self._tokens = tokens
        self._devices = devices
        self._pace = pace
        self._lifetime = lifetime
        self._clock = clock

    async def issue_token(self, lifetime: timedelta) -> NewToken:
        """Return a fresh token, good for one device."""
        return await asyncio.to_thread(self._tokens.create, lifetime_s=lifetime.total_seconds())

    async def enrol(self, token: str, csr_pem: bytes) -> Enrolled:
        """Redeem a token.

        Raises:
            CapacityExhausted: Too many attempts at once; come back later.
            CertificateInvalid: The signing request is not one; the token is still good.
            TokenRefused: The token is unknown, used or expired.
        """
        self._pace.admit()
        public_key_of_csr(csr_pem)  # before the token is used up
        device = await asyncio.to_thread(self._tokens.redeem, token)
        issued = self._authority.issue_client(
            csr_pem, device, lifetime_s=self._lifetime.total_seconds()
        )
        serial = f"{issued.serial:x}"
        await self._devices.enrol(
            device, serial=serial, enrolled_at=self._clock.now(), expires_at=issued.expires_at
        )
        _logger.info("device_enrolled", extra={"device": device, "serial": serial})
        return Enrolled(
            device, issued.chain_pem, self._authority.certificate_pem, issued.expires_at
        )
