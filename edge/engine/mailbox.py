"""What a model's process has said of one call and its caller has not yet taken.

Texts that pile up while the caller is busy are handed over as one: each hand-over costs more
than a token's share of a decode. For one event loop.
"""

import asyncio
from collections import deque
from typing import Generic, TypeVar

from edge.engine.gathering import joined
from runtime.ports import TextDelta

__all__ = ["Mailbox"]

_Item = TypeVar("_Item")


class Mailbox(Generic[_Item]):
    """Items in order, texts that follow each other joined; one reader."""

    def __init__(self) -> None:
        self._items: deque[_Item | TextDelta] = deque()
        self._came = asyncio.Event()

    def put(self, item: _Item | TextDelta) -> None:
        """Add an item."""
        self._items.append(item)
        self._came.set()

    async def take(self) -> _Item | TextDelta:
        """Wait for an item and return it."""
        while not self._items:
            self._came.clear()
            await self._came.wait()
        item = self._items.popleft()
        if isinstance(item, TextDelta) and self._items and isinstance(self._items[0], TextDelta):
            return self._joined(item)
        return item

    def _joined(self, first: TextDelta) -> TextDelta:
        deltas = [first]
        while self._items and isinstance(self._items[0], TextDelta):
            deltas.append(self._items[0])
            self._items.popleft()
        return joined(deltas)
