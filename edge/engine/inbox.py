"""What the daemon has asked of a child process and the child has not yet done.

Filled by a thread of its own, so that a cancellation or a ping is seen while the model
computes. Knows frames, turns and the clock; no model.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from edge.engine.fair_queue import FairQueue
from edge.engine.frames import Cancel, Embed, ErrorName, Failed, Frame, Infer, Ping, Pong, Start
from runtime.clock import Clock
from runtime.errors import Cancelled, DeadlineExceeded

__all__ = ["Inbox", "Ticket"]

_GONE: Final = "the caller went away"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A call that was taken in."""

    start: Start | Embed | Infer
    arrived_s: float

    @property
    def call(self) -> int:
        """Its number."""
        return self.start.call

    @property
    def deadline_s(self) -> float:
        """When its caller stops waiting, on the inbox's clock."""
        return self.arrived_s + self.start.timeout_s


class Inbox:
    """The queue between the reading thread and the one that computes.

    Args:
        send: Sends a frame to the daemon; callable from both threads.
        limit: How many calls may wait.
        clock: Measures waiting and deadlines.
    """

    def __init__(self, *, send: Callable[[Frame], None], limit: int, clock: Clock) -> None:
        self._send = send
        self._limit = limit
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting = FairQueue[Ticket]()
        self._active: set[int] = set()
        self._cancelled: set[int] = set()
        self._is_decoding = False
        self._steps = 0
        self._is_preparing = False
        self._prepared = 0

    def accept(self, frame: Frame) -> None:
        """Take one frame of the daemon's; called by the reading thread."""
        if isinstance(frame, Start | Embed | Infer):
            self._enqueue(frame)
        elif isinstance(frame, Cancel):
            self._cancel(frame.call)
        elif isinstance(frame, Ping):
            self._send(self._pong())

    def _pong(self) -> Pong:
        """Say how work stands.

        Preparing a call must end in time, too, whatever else goes on: its steps are counted
        apart, downwards.
        """
        is_busy = bool(self._active or self._waiting)
        if self._is_preparing:
            return Pong(-1 - self._prepared, is_busy, is_decoding=False)
        return Pong(self._steps, is_busy, self._is_decoding)

    def wait(self) -> None:
        """Return when a call waits; called by the thread that takes them."""
        with self._changed:
            while not self._waiting:
                self._changed.wait()

    def waits_above(self, priority: int) -> bool:
        """Whether a call of a higher priority waits; called between any two steps."""
        if not self._waiting:
            return False
        with self._changed:
            highest = self._waiting.highest_priority
        return highest is not None and highest > priority

    def next(self) -> Ticket | None:
        """Make the call whose turn it is an active one; ``None`` when none waits."""
        with self._changed:
            if not self._waiting:
                return None
            ticket = self._waiting.pop()
            self._active.add(ticket.call)
            return ticket

    def done(self, ticket: Ticket) -> None:
        """An active call has ended."""
        with self._changed:
            self._active.discard(ticket.call)
            self._cancelled.discard(ticket.call)

    @contextmanager
    def decoding(self) -> Iterator[None]:
        """Note that libllama computes; its steps are allowed to take longer than ours."""
        self._is_decoding = True
        try:
            yield
        finally:
            self._is_decoding = False

    @contextmanager
    def preparing(self) -> Iterator[None]:
        """Note that a call is made ready, beside whatever is computed."""
        self._prepared += 1
        self._is_preparing = True
        try:
            yield
        finally:
            self._is_preparing = False

    def note_step(self) -> None:
        """Note that work advances; called between any two steps."""
        self._steps += 1

    def check(self, ticket: Ticket) -> None:
        """Look whether an active call should go on.

        Raises:
            Cancelled: Its caller went away.
            DeadlineExceeded: Its time ran out.
        """
        if ticket.call in self._cancelled:
            raise Cancelled(_GONE)
        if self._clock.monotonic_s() >= ticket.deadline_s:
            raise DeadlineExceeded(_no_time(ticket))

    def expire(self) -> None:
        """Fail the waiting calls whose time ran out."""
        if not self._waiting:
            return
        now_s = self._clock.monotonic_s()
        with self._changed:
            late = self._waiting.take_out(lambda ticket: now_s >= ticket.deadline_s)
        for ticket in late:
            self._fail(ticket.call, "DeadlineExceeded", _no_time(ticket))

    def _enqueue(self, start: Start | Embed | Infer) -> None:
        with self._changed:
            is_full = len(self._waiting) >= self._limit
            if not is_full:
                ticket = Ticket(start, self._clock.monotonic_s())
                self._waiting.put(ticket, caller=start.caller, priority=start.priority)
                self._changed.notify()
        if is_full:
            self._fail(start.call, "CapacityExhausted", f"{self._limit} calls wait already")

    def _cancel(self, call: int) -> None:
        with self._changed:
            if call in self._active:
                self._cancelled.add(call)
                return
            waiting = self._waiting.take_out(lambda ticket: ticket.call == call)
        if waiting:
            self._fail(call, "Cancelled", _GONE)

    def _fail(self, call: int, error: ErrorName, reason: str) -> None:
        self._send(Failed(call, error, reason))


def _no_time(ticket: Ticket) -> str:
    return f"no time left of {ticket.start.timeout_s:.3f} s"
