"""What all signed documents have in common: whose signature it is, spelt in one way, and checked.

Knows keys and spellings; what is signed, and where the document lies, its own module says.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field

from runtime.documents.document import Document
from runtime.identity.signing import SignaturePurpose, is_signed, sign
from runtime.private_files import write_private_file

__all__ = [
    "PublicKeyText",
    "SignatureText",
    "require_signature",
    "signature_fields",
    "write_signed",
]

PublicKeyText = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$")]
"""32 bytes, Base64 in its one canonical spelling."""
SignatureText = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{85}[AQgw]==$")]
"""64 bytes, the same."""
_AGAIN: Final = "put both files back as they were signed, or sign again"


def signature_fields(
    key: Ed25519PrivateKey, payload: bytes, *, purpose: SignaturePurpose
) -> dict[str, str]:
    """Return ``public_key`` and ``signature`` of a document that vouches for ``payload``."""
    return {
        "public_key": _text(key.public_key().public_bytes_raw()),
        "signature": _text(sign(key, payload, purpose=purpose)),
    }


def write_signed(file: Path, document: Mapping[str, object]) -> None:
    """Put a signed document at ``file``, readable by everybody.

    Raises:
        OSError: The file cannot be written.
    """
    write_private_file(file, json.dumps(document, indent=2).encode() + b"\n")
    file.chmod(0o644)


def require_signature(
    document: Document,
    payload: bytes,
    *,
    public_key: str,
    signature: str,
    purpose: SignaturePurpose,
    signers: Sequence[Ed25519PublicKey] | None,
    subject: str,
    setting: str,
) -> None:
    """Refuse a signature that is not good.

    Args:
        document: Where it stands, for the error.
        payload: What it must vouch for.
        public_key: Whose it says it is; 32 bytes, Base64.
        signature: 64 bytes, Base64.
        purpose: What it must be for.
        signers: Who may sign; ``None`` takes the document's own word for it.
        subject: What is vouched for, as people call it.
        setting: Where people list the signers.

    Raises:
        SignatureInvalid: As the document's error: it is nobody's in ``signers``, or does not fit.
    """
    key = _signer(base64.b64decode(public_key), signers)
    if key is None:
        reason = (
            f"{public_key} is nobody who may sign here; let one of the signers sign "
            f"{subject}, or add this key's file to them (`{setting}`, `--signer`)"
        )
        raise document.invalid(reason, ("public_key",))
    if not is_signed(key, payload, purpose=purpose, signature=base64.b64decode(signature)):
        reason = f"does not fit {subject} and this provenance; {_AGAIN}"
        raise document.invalid(reason, ("signature",))


def _signer(raw: bytes, signers: Sequence[Ed25519PublicKey] | None) -> Ed25519PublicKey | None:
    """Return the key to check with: one of ``signers``, never the file's own word for it."""
    if signers is None:
        return Ed25519PublicKey.from_public_bytes(raw)
    return next((key for key in signers if key.public_bytes_raw() == raw), None)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
