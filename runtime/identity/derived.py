"""Secrets derived from an authority's key, which all gateways of a store share as a file."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = ["derived_from", "derived_secret"]

_BYTES: Final = 32


def derived_secret(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, purpose: bytes) -> bytes:
    """Return 32 bytes that only whoever has ``key`` can know; others for every purpose."""
    secret = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return derived_from(secret, purpose)


def derived_from(secret: bytes, purpose: bytes) -> bytes:
    """Return 32 bytes that only whoever has ``secret`` can know; others for every purpose."""
    return HKDF(hashes.SHA256(), _BYTES, salt=None, info=purpose).derive(secret)
