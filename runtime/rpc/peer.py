"""Who is calling, as the TLS handshake proved it; never as a message says.

The identity is the URI ``leeward://device/<id>`` in the verified client certificate. Common names
and DNS names count for nothing. Revocation is the caller's to check, with the certificate given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import grpc

from runtime.errors import CertificateInvalid
from runtime.ids import DeviceId

__all__ = ["VerifiedPeer", "verified_peer"]

_DEVICE_URI: Final = re.compile(rb"leeward://device/([A-Za-z0-9][A-Za-z0-9._-]{0,127})")
_SECURE: Final = frozenset({b"ssl", b"tls"})


@dataclass(frozen=True, slots=True)
class VerifiedPeer:
    """The device at the other end of a mutually authenticated connection."""

    device_id: DeviceId
    certificate_pem: bytes
    """Its certificate as presented, for the revocation check."""


def verified_peer(context: grpc.aio.ServicerContext[Any, Any]) -> VerifiedPeer:
    """Return the calling device.

    Raises:
        CertificateInvalid: The connection has no verified client certificate, or the certificate
            does not name exactly one device.
    """
    properties = context.auth_context()
    if not _SECURE & set(_values(properties.get("transport_security_type"))):
        raise CertificateInvalid("the connection has no verified client certificate")
    certificates = _values(properties.get("x509_pem_cert"))
    matches = [_DEVICE_URI.fullmatch(uri) for uri in _values(properties.get("peer_uri"))]
    if len(certificates) != 1 or len(matches) != 1 or matches[0] is None:
        raise CertificateInvalid("the client certificate does not name exactly one device")
    return VerifiedPeer(
        device_id=DeviceId(matches[0].group(1).decode("ascii")), certificate_pem=certificates[0]
    )


def _values(values: Iterable[bytes] | None) -> list[bytes]:
    return list(values or ())
