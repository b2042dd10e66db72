"""Kept answers within bounds of size and time, the least recently used let go of first.

Whoever holds the most gives way: no tenant can push out what another holds before it holds more
itself, nor learn from its own being pushed out what a smaller one does.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

__all__ = ["AnswerMemory", "Sized"]


class Sized(Protocol):
    """What takes memory."""

    @property
    def size_bytes(self) -> int:
        """About how much."""
        ...


KeptT = TypeVar("KeptT", bound=Sized)


@dataclass(slots=True)
class _Share(Generic[KeptT]):
    """What one tenant holds, the least recently used first."""

    entries: OrderedDict[bytes, KeptT] = field(default_factory=OrderedDict)
    size_bytes: int = 0


class AnswerMemory(Generic[KeptT]):
    """Answers by tenant and name.

    Args:
        max_bytes: All answers together.
        ttl_s: How long one is good for.
    """

    def __init__(self, *, max_bytes: int, ttl_s: float) -> None:
        self._max_bytes = max_bytes
        self._ttl_s = ttl_s
        self._shares: dict[str, _Share[KeptT]] = {}
        self._ends_s: OrderedDict[tuple[str, bytes], float] = OrderedDict()
        """When each answer ends, the oldest first."""
        self.size_bytes = 0
        """All answers together."""

    def __len__(self) -> int:
        return len(self._ends_s)

    def recall(self, tenant: str, name: bytes, *, now_s: float) -> KeptT | None:
        """Return an answer that is still good, or ``None``."""
        self._forget_ended(now_s)
        share = self._shares.get(tenant)
        if share is None or name not in share.entries:
            return None
        share.entries.move_to_end(name)
        return share.entries[name]

    def keep(self, tenant: str, name: bytes, kept: KeptT, *, now_s: float) -> None:
        """Keep an answer in place of an earlier one of that name; one that is too large is not."""
        self._forget_ended(now_s)
        if (tenant, name) in self._ends_s:
            self._drop(tenant, name)
        if kept.size_bytes > self._max_bytes:
            return
        while self.size_bytes + kept.size_bytes > self._max_bytes:
            self._drop_oldest_of_largest()
        share = self._shares.setdefault(tenant, _Share())
        share.entries[name] = kept
        share.size_bytes += kept.size_bytes
        self.size_bytes += kept.size_bytes
        self._ends_s[tenant, name] = now_s + self._ttl_s

    def _forget_ended(self, now_s: float) -> None:
        while self._ends_s:
            (tenant, name), end_s = next(iter(self._ends_s.items()))
            if end_s > now_s:
                return
            self._drop(tenant, name)

    def _drop_oldest_of_largest(self) -> None:
        tenant, share = max(self._shares.items(), key=lambda item: item[1].size_bytes)
        self._drop(tenant, next(iter(share.entries)))

    def _drop(self, tenant: str, name: bytes) -> None:
        share = self._shares[tenant]
        kept = share.entries.pop(name)
        share.size_bytes -= kept.size_bytes
        self.size_bytes -= kept.size_bytes
        del self._ends_s[tenant, name]
        if not share.entries:
            del self._shares[tenant]
