"""What the daemon has asked of a child process and the child has not yet done.

Filled by a thread of its own, so that a cancellation or a ping is seen while the model
computes. Knows frames and the clock; no model.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from edge.engine.frames import Cancel, Failed, Frame, Ping, Pong, Start
from runtime.clock import Clock
from runtime.errors import Cancelled, DeadlineExceeded

__all__ = ["Inbox", "Ticket"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """A call that waits its turn."""

    start: Start
    arrived_s: float

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
        self._waiting: deque[Ticket] = deque()
        self._active: int | None = None
        self._is_cancelled = False
        self._is_decoding = False
        self._steps = 0

    def accept(self, frame: Frame) -> None:
        """Take one frame of the daemon's; called by the reading thread."""
        if isinstance(frame, Start):
            self._enqueue(frame)
        elif isinstance(frame, Cancel):
            self._cancel(frame.call)
        elif isinstance(frame, Ping):
            is_busy = self._active is not None or bool(self._waiting)
            self._send(Pong(self._steps, is_busy, self._is_decoding))

    def next(self) -> Ticket:
        """Wait for a call and make it the active one; called by the computing thread."""
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            ticket = self._waiting.popleft()
            self._active, self._is_cancelled = ticket.start.call, False
            return ticket

    def done(self) -> None:
        """The active call is finished."""
        with self._changed:
            self._active = None

    @contextmanager
    def decoding(self) -> Iterator[None]:
        """Note that libllama computes; its steps are allowed to take longer than ours."""
        self._is_decoding = True
        try:
            yield
        finally:
            self._is_decoding = False

    def check(self, ticket: Ticket) -> None:
        """Note that work advances; called between any two steps of the active call.

        Raises:
            Cancelled: Its caller went away.
            DeadlineExceeded: Its time ran out.
        """
        self._steps += 1
        if self._is_cancelled:
            raise Cancelled("the caller went away")
        if self._clock.monotonic_s() >= ticket.deadline_s:
            raise DeadlineExceeded(f"no time left of {ticket.start.timeout_s:.3f} s")

    def _enqueue(self, start: Start) -> None:
        with self._changed:
            is_full = len(self._waiting) >= self._limit
            if not is_full:
                self._waiting.append(Ticket(start, self._clock.monotonic_s()))
                self._changed.notify()
        if is_full:
            reason = f"{self._limit} calls wait already"
            self._send(Failed(start.call, "CapacityExhausted", reason))

    def _cancel(self, call: int) -> None:
        with self._changed:
            if call == self._active:
                self._is_cancelled = True
                return
            waiting = [ticket for ticket in self._waiting if ticket.start.call == call]
            for ticket in waiting:
                self._waiting.remove(ticket)
        if waiting:
            self._send(Failed(call, "Cancelled", "the caller went away"))
