"""Who vouches for a document: the file beside it, ``<document>.sig``.

It names the document's content by its hash, says where it came from, and holds an Ed25519
signature over both. Knows the file's form and when it is good, for every kind of document; who may
sign is the caller's to say.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from runtime.documents.canonical import canonical_json
from runtime.documents.document import Document
from runtime.documents.reader import read_document
from runtime.documents.shape import Shape, read_shape
from runtime.errors import SignatureInvalid
from runtime.identity.signed_document import (
    PublicKeyText,
    SignatureText,
    require_signature,
    signature_fields,
    write_signed,
)
from runtime.identity.signing import SignaturePurpose

__all__ = [
    "DIGEST_PATTERN",
    "DocumentSignature",
    "SignatureShape",
    "SignedKind",
    "check_signature",
    "signature_file_of",
    "write_signature",
]

DIGEST_PATTERN = r"^[0-9a-f]{64}$"


class SignatureShape(Shape):
    """What every signature file holds; each kind adds the field of its hash."""

    leeward: str
    provenance: dict[str, object]
    public_key: PublicKeyText
    signature: SignatureText


@dataclass(frozen=True, slots=True)
class SignedKind:
    """One kind of document that can be signed."""

    noun: str
    """``graph``; also the group of the command line."""
    version: str
    """What the ``leeward`` key of its signature files says."""
    shape: type[SignatureShape]
    hash_field: str
    purpose: SignaturePurpose


@dataclass(frozen=True, slots=True)
class DocumentSignature:
    """A signature that was found good."""

    public_key: str
    """Whose: the raw public key, Base64, as the file has it."""
    provenance: Mapping[str, object]
    """Where the signer says that the document came from."""


def signature_file_of(document_file: Path) -> Path:
    """Return where the signature of a document is looked for."""
    return document_file.with_name(f"{document_file.name}.sig")


def write_signature(
    kind: SignedKind,
    digest: str,
    document_file: Path,
    *,
    key: Ed25519PrivateKey,
    provenance: Mapping[str, object],
) -> Path:
    """Sign a document; return the file, readable by everybody.

    Args:
        kind: What ``document_file`` is.
        digest: The canonical hash of what it holds, or is about to.
        document_file: The document beside which the signature goes.
        key: Who vouches for it.
        provenance: Where it came from, JSON values; signed with it.

    Raises:
        OSError: The file cannot be written.
    """
    payload = _payload(kind, digest, provenance)
    signature = {
        "leeward": kind.version,
        kind.hash_field: digest,
        "provenance": dict(provenance),
        **signature_fields(key, payload, purpose=kind.purpose),
    }
    file = signature_file_of(document_file)
    write_signed(file, signature)
    return file


def check_signature(
    kind: SignedKind,
    digest: str,
    document_file: Path,
    *,
    signers: Sequence[Ed25519PublicKey] | None,
) -> DocumentSignature | None:
    """Check who vouches for a document.

    Args:
        kind: What ``document_file`` is.
        digest: The canonical hash of what was read from it.
        document_file: The document; its signature is looked for beside it.
        signers: Who may sign. ``None`` asks for no signature; one that is there must be good all
            the same, by whatever key it names.

    Returns:
        The signature, ``None`` where there is none and none is asked for.

    Raises:
        SignatureInvalid: The signature is missing, malformed, of another document, by nobody in
            ``signers``, or does not fit.
    """
    file = signature_file_of(document_file)
    if not os.path.lexists(file):  # a dangling link is a signature that cannot be read
        if signers is None:
            return None
        reason = (
            f"is not signed: there is no {file.name} beside it; "
            f"add the one that came with it, or sign it (`leeward {kind.noun} sign`)"
        )
        raise SignatureInvalid(reason, file=str(document_file))
    document = read_document(file, error=SignatureInvalid)
    return _checked(kind, document, digest, document_file.name, signers)


def _checked(
    kind: SignedKind,
    document: Document,
    digest: str,
    name: str,
    signers: Sequence[Ed25519PublicKey] | None,
) -> DocumentSignature:
    shape = read_shape(document, kind.shape, version=kind.version)
    if getattr(shape, kind.hash_field) != digest:
        reason = (
            f"is of another {kind.noun} than {name} holds now; "
            "put both files back as they were signed, or sign again"
        )
        raise document.invalid(reason, (kind.hash_field,))
    require_signature(
        document,
        _payload(kind, digest, shape.provenance),
        public_key=shape.public_key,
        signature=shape.signature,
        purpose=kind.purpose,
        signers=signers,
        subject=name,
        setting=f"{kind.noun}_signers",
    )
    return DocumentSignature(shape.public_key, shape.provenance)


def _payload(kind: SignedKind, digest: str, provenance: Mapping[str, object]) -> bytes:
    return canonical_json({kind.hash_field: digest, "provenance": dict(provenance)})
