"""The keys of an enrolment that was begun: written down before a certificate is asked for.

The gateway trades a join token for the certificates of one key. A device that died, or whose answer
was lost, asks again with the same token and these keys, and is answered again.
"""

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Final

from runtime.errors import CertificateInvalid, NotFound
from runtime.identity.keys import (
    SIGNING_KEY_FILE,
    TLS_KEY_FILE,
    DeviceKeys,
    create_device_keys,
    load_device_keys,
    store_device_keys,
)
from runtime.private_files import sync_directory, write_private_file

__all__ = ["KeptRequest"]

_TOKEN: Final = "token.sha256"  # noqa: S105 - a file's name


class KeptRequest:
    """One enrolment that has no answer yet.

    Args:
        directory: Where its keys are.
        passphrase: What they are encrypted with; ``None`` for not at all.
    """

    def __init__(self, directory: Path, *, passphrase: bytes | None) -> None:
        self._directory = directory
        self._passphrase = passphrase

    def keys_for(self, token: str) -> DeviceKeys:
        """Return the keys that a token was shown with before, or fresh ones, which are then kept.

        Args:
            token: The join token; of it only a digest is kept.

        Raises:
            OSError: They cannot be written down.
        """
        digest = hashlib.sha256(token.encode()).hexdigest().encode()
        # Keys that cannot be read are as good as none: the gateway says what the token is worth.
        with suppress(FileNotFoundError, NotFound, CertificateInvalid):
            if (self._directory / _TOKEN).read_bytes() == digest:
                return load_device_keys(self._directory, passphrase=self._passphrase)
        self.forget()
        keys = create_device_keys()
        store_device_keys(self._directory, keys, passphrase=self._passphrase)
        write_private_file(self._directory / _TOKEN, digest)  # last: says that the rest is there
        return keys

    def forget(self) -> None:
        """Forget the keys: they are an identity's by now, or nobody's."""
        if not self._directory.is_dir():
            return
        (self._directory / _TOKEN).unlink(missing_ok=True)
        sync_directory(self._directory)  # before any of the keys goes
        for name in (TLS_KEY_FILE, SIGNING_KEY_FILE):
            (self._directory / name).unlink(missing_ok=True)
