"""What an API key looks like: ``lw-<id>-<secret>``, and what is kept of it.

The id is looked up, so it may be seen in lists and logs. The secret is 256 random bits, of which
only the SHA-256 is kept: nobody can guess their way back through that, so it needs no slow hash.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Final

__all__ = ["KeyText", "digest", "mint", "split"]

_ID_BYTES: Final = 6
_SECRET_BYTES: Final = 32
_FORM: Final = re.compile(r"lw-([0-9a-f]{12})-([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class KeyText:
    """The two parts of a key."""

    id: str
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """What the caller sends."""
        return f"lw-{self.id}-{self.secret}"


def mint() -> KeyText:
    """Return a fresh key."""
    return KeyText(secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES))


def split(text: str) -> KeyText | None:
    """Return the parts of a key, or None if the text is none; it may be anything."""
    found = _FORM.fullmatch(text)
    return None if found is None else KeyText(found[1], found[2])


def digest(secret: str) -> bytes:
    """Return what is kept of a secret: 32 bytes."""
    return hashlib.sha256(secret.encode("ascii")).digest()
