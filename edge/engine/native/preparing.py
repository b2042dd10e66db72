"""Making calls ready in a thread of their own: template, tokens, grammar, sampler.

A prompt of a megabyte or a large grammar takes longer than many decodes. Meanwhile those who
have a slot go on, for libllama holds no lock of Python's while it reads either.
"""

from collections import deque
from collections.abc import Callable
from threading import Condition, Event, Thread

from edge.engine.inbox import Inbox, Ticket
from edge.engine.native.endings import ENDINGS
from edge.engine.native.sequence import Sequence
from runtime.errors import LeewardError

__all__ = ["Preparing"]


class Preparing:
    """Prepares waiting calls in their turn, no more of them ahead of need than is wanted.

    Args:
        inbox: Where calls wait.
        prepare: Makes a call ready, or raises what it ends with; called by this thread alone.
        refuse: Ends a call; callable from this thread.
        wanted: How many to have ready at first.
        warm_up: Called by this thread before anything else, and waited for.
    """

    def __init__(
        self,
        inbox: Inbox,
        *,
        prepare: Callable[[Ticket], Sequence],
        refuse: Callable[[Ticket, LeewardError], None],
        wanted: int,
        warm_up: Callable[[], None] = lambda: None,
    ) -> None:
        self._inbox = inbox
        self._prepare = prepare
        self._refuse = refuse
        self._wanted = wanted
        self._changed = Condition()
        self._ready: deque[Sequence] = deque()
        self._failure: BaseException | None = None
        self._is_warm = Event()
        Thread(target=self._run, args=(warm_up,), daemon=True, name="prepare").start()
        self._is_warm.wait()

    def want(self, calls: int) -> None:
        """Have up to so many calls made ready from now on."""
        if calls != self._wanted:
            with self._changed:
                self._wanted = calls
                self._changed.notify_all()

    def take(self) -> Sequence | None:
        """Return the next call that is ready, ``None`` without any; one less is wanted then."""
        if not self._ready and self._failure is None:
            return None
        with self._changed:
            self._raise_failure()
            sequence = self._ready.popleft()
            self._wanted -= 1  # else this thread would go on to one that nobody asked for
            self._changed.notify_all()
            return sequence

    def wait(self) -> None:
        """Return when a call is ready."""
        with self._changed:
            while not self._ready:
                self._raise_failure()
                self._changed.wait()

    @property
    def _is_wanted(self) -> bool:
        return len(self._ready) < self._wanted

    def _raise_failure(self) -> None:
        """Let what broke this thread break the one that waits for it."""
        if self._failure is not None:
            raise self._failure

    def _run(self, warm_up: Callable[[], None]) -> None:
        try:
            try:
                warm_up()
            finally:
                self._is_warm.set()
            while True:
                self._prepare_next()
        except BaseException as error:  # noqa: BLE001 - raised again where it is seen
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _prepare_next(self) -> None:
        with self._changed:
            while not self._is_wanted:
                self._changed.wait()
        self._inbox.wait()
        with self._changed:
            # Whoever came may find that the slot is gone meanwhile, and must keep its turn.
            ticket = self._inbox.next() if self._is_wanted else None
        if ticket is None:
            return  # or it was cancelled
        try:
            with self._inbox.preparing():
                sequence = self._prepare(ticket)
        except ENDINGS as error:
            self._refuse(ticket, error)
            return
        with self._changed:
            self._ready.append(sequence)
            self._changed.notify_all()
