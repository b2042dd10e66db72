"""Trade a join token and a signing request for a client certificate.

Asked again with the same token and key, because the answer was lost, it answers again.
Every refusal looks the same to the caller; the reason is logged by the token store.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from cloud.authorities import Authorities
from cloud.enrolment.pace import Pace, Seats
from cloud.stores.audit import Act
from cloud.stores.devices import write_device
from cloud.stores.join_tokens import Invitation, JoinTokenStore
from runtime.clock import Clock
from runtime.identity.csr import key_digest, public_key_of_csr
from runtime.ids import DeviceId
from runtime.rpc.deadlines import DEFAULT_TIMEOUT_S

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
    """Issues certificates for tokens."""

    def __init__(
        self,
        *,
        authorities: Authorities,
        tokens: JoinTokenStore,
        pace: Pace,
        seats: Seats,
        lifetime: timedelta,
        clock: Clock,
    ) -> None:
        self._authorities = authorities
        self._tokens = tokens
        self._pace = pace
        self._seats = seats
        self._lifetime = lifetime
        self._clock = clock

    async def enrol(
        self, token: str, csr_pem: bytes, *, left_s: float = DEFAULT_TIMEOUT_S
    ) -> Enrolled:
        """Redeem a token.

        Args:
            token: The token.
            csr_pem: The signing request.
            left_s: How long the caller still waits, seconds.

        Raises:
            CapacityExhausted: Too many attempts at once; come back later.
            CertificateInvalid: The signing request is not one; the token is still good.
            TokenRefused: The token is unknown, expired or used for another key, or its device was
                revoked since.
        """
        self._pace.admit()
        key = key_digest(public_key_of_csr(csr_pem))  # before the token is looked at
        with self._seats.taken(left_s):
            return await self._enrol(token, key, csr_pem)

    async def _enrol(self, token: str, key: bytes, csr_pem: bytes) -> Enrolled:
        device = (await self._tokens.look(token, key)).device
        issued = await self._authorities.certify_device(csr_pem, device, lifetime=self._lifetime)
        authority = self._authorities.newest.fingerprint
        serial = f"{issued.serial:x}"
        act = Act(f"device:{device}", self._clock.now())

        def enrol(connection: Connection, invited: Invitation) -> None:
            write_device(
                connection,
                invited.device,
                act,
                tenant=invited.tenant,
                serial=serial,
                expires_at=issued.expires_at,
                authority=authority,
                is_repeat=invited.is_repeat,
            )

        invited = await self._tokens.redeem(token, key, enrol)
        event = "device_enrolled_again" if invited.is_repeat else "device_enrolled"
        _logger.info(event, extra={"device": device, "serial": serial})
        return Enrolled(device, issued.chain_pem, self._authorities.bundle_pem, issued.expires_at)
