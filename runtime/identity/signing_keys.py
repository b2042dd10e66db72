"""Files of the keys that vouch for documents: the private one that signs, the public ones trusted.

Knows Ed25519 in PEM and file modes; does not know what is signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from runtime.documents.os_reason import os_reason
from runtime.errors import CertificateInvalid, ConfigInvalid
from runtime.identity.keys import private_key_pem
from runtime.private_files import is_private, write_private_file

__all__ = ["load_or_create_key", "load_signer", "load_signers", "public_file_of"]


def load_or_create_key(path: Path) -> tuple[Ed25519PrivateKey, bool]:
    """Return the signing key in ``path`` and whether it was made just now.

    A new key's public half is written beside it (:func:`public_file_of`), for the devices.

    Raises:
        CertificateInvalid: The file is no Ed25519 key, or others may read it.
    """
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private_file(path, private_key_pem(key))
        public = public_file_of(path)
        write_private_file(public, _public_pem(key.public_key()))
        public.chmod(0o644)
        return key, True
    if not is_private(path):
        raise CertificateInvalid(f"{path} can be read by others; set its mode to 0600")
    try:
        loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CertificateInvalid(f"{path} does not hold a private key") from None
    if not isinstance(loaded, Ed25519PrivateKey):
        raise CertificateInvalid(f"{path} is not an Ed25519 key")
    return loaded, False


def public_file_of(path: Path) -> Path:
    """Where the public half of a new signing key goes: ``signing.pub.pem`` by ``signing.pem``."""
    return path.with_name(f"{path.stem}.pub.pem")


def load_signer(path: Path, *, field: str = "") -> Ed25519PublicKey:
    """Return the public key of somebody who may sign.

    Args:
        path: PEM file that holds this one key.
        field: What names the file, for the error.

    Raises:
        ConfigInvalid: It cannot be read, or holds anything but one Ed25519 public key.
    """
    try:
        data = path.read_bytes()
    except OSError as failure:
        reason = f"cannot be read: {os_reason(failure)}"
        raise ConfigInvalid(reason, file=str(path), field=field) from None
    if b"PRIVATE KEY" in data:
        reason = "holds a private key; a device needs the public one only (openssl pkey -pubout)"
        raise ConfigInvalid(reason, file=str(path), field=field)
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    # Of several keys in one file only the first would count, and nobody would be told.
    if not isinstance(key, Ed25519PublicKey) or data.count(b"-----BEGIN") != 1:
        raise ConfigInvalid("must hold one Ed25519 public key, PEM", file=str(path), field=field)
    return key


def load_signers(files: Sequence[Path] | None, *, field: str) -> list[Ed25519PublicKey] | None:
    """Return the keys of everybody who may sign; ``None``: no signature is asked for.

    Raises:
        ConfigInvalid: As ``load_signer``.
    """
    return None if files is None else [load_signer(file, field=field) for file in files]


def _public_pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
