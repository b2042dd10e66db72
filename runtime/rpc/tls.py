"""Certificates and keys as a channel or a server needs them, checked before gRPC sees them.

gRPC takes damaged material without a word and every handshake fails later, which looks like a
node that is down. Knows PEM; who may sign what is ``runtime.identity``'s to say.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from runtime.errors import CertificateInvalid

__all__ = ["ClientTls", "KeyPair", "ServerTls"]


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key.

    Raises:
        CertificateInvalid: One of them is not PEM, or they do not belong together.
    """

    certificate_chain_pem: bytes
    """Leaf first."""
    private_key_pem: bytes = field(repr=False)

    def __post_init__(self) -> None:
        leaf = _certificates(self.certificate_chain_pem, "certificate chain")[0]
        try:
            key = load_pem_private_key(self.private_key_pem, password=None)
        except (ValueError, TypeError):
            raise CertificateInvalid("the private key is not an unencrypted PEM key") from None
        if _public_bytes(key.public_key()) != _public_bytes(leaf.public_key()):
            raise CertificateInvalid("the private key does not belong to the certificate")


@dataclass(frozen=True, slots=True)
class ClientTls:
    """How a client proves who it is and knows its server.

    Raises:
        CertificateInvalid: The CA bundle is not PEM.
    """

    ca_bundle_pem: bytes
    """The only authorities that may have signed the server's certificate."""
    identity: KeyPair | None = None
    """``None`` for the enrolment port, where the client has no certificate yet."""

    def __post_init__(self) -> None:
        _certificates(self.ca_bundle_pem, "CA bundle")


@dataclass(frozen=True, slots=True)
class ServerTls:
    """How a server proves who it is and knows its clients.

    Raises:
        CertificateInvalid: The CA bundle is not PEM.
    """

    identity: KeyPair
    client_ca_bundle_pem: bytes | None
    """Authorities of which every client must show a certificate; ``None`` asks for none."""

    def __post_init__(self) -> None:
        if self.client_ca_bundle_pem is not None:
            _certificates(self.client_ca_bundle_pem, "client CA bundle")


def _certificates(pem: bytes, what: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise CertificateInvalid(f"the {what} does not hold PEM certificates") from None


def _public_bytes(key: object) -> bytes:
    # Every public key type of the library has this method; their union has no common base.
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined, no-any-return]
