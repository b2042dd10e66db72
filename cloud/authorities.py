"""Who signs for this fleet: its authorities, oldest first.

While one authority takes over from another both are trusted. Devices get certificates by the newest
and are told of all; servers show certificates by the oldest, which every device knows, also one
that was away. Nobody is locked out until the oldest is retired.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric import ec

from runtime.identity.authority import CertificateAuthority, IssuedCertificate
from runtime.identity.keys import private_key_pem
from runtime.ids import DeviceId
from runtime.rpc.tls import KeyPair

__all__ = ["Authorities"]


class Authorities:
    """The authorities that are trusted now.

    Args:
        members: Oldest first; at least one.
    """

    def __init__(self, members: Sequence[CertificateAuthority]) -> None:
        self._members = tuple(members)

    @property
    def members(self) -> tuple[CertificateAuthority, ...]:
        """All of them, oldest first."""
        return self._members

    @property
    def newest(self) -> CertificateAuthority:
        """Signs devices' certificates."""
        return self._members[-1]

    @property
    def oldest(self) -> CertificateAuthority:
        """Signs servers' certificates."""
        return self._members[0]

    @property
    def bundle_pem(self) -> bytes:
        """The certificates of all, PEM: whom devices, and servers, are to trust."""
        return b"".join(member.certificate_pem for member in self._members)

    def use(self, members: Sequence[CertificateAuthority]) -> None:
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
        issued = self.oldest.issue_server(
            key.public_key(), hosts, lifetime_s=lifetime.total_seconds()
        )
        return KeyPair(issued.chain_pem, private_key_pem(key))
