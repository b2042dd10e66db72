"""Who vouches for a policy document: ``document_signature`` over the policy's hash.

The hash covers what the policy says, its revision included; not how it is written down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field

from runtime.identity.document_signature import (
    DIGEST_PATTERN,
    DocumentSignature,
    SignatureShape,
    SignedKind,
    check_signature,
    write_signature,
)
from runtime.identity.signing import SignaturePurpose
from runtime.policy.document import load_policy, policy_hash
from runtime.policy.model import Policy

__all__ = ["load_signed_policy", "write_policy_signature"]


class _PolicySignatureShape(SignatureShape):
    policy_hash: str = Field(pattern=DIGEST_PATTERN)


_KIND: Final = SignedKind(
    "policy",
    "policy-signature/v1",
    _PolicySignatureShape,
    "policy_hash",
    SignaturePurpose.POLICY,
)


def write_policy_signature(
    policy: Policy,
    policy_file: Path,
    *,
    key: Ed25519PrivateKey,
    provenance: Mapping[str, object],
) -> Path:
    """Sign a policy; return the file beside it, readable by everybody.

    Raises:
        OSError: The file cannot be written.
    """
    return write_signature(_KIND, policy_hash(policy), policy_file, key=key, provenance=provenance)


def load_signed_policy(
    policy_file: Path, *, signers: Sequence[Ed25519PublicKey] | None
) -> tuple[Policy, DocumentSignature | None]:
    """Read a policy and check who vouches for it; the file is read once.

    Raises:
        PolicyInvalid: The document cannot be applied.
        SignatureInvalid: As ``check_signature`` says.
    """
    policy = load_policy(policy_file)
    return policy, check_signature(_KIND, policy_hash(policy), policy_file, signers=signers)
