"""Who signs for this fleet: its authorities, oldest first.

While one authority takes over from another both are trusted. Devices get certificates by the newest
and are told of all; servers show certificates by the oldest, which every device knows, also one
that was away. Nobody is locked out until the oldest is retired.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from runtime.identity.authority import IssuedCertificate
from runtime.identity.csr import create_csr
from runtime.identity.keys import private_key_pem
from runtime.ids import DeviceId
from runtime.rpc.tls import KeyPair

__all__ = ["Authorities", "Signer"]


class Signer(Protocol):
    """One authority that signs for the fleet, with a key of ours or through somebody else."""

    @property
    def certificate(self) -> x509.Certificate:
        """The root by which everybody knows it."""
        ...

    @property
    def certificate_pem(self) -> bytes:
        """The same, PEM."""
        ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the root, hexadecimal."""
        ...

    def secret(self, purpose: bytes) -> bytes:
        """Return 32 bytes that every gateway of the store knows, others for every purpose."""
        ...

    def issue_client(
        self, csr_pem: bytes, device_id: DeviceId, *, lifetime_s: float
    ) -> IssuedCertificate:
        """Certify the key in a request as a device; may wait."""
        ...

    def certify_server(
        self, csr_pem: bytes, hosts: Sequence[str], *, lifetime_s: float
    ) -> IssuedCertificate:
        """Certify the key in a request as the server at ``hosts``; may wait."""
        ...


class Authorities:
    """The authorities that are trusted now.

    Args:
        members: Oldest first; at least one.
    """

    def __init__(self, members: Sequence[Signer]) -> None:
        self._members = tuple(members)

    @property
    def members(self) -> tuple[Signer, ...]:
        """All of them, oldest first."""
        return self._members

    @property
    def newest(self) -> Signer:
        """Signs devices' certificates."""
        return self._members[-1]

    @property
    def oldest(self) -> Signer:
        """Signs servers' certificates."""
        return self._members[0]

    @property
    def bundle_pem(self) -> bytes:
        """The certificates of all, PEM: whom devices, and servers, are to trust."""
        return b"".join(member.certificate_pem for member in self._members)

    def use(self, members: Sequence[Signer]) -> None:
        """Trust these from now on."""
        self._members = tuple(members)

    async def certify_device(
        self, csr_pem: bytes, device: DeviceId, *, lifetime: timedelta
    ) -> IssuedCertificate:
        """Return a certificate for the key in a request.

        Raises:
            CertificateInvalid: The request is malformed.
        """
        return await asyncio.to_thread(
            self.newest.issue_client, csr_pem, device, lifetime_s=lifetime.total_seconds()
        )

    def certify_server(self, hosts: Sequence[str], *, lifetime: timedelta) -> KeyPair:
        """Return a fresh key and certificate for a server at ``hosts``."""
        key = ec.generate_private_key(ec.SECP256R1())
        issued = self.oldest.certify_server(
            create_csr(key), hosts, lifetime_s=lifetime.total_seconds()
        )
        return KeyPair(issued.chain_pem, private_key_pem(key))
