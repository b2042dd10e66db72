"""Gives a device whose certificate has ended a new one, for a proof of its old key.

Every refusal looks the same to the caller; the reason is in the log and, where the device is ours,
in the audit trail.
"""

import logging
from datetime import timedelta
from typing import Final, NoReturn

from cryptography import x509

from cloud.authorities import Authorities
from cloud.enrolment.desk import Enrolled
from cloud.enrolment.nonces import Nonces
from cloud.enrolment.pace import Pace
from cloud.fleet.renewing import DeviceAccess
from cloud.stores.audit import Act
from cloud.stores.devices import DeviceStore
from runtime.clock import Clock
from runtime.codec.enrolment import Nonce, RecoverCall
from runtime.errors import CertificateInvalid, NotPermitted
from runtime.identity.certificates import check_device_chain, load_certificates
from runtime.identity.csr import public_key_of_csr
from runtime.identity.recovery import check_proof
from runtime.ids import DeviceId
from runtime.rpc.peer import VerifiedPeer

__all__ = ["RecoveryDesk"]

_logger: Final = logging.getLogger("leeward.cloud.enrolment")
_REFUSED: Final = "this device may not recover; enrol it again with a new join token and `--force`"


class RecoveryDesk:
    """Recovers devices.

    Args:
        authorities: Have signed the old certificate, and sign the new one.
        access: Says whether the device is still one of ours.
        devices: Remember the new certificate.
        nonces: What a proof is over.
        pace: How often anybody may try.
        lifetime: How long a certificate is good.
        window: How long after its certificate's end a device may recover; nothing lets none.
        clock: Says what has ended.
    """

    def __init__(
        self,
        *,
        authorities: Authorities,
        access: DeviceAccess,
        devices: DeviceStore,
        nonces: Nonces,
        pace: Pace,
        lifetime: timedelta,
        window: timedelta,
        clock: Clock,
    ) -> None:
        self._authorities = authorities
        self._access = access
        self._devices = devices
        self._nonces = nonces
        self._pace = pace
        self._lifetime = lifetime
        self._window = window
        self._clock = clock

    def nonce(self) -> Nonce:
        """Return a fresh nonce.

        Raises:
            NotPermitted: No device may recover here.
            CapacityExhausted: Too many attempts at once; come back later.
        """
        self._require_allowed()
        self._pace.admit()
        return self._nonces.fresh()

    async def recover(self, call: RecoverCall) -> Enrolled:
        """Certify a new key as the device whose old key signed the proof.

        Raises:
            NotPermitted: Something of it does not fit, or the device may not recover.
            CapacityExhausted: Too many attempts at once; come back later.
            CertificateInvalid: The signing request is malformed.
        """
        self._require_allowed()
        self._pace.admit()
        public_key_of_csr(call.csr_pem)
        device, leaf = self._proved(call)
        await self._access.by_certificate(VerifiedPeer(device, call.expired_certificate_pem))
        if leaf.not_valid_after_utc + self._window < self._clock.now():
            _refuse("too_late", device)
        issued = await self._authorities.certify_device(
            call.csr_pem, device, lifetime=self._lifetime
        )
        await self._devices.note_recovery(
            device,
            Act(f"device:{device}", self._clock.now()),
            serial=f"{issued.serial:x}",
            expires_at=issued.expires_at,
            authority=self._authorities.newest.fingerprint,
        )
        _logger.info("device_recovered", extra={"device": device})
        return Enrolled(device, issued.chain_pem, self._authorities.bundle_pem, issued.expires_at)

    def _proved(self, call: RecoverCall) -> tuple[DeviceId, x509.Certificate]:
        """Return whose old key signed the proof, and the certificate that says so."""
        try:
            chain = load_certificates(call.expired_certificate_pem)
            # Judged at a moment of its own time: that it has ended is why it is here.
            device = check_device_chain(
                chain,
                load_certificates(self._authorities.bundle_pem),
                now=chain[0].not_valid_before_utc,
            )
            check_proof(chain[0], call.nonce, call.csr_pem, call.proof)
        except CertificateInvalid:
            _refuse("no_proof")
        if not self._nonces.use(call.nonce):
            _refuse("nonce", device)
        return device, chain[0]

    def _require_allowed(self) -> None:
        if not self._window:
            _refuse("policy")


def _refuse(reason: str, device: str = "") -> NoReturn:
    named = {"device": device} if device else {}
    _logger.warning("recovery_refused", extra={"reason": reason} | named)
    raise NotPermitted(_REFUSED)
