"""The ledger's keys: one Ed25519 key that signs entries, one secret that keys MACs and digests.

They lie in the ledger's own directory: ``ledger-public.pem`` (the first signing key's public
half, for auditors), ``signing-<key id>.pem`` and ``ledger-secret.key`` (0600). The secret is never
used itself: two keys are derived from it, so that whoever gets the MAC key to check an anchor
cannot test guesses about payloads.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from runtime.errors import LedgerUnavailable, NotFound
from runtime.private_files import ensure_private_directory, is_private, write_private_file

__all__ = [
    "LedgerKeys",
    "LedgerSecret",
    "head_mac",
    "key_id_of",
    "load_or_create_keys",
    "load_public_key",
    "load_secret",
    "public_bytes_of",
    "seal_is_signed",
    "sign_seal",
]

_PUBLIC_FILE: Final = "ledger-public.pem"
_SECRET_FILE: Final = "ledger-secret.key"  # noqa: S105 - a file's name
_SIGNING_PREFIX: Final = "signing-"
_SECRET_BYTES: Final = 32
_HEAD_DOMAIN: Final = b"leeward ledger head v1\n"
_SEAL_DOMAIN: Final = b"leeward ledger seal v1\n"


@dataclass(frozen=True, slots=True)
class LedgerSecret:
    """The two symmetric keys, derived from one secret."""

    mac_key: bytes
    digest_key: bytes

    def payload_digest(self, payload: bytes) -> bytes:
        """Return the keyed digest of a payload, 32 bytes; a plain hash could be guessed back."""
        return hmac.digest(self.digest_key, payload, "sha256")


class LedgerKeys:
    """What a writer needs; the signing keys are looked up by id because they can change.

    Args:
        directory: Where the key files lie.
        secret: The symmetric keys.
        first_key_id: Id of the key that signs from position 0.
    """

    def __init__(self, directory: Path, secret: LedgerSecret, *, first_key_id: str) -> None:
        self._directory = directory
        self.secret = secret
        self.first_key_id = first_key_id

    def signing_key(self, key_id: str) -> Ed25519PrivateKey:
        """Return the private key called ``key_id``.

        Raises:
            LedgerUnavailable: Its file is missing, unreadable or another key's.
        """
        path = self._signing_path(key_id)
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError):
            raise LedgerUnavailable(f"cannot read the ledger's signing key {path}") from None
        if not isinstance(key, Ed25519PrivateKey) or key_id_of(key.public_key()) != key_id:
            raise LedgerUnavailable(f"{path} does not hold the signing key {key_id}")
        return key

    def create_signing_key(self) -> str:
        """Make a further signing key on disk and return its id; nothing uses it yet."""
        return _create_signing_key(self._directory)[0]

    def forget_signing_key(self, key_id: str) -> None:
        """Remove the private half of a key that signs no more."""
        self._signing_path(key_id).unlink(missing_ok=True)

    def _signing_path(self, key_id: str) -> Path:
        return self._directory / f"{_SIGNING_PREFIX}{key_id}.pem"


def load_or_create_keys(directory: Path) -> LedgerKeys:
    """Return the keys in a ledger's directory, making them when there are none yet.

    Raises:
        LedgerUnavailable: The directory cannot be used, or only a part of the keys is there:
            an existing ledger never gets new keys by accident.
    """
    try:
        ensure_private_directory(directory)
        has_public = (directory / _PUBLIC_FILE).exists()
        has_secret = (directory / _SECRET_FILE).exists()
        if not has_public and not any(directory.glob("*.jsonl")):
            # The public key is written last: a crash before it starts the creation over.
            write_private_file(
                directory / _SECRET_FILE, secrets.token_bytes(_SECRET_BYTES).hex().encode()
            )
            _, pem = _create_signing_key(directory)
            write_private_file(directory / _PUBLIC_FILE, pem)
        elif not (has_public and has_secret):
            raise LedgerUnavailable(f"keys are missing from the ledger in {directory}")
        public = load_public_key(directory)
        secret = load_secret(directory)
    except (OSError, NotFound) as error:
        raise LedgerUnavailable(
            f"cannot use the ledger's keys in {directory}: {type(error).__name__}"
        ) from error
    if secret is None:
        raise LedgerUnavailable(f"keys are missing from the ledger in {directory}")
    return LedgerKeys(directory, secret, first_key_id=key_id_of(public))


def load_public_key(path: Path) -> Ed25519PublicKey:
    """Return the public key in a ledger's directory, or in the file ``path``.

    Raises:
        NotFound: There is none, or the file holds something else.
    """
    file = path / _PUBLIC_FILE if path.is_dir() else path
    try:
        key = serialization.load_pem_public_key(file.read_bytes())
    except (OSError, ValueError):
        raise NotFound(f"no ledger public key in {file}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise NotFound(f"{file} does not hold an Ed25519 public key")
    return key


def load_secret(directory: Path) -> LedgerSecret | None:
    """Return the symmetric keys beside a ledger, or ``None`` where only the public key is.

    Raises:
        LedgerUnavailable: The file is there but damaged, or others may read it.
    """
    path = directory / _SECRET_FILE
    if not path.exists():
        return None
    try:
        if not is_private(path):
            raise LedgerUnavailable(f"{path} can be read by others; set its mode to 0600")
        secret = bytes.fromhex(path.read_text("ascii"))
    except (OSError, ValueError):
        raise LedgerUnavailable(f"cannot read the ledger's secret {path}") from None
    if len(secret) != _SECRET_BYTES:
        raise LedgerUnavailable(f"{path} does not hold {_SECRET_BYTES} bytes")
    return LedgerSecret(
        mac_key=_derive(secret, b"leeward ledger mac v1"),
        digest_key=_derive(secret, b"leeward ledger payload digest v1"),
    )


def key_id_of(key: Ed25519PublicKey) -> str:
    """Return the name of a public key: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public_bytes_of(key)).hexdigest()[:16]


def public_bytes_of(key: Ed25519PublicKey) -> bytes:
    """Return the raw key, 32 bytes."""
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def head_mac(mac_key: bytes, entry_hash: bytes) -> bytes:
    """Return the MAC that a content request carries for the entry with ``entry_hash``."""
    return hmac.digest(mac_key, _HEAD_DOMAIN + entry_hash, "sha256")


def sign_seal(key: Ed25519PrivateKey, entry_hash: bytes, mac: bytes) -> bytes:
    """Sign an entry's hash and MAC."""
    return key.sign(_SEAL_DOMAIN + entry_hash + mac)


def seal_is_signed(
    key: Ed25519PublicKey, entry_hash: bytes, mac: bytes, *, signature: bytes
) -> bool:
    """Whether ``signature`` is ``key``'s over this hash and MAC."""
    try:
        key.verify(signature, _SEAL_DOMAIN + entry_hash + mac)
    except InvalidSignature:
        return False
    return True


def _create_signing_key(directory: Path) -> tuple[str, bytes]:
    key = Ed25519PrivateKey.generate()
    key_id = key_id_of(key.public_key())
    write_private_file(
        directory / f"{_SIGNING_PREFIX}{key_id}.pem",
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return key_id, pem


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose).derive(secret)
