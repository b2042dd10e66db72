"""Who is next: by priority, then by turns of the callers, then by age.

Pure data; knows no call and no clock.
"""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["FairQueue"]

_Entry = TypeVar("_Entry")


class FairQueue(Generic[_Entry]):
    """Entries that wait, each for a caller and with a priority.

    The highest priority goes first, strictly. Within one, the callers take turns, so that one
    who asks a hundred times holds nobody up by more than one entry; within one caller, the
    oldest goes first.
    """

    def __init__(self) -> None:
        self._lanes: dict[int, dict[str, deque[_Entry]]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def highest_priority(self) -> int | None:
        """Of the entry whose turn it is; ``None`` when nothing waits."""
        return max(self._lanes, default=None)

    def put(self, entry: _Entry, *, caller: str, priority: int = 0) -> None:
        """Add an entry behind all others of its caller and priority."""
        self._lanes.setdefault(priority, {}).setdefault(caller, deque()).append(entry)
        self._count += 1

    def pop(self) -> _Entry:
        """Remove and return the entry whose turn it is.

        Raises:
            IndexError: Nothing waits.
        """
        if not self._count:
            raise IndexError("nothing waits")
        priority = max(self._lanes)
        lane = self._lanes[priority]
        caller = next(iter(lane))  # a dictionary keeps the order in which callers came
        entries = lane.pop(caller)
        entry = entries.popleft()
        if entries:
            lane[caller] = entries  # at the end: it had its turn
        elif not lane:
            del self._lanes[priority]
        self._count -= 1
        return entry

    def take_out(self, leaves: Callable[[_Entry], bool]) -> list[_Entry]:
        """Remove and return every entry for which ``leaves`` holds; the rest keep their turns."""
        taken: list[_Entry] = []
        for priority, lane in list(self._lanes.items()):
            for caller, entries in list(lane.items()):
                kept: deque[_Entry] = deque()
                for entry in entries:
                    (taken if leaves(entry) else kept).append(entry)
                lane[caller] = kept
                if not kept:
                    del lane[caller]
            if not lane:
                del self._lanes[priority]
        self._count -= len(taken)
        return taken
