"""Names by which a repeated call is known: keyed digests, which say nothing without the key.

The digest of a request must be keyed: prompts are few and short enough to be guessed one by one.
"""

import hashlib
from dataclasses import replace
from typing import Final, Self

from cloud.authorities import Signer
from cloud.calls import GenerateCall
from runtime.labels import PUBLIC

__all__ = ["CallName", "Namer"]

_KEY_BYTES: Final = 32


class CallName(tuple[str, str]):
    """What one call is known by: who sent it under which key, and what it asked."""

    __slots__ = ()

    @property
    def claim(self) -> str:
        """The caller and its idempotency key."""
        return self[0]

    @property
    def request(self) -> str:
        """What was asked."""
        return self[1]


class Namer:
    """Names calls.

    Args:
        key: 32 bytes that every replica has, and the database has not.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._last: tuple[GenerateCall, CallName] | None = None

    @classmethod
    def of_authority(cls, authority: Signer) -> Self:
        """Derive the key from the fleet authority's, which all replicas share as a file."""
        return cls(authority.secret(b"leeward idempotency"))

    def of(self, call: GenerateCall) -> CallName | None:
        """Return the call's name, or ``None`` when it has no idempotency key."""
        request, caller = call.request, call.caller
        if not request.idempotency_key:
            return None
        if self._last is not None and self._last[0] is call:
            return self._last[1]  # each call is named twice, one time right after the other
        who = repr((caller.tenant, caller.kind, caller.id, request.idempotency_key))
        # Everything but what may differ when the same call is sent again. The label is a set, whose
        # order differs from process to process. repr of frozen data quotes what it holds.
        asked = replace(
            request,
            label=PUBLIC,
            provenance=None,
            idempotency_key="",
            timeout_s=0.0,
            key_terms=None,
        )
        what = repr((request.label.names(), asked))
        name = CallName((self._digest("who", who), self._digest("what", what)))
        self._last = call, name
        return name

    def _digest(self, kind: str, text: str) -> str:
        data = text.encode(errors="surrogatepass")
        return hashlib.blake2b(
            data, key=self._key, digest_size=_KEY_BYTES, person=kind.encode()
        ).hexdigest()
