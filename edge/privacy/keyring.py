"""The device's data keys, in one file with mode 0600.

It holds the active key and, during a rotation, the one before it. Knows AES-GCM and files;
does not know what is encrypted.
"""

import base64
import binascii
import hmac
import json
import secrets
import stat
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from runtime.errors import VaultLocked
from runtime.private_files import ensure_private_directory, write_private_file

__all__ = ["DataKey", "Keyring"]

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_INDEX_PURPOSE: Final = b"leeward vault index v1"
_FORMAT: Final = "leeward-keyring/v1"


@dataclass(frozen=True, slots=True, repr=False)
class DataKey:
    """One AES-256 key and its name."""

    id: str
    secret: bytes

    def seal(self, plain: bytes, bound_to: bytes) -> bytes:
        """Encrypt; the result opens only with the same ``bound_to``."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self.secret).encrypt(nonce, plain, bound_to)

    def open(self, sealed: bytes, bound_to: bytes) -> bytes:
        """Decrypt.

        Raises:
            VaultLocked: The key does not fit, or the data was altered or moved.
        """
        nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return AESGCM(self.secret).decrypt(nonce, body, bound_to)
        except (InvalidTag, ValueError) as error:
            raise VaultLocked(f"data key {self.id} does not fit the data") from error

    def index(self, name: str) -> bytes:
        """Return a keyed digest of ``name``, to look it up without storing it."""
        key = hmac.digest(self.secret, _INDEX_PURPOSE, sha256)
        return hmac.digest(key, name.encode("utf-8", "surrogatepass"), sha256)


class Keyring:
    """Reads and writes the key file.

    Args:
        path: The file; its folder is made with mode 0700 when absent.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def exists(self) -> bool:
        """Whether there is a key file."""
        return self._path.exists()

    def create(self) -> DataKey:
        """Make the first key, durable before it is used."""
        key = _new_key()
        self.store(key)
        return key

    def load(self) -> list[DataKey]:
        """Return the keys, the active one first.

        Raises:
            VaultLocked: The file is missing, unreadable, damaged, or open to other users.
        """
        try:
            mode = stat.S_IMODE(self._path.stat().st_mode)
            content = self._path.read_bytes()
        except OSError as error:
            raise VaultLocked(f"key file {self._path} cannot be read: {error.strerror}") from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise VaultLocked(f"key file {self._path} has mode {mode:04o}; chmod 600 it")
        try:
            return _parse(content)
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise VaultLocked(f"key file {self._path} is damaged") from error

    def store(self, active: DataKey, *retiring: DataKey) -> None:
        """Replace the file by one with exactly these keys, atomically and durably."""
        ensure_private_directory(self._path.parent)
        document = {
            "format": _FORMAT,
            "keys": [
                {"id": key.id, "key": base64.b64encode(key.secret).decode()}
                for key in (active, *retiring)
            ],
        }
        write_private_file(self._path, json.dumps(document).encode())

    @staticmethod
    def new_key() -> DataKey:
        """Draw a key from the system's generator."""
        return _new_key()


def _new_key() -> DataKey:
    return DataKey(secrets.token_hex(8), secrets.token_bytes(_KEY_BYTES))


def _parse(content: bytes) -> list[DataKey]:
    document = json.loads(content)
    if document["format"] != _FORMAT:
        raise ValueError("unknown format")
    keys = [
        DataKey(str(item["id"]), base64.b64decode(item["key"], validate=True))
        for item in document["keys"]
    ]
    if not keys or any(len(key.secret) != _KEY_BYTES for key in keys):
        raise ValueError("no usable key")
    return keys
