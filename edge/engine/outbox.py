"""Frames on their way to the daemon, written by a thread of their own.

Encoding and writing go on while the next step is computed, which holds no lock of Python's. A
daemon that is slow to read gets what has piled up in one write.
"""

from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread

from edge.engine.frames import Frame

__all__ = ["Outbox"]


class Outbox:
    """Sends in the order in which it was given.

    Args:
        send: Writes frames; called by the outbox's own thread, and may block.
    """

    def __init__(self, send: Callable[[Sequence[Frame]], None]) -> None:
        self._send = send
        self._waiting = SimpleQueue[list[Frame] | None]()
        self._thread = Thread(target=self._run, daemon=True, name="send")
        self._thread.start()

    def put(self, frames: list[Frame]) -> None:
        """Have frames sent; returns at once."""
        self._waiting.put(frames)

    def close(self) -> None:
        """Return when everything is sent; nothing may come after."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            batches = [self._waiting.get(), *self._drained()]
            is_open = None not in batches
            frames = [frame for batch in batches if batch for frame in batch]
            if frames:
                self._send(frames)

    def _drained(self) -> list[list[Frame] | None]:
        batches: list[list[Frame] | None] = []
        try:
            while True:
                batches.append(self._waiting.get_nowait())
        except Empty:
            return batches
