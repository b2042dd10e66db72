"""What the model found in texts that come again, so that it reads each of them once.

A conversation sends its earlier turns with every new one, and a text that leaves is looked at more
than once. Holds keyed digests and positions, never a text.
"""

import hashlib
import secrets
import threading
from collections import OrderedDict

from runtime.sentinel.span import Span

__all__ = ["SpanMemory"]

_DIGEST_BYTES = 16
_KEY_BYTES = 32


class SpanMemory:
    """Spans by text, the least recently used forgotten first; safe to use from several threads.

    Not for a node that serves several tenants: how fast a text is answered tells whether anybody
    has sent the very same before.

    Args:
        max_texts: How many texts are remembered; 0 remembers none.
    """

    def __init__(self, max_texts: int) -> None:
        self._max_texts = max_texts
        self._key = secrets.token_bytes(_KEY_BYTES)
        self._spans: OrderedDict[bytes, tuple[Span, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def digest(self, text: str) -> bytes:
        """Return the name under which a text is remembered."""
        content = text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(content, key=self._key, digest_size=_DIGEST_BYTES).digest()

    def recall(self, digest: bytes) -> list[Span] | None:
        """Return what was found in that text, or ``None`` when it is not remembered."""
        with self._lock:
            spans = self._spans.get(digest)
            if spans is None:
                return None
            self._spans.move_to_end(digest)
            return list(spans)

    def keep(self, digest: bytes, spans: list[Span]) -> None:
        """Remember what was found."""
        with self._lock:
            self._spans[digest] = tuple(spans)
            self._spans.move_to_end(digest)
            while len(self._spans) > self._max_texts:
                self._spans.popitem(last=False)
