"""Nonces that any gateway of a store can give out and any other can check.

A nonce holds its own end and a MAC, so that nobody can fill a memory by asking for many. It is
good once at each gateway; a proof that is sent again only certifies the same key again.
"""

import hmac
import secrets
import struct
from datetime import UTC, datetime, timedelta
from typing import Final

from runtime.clock import Clock
from runtime.codec.enrolment import Nonce

__all__ = ["Nonces"]

_LIFETIME: Final = timedelta(minutes=1)
_END: Final = struct.Struct(">Q")
_RANDOM_BYTES: Final = 8
_MAC_BYTES: Final = 16


class Nonces:
    """Gives out nonces, and takes each of them once.

    Args:
        secret: 32 bytes that every gateway of the store has.
        clock: Says what has ended.
    """

    def __init__(self, secret: bytes, *, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock
        self._used: dict[bytes, datetime] = {}

    def fresh(self) -> Nonce:
        """Return a new nonce, 32 bytes."""
        end_s = int((self._clock.now() + _LIFETIME).timestamp())
        said = _END.pack(end_s) + secrets.token_bytes(_RANDOM_BYTES)
        return Nonce(said + self._mac(said), datetime.fromtimestamp(end_s, UTC))

    def use(self, nonce: bytes) -> bool:
        """Whether a nonce is one of ours, has not ended, and was not used here before."""
        said, mac = nonce[:-_MAC_BYTES], nonce[-_MAC_BYTES:]
        if len(said) != _END.size + _RANDOM_BYTES or not hmac.compare_digest(self._mac(said), mac):
            return False
        now = self._clock.now()
        end = datetime.fromtimestamp(_END.unpack_from(said)[0], UTC)
        self._used = {known: until for known, until in self._used.items() if until > now}
        if end <= now or nonce in self._used:
            return False
        self._used[nonce] = end
        return True

    def _mac(self, said: bytes) -> bytes:
        return hmac.digest(self._secret, said, "sha256")[:_MAC_BYTES]
