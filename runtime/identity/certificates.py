"""Reading certificates and judging them: validity, chain, and which device they name.

TLS checks the chain in the handshake; a client checks its own certificate here too, because a
refused handshake looks like a node that is down.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import verification

from runtime.errors import CertificateInvalid
from runtime.identity.device_uri import device_id_from_uri
from runtime.ids import DeviceId

__all__ = [
    "CLOCK_SKEW_S",
    "certificates_pem",
    "check_device_chain",
    "check_validity",
    "device_id_of",
    "load_certificates",
    "seconds_left",
]

CLOCK_SKEW_S: Final = 300.0
"""How far two clocks may be apart before a certificate counts as not valid yet."""


def load_certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Return the certificates in a PEM text, in its order; at least one.

    Raises:
        CertificateInvalid: It holds none, or a damaged one.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise CertificateInvalid("the file does not hold PEM certificates") from None


def device_id_of(certificate: x509.Certificate) -> DeviceId:
    """Return the device that a certificate names, in its URI and nowhere else.

    Raises:
        CertificateInvalid: It names none, or more than one.
    """
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        raise CertificateInvalid("the certificate has no alternative name") from None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise CertificateInvalid("the certificate does not name exactly one device")
    return device_id_from_uri(uris[0])


def check_validity(
    certificate: x509.Certificate, now: datetime, *, skew_s: float = CLOCK_SKEW_S
) -> None:
    """Refuse a certificate outside of its time.

    Only its beginning is given ``skew_s`` seconds: the other side will not stretch its end.

    Raises:
        CertificateInvalid: It is not valid yet, or no longer.
    """
    if now + timedelta(seconds=skew_s) < certificate.not_valid_before_utc:
        begins = certificate.not_valid_before_utc.isoformat()
        raise CertificateInvalid(f"the certificate begins at {begins}; is the clock right?")
    if now >= certificate.not_valid_after_utc:
        raise CertificateInvalid(
            f"the certificate ended at {certificate.not_valid_after_utc.isoformat()}"
        )


def seconds_left(certificate: x509.Certificate, now: datetime) -> float:
    """Return how long a certificate is still valid; negative after its end."""
    return (certificate.not_valid_after_utc - now).total_seconds()


def certificates_pem(chain: Iterable[x509.Certificate]) -> bytes:
    """Return certificates as PEM, in their order."""
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain)


def check_device_chain(
    chain: Sequence[x509.Certificate],
    authorities: Sequence[x509.Certificate],
    *,
    now: datetime,
    skew_s: float = CLOCK_SKEW_S,
) -> DeviceId:
    """Check that ``authorities`` vouch for a device's certificate, and return the device.

    Args:
        chain: Leaf first, then intermediates.
        authorities: The only certificates that are trusted.
        now: The time by this machine's clock.
        skew_s: How far other clocks may be ahead.

    Raises:
        CertificateInvalid: The chain does not lead to them, a certificate is outside of its
            time, or the leaf names no device or is not for a client.
    """
    if not chain:
        raise CertificateInvalid("there is no certificate")
    leaf = chain[0]
    check_validity(leaf, now, skew_s=skew_s)
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store(list(authorities)))
        .time(max(now, leaf.not_valid_before_utc).astimezone(UTC))
        .build_client_verifier()
    )
    try:
        verifier.verify(leaf, list(chain[1:]))
    except verification.VerificationError:
        raise CertificateInvalid("the certificate is not signed by a trusted authority") from None
    return device_id_of(leaf)
