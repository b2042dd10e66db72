"""Proof that a device still holds the key of its expired certificate.

The old key signs the gateway's nonce together with the new signing request, so that a proof
serves once and for that request only.
"""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from runtime.errors import CertificateInvalid

__all__ = ["check_proof", "prove_key"]

_DOMAIN: Final = b"leeward recovery v1\n"


def prove_key(old_key: ec.EllipticCurvePrivateKey, nonce: bytes, csr_pem: bytes) -> bytes:
    """Return the old key's signature over nonce and request."""
    return old_key.sign(_message(nonce, csr_pem), ec.ECDSA(hashes.SHA256()))


def check_proof(certificate: x509.Certificate, nonce: bytes, csr_pem: bytes, proof: bytes) -> None:
    """Check a proof against the certificate that the old key belongs to.

    Raises:
        CertificateInvalid: The proof is not that key's, or not for this nonce and request.
    """
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise CertificateInvalid("the certificate's key is not an EC key")
    try:
        key.verify(proof, _message(nonce, csr_pem), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise CertificateInvalid("the proof of the old key does not fit") from None


def _message(nonce: bytes, csr_pem: bytes) -> bytes:
    return _DOMAIN + hashlib.sha256(nonce).digest() + hashlib.sha256(csr_pem).digest()
