"""Certificate signing requests: made on a device, read by the authority.

A request proves that its sender holds the key. The name in it is a wish that nobody grants.
"""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from runtime.errors import CertificateInvalid
from runtime.identity.device_uri import device_uri
from runtime.ids import DeviceId

__all__ = ["create_csr", "key_digest", "public_key_of_csr"]

_MAX_CSR_BYTES: Final = 16 * 1024
_NO_NAME_YET: Final = DeviceId("new")


def create_csr(key: ec.EllipticCurvePrivateKey, wished: DeviceId = _NO_NAME_YET) -> bytes:
    """Return a signing request for ``key``, PEM.

    Args:
        key: The key to certify.
        wished: What the device calls itself; the authority decides.
    """
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leeward device")])
    uri = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(device_uri(wished))])
    builder = x509.CertificateSigningRequestBuilder(subject_name=name)
    request = builder.add_extension(uri, critical=False).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


def public_key_of_csr(csr_pem: bytes) -> ec.EllipticCurvePublicKey:
    """Return the key of a signing request, once its sender is known to hold it.

    Raises:
        CertificateInvalid: It is not a request, is not signed by its own key, or its key is not
            EC P-256.
    """
    if len(csr_pem) > _MAX_CSR_BYTES:
        raise CertificateInvalid(f"a signing request is at most {_MAX_CSR_BYTES} bytes")
    try:
        request = x509.load_pem_x509_csr(csr_pem)
        is_signed = request.is_signature_valid
        key = request.public_key()
    except Exception:  # noqa: BLE001 - hostile bytes; the parser raises many kinds of errors
        raise CertificateInvalid("the signing request cannot be read") from None
    if not is_signed:
        raise CertificateInvalid("the signing request is not signed by its own key")
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise CertificateInvalid("the signing request is not for an EC P-256 key")
    return key


def key_digest(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return SHA-256 of a public key: by which one knows it again."""
    info = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(info).digest()
