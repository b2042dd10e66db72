"""Ed25519 signatures that say what they are for, so that one can never pass for another.

What is signed is the purpose, then the payload. Knows no document and no file.
"""

from __future__ import annotations

from enum import Enum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

__all__ = ["SignaturePurpose", "is_signed", "sign"]


class SignaturePurpose(Enum):
    """What a signature vouches for."""

    GRAPH = "graph"
    POLICY = "policy"
    CATALOG = "catalog"
    MODEL_MANIFEST = "model_manifest"
    FLEET_ORDER = "fleet_order"
    """An operator tells a device which desired state to take."""
    LEDGER_HEAD = "ledger_head"
    """A device vouches for its ledger's newest head."""
    COUNTERSIGNATURE = "countersignature"
    """A gateway vouches that it has seen one."""


def sign(key: Ed25519PrivateKey, payload: bytes, *, purpose: SignaturePurpose) -> bytes:
    """Return the signature of ``payload`` for ``purpose``, 64 bytes."""
    return key.sign(_message(payload, purpose))


def is_signed(
    key: Ed25519PublicKey, payload: bytes, *, purpose: SignaturePurpose, signature: bytes
) -> bool:
    """Whether ``signature`` is ``key``'s, of ``payload``, for ``purpose``."""
    try:
        key.verify(signature, _message(payload, purpose))
    except InvalidSignature:
        return False
    return True


def _message(payload: bytes, purpose: SignaturePurpose) -> bytes:
    return b"leeward signature v1\n" + purpose.value.encode() + b"\n" + payload
