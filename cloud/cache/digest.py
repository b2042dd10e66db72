"""The name of an answer in the cache: a keyed digest of everything that may change it.

Tenant and label come first, so that no two of them ever share a name; then every field of the
request but those that cannot change an answer. Holds no text, and means nothing without the key.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Final, Literal

from cloud.calls import GenerateCall
from runtime.ports import GenerateRequest

__all__ = ["Digester", "Sharing"]

Sharing = Literal["tenant", "caller"]
"""Who may be given whose answers: all of a tenant, or each device and key its own."""

_WITHOUT_EFFECT: Final = frozenset({"label", "provenance", "idempotency_key", "timeout_s"})
"""Fields of a request that do not change its answer; the label is part of the partition."""
_ASKED: Final = "messages"
_OF_ANSWERS: Final = tuple(
    field.name
    for field in fields(GenerateRequest)
    if field.name not in _WITHOUT_EFFECT and field.name != _ASKED
)
_DIGEST_BYTES: Final = 32


class Digester:
    """Names answers.

    Args:
        key: 32 random bytes of this process.
        sharing: Who may be given whose answers.
        version: Counts the changes of the models; answers of former ones have other names.
    """

    def __init__(
        self, key: bytes, *, sharing: Sharing, version: Callable[[], int] = lambda: 0
    ) -> None:
        self._key = key
        self._sharing = sharing
        self._version = version

    def of_call(self, call: GenerateCall) -> bytes:
        """Return the name of the answer to exactly this call."""
        return self._digest(call, repr(call.request.messages))

    def of_wording(self, call: GenerateCall, wording: Iterable[str]) -> bytes:
        """Return the name of the answer to the last turn in these words, after the same turns."""
        *earlier, last = call.request.messages
        return self._digest(call, repr((earlier, last.role, tuple(wording))))

    def _digest(self, call: GenerateCall, asked: str) -> bytes:
        request, caller = call.request, call.caller
        owner = (caller.kind, caller.id) if self._sharing == "caller" else ()
        # repr of frozen data is one-to-one: texts in it are quoted and escaped, brackets close.
        named = repr(
            (
                self._version(),
                caller.tenant,
                owner,
                request.label.names(),
                [getattr(request, name) for name in _OF_ANSWERS],
            )
        )
        mac = hashlib.blake2b(key=self._key, digest_size=_DIGEST_BYTES)
        mac.update(named.encode())
        mac.update(asked.encode())
        return mac.digest()
