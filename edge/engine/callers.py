"""Opaque names for callers: a model's process tells them apart and learns nothing of them."""

import hashlib

__all__ = ["CallerNames"]

_NAME_BYTES = 12


class CallerNames:
    """Names callers for as long as the daemon lives.

    Args:
        key: Secret, so that no name can be traced back.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def name(self, caller: str) -> str:
        """Return the same name for the same caller; an unknown one stays nameless."""
        if not caller:
            return ""
        digest = hashlib.blake2s(caller.encode(), key=self._key, digest_size=_NAME_BYTES)
        return digest.hexdigest()
