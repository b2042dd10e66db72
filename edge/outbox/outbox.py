"""The outbox of a running daemon: what waits, for how much longer, and what became of it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, Final, ParamSpec, TypeVar

from edge.outbox.lifetime import BootClock, waited_s
from edge.outbox.model import ENDED, Item, KeptCall, QueuedState
from edge.outbox.store import OutboxStore
from runtime.clock import Clock
from runtime.errors import NotFound
from runtime.ids import RequestId

__all__ = ["Outbox", "OutboxTerms"]

P = ParamSpec("P")
T = TypeVar("T")
_NO_KEY: Final = "no request of that key is in the outbox; it may have been kept long enough"


@dataclass(frozen=True, slots=True)
class OutboxTerms:
    """How long things are kept."""

    ttl_s: float
    """How long a request waits for the cloud, seconds."""
    kept_s: float
    """How long answers, and what ended otherwise, can be fetched, seconds."""


class Outbox:
    """Requests of this device that wait for the cloud, and their answers.

    Args:
        store: Keeps them; its calls block.
        terms: For how long.
        boot_clock: What waiting is measured by.
        clock: When something ended.
        is_clock_vouched: Whether something beside the device says that its clock is right.
        earliest_s: A wall clock before this, seconds since 1970, is certainly wrong.
        executor: Where the store's calls run; ``None`` is the loop's own pool.
    """

    def __init__(
        self,
        store: OutboxStore,
        terms: OutboxTerms,
        *,
        boot_clock: BootClock,
        clock: Clock,
        is_clock_vouched: Callable[[], bool],
        earliest_s: float = 0.0,
        executor: Executor | None = None,
    ) -> None:
        self._store = store
        self.terms: Final = terms
        self._boot_clock = boot_clock
        self._clock = clock
        self._is_clock_vouched = is_clock_vouched
        self._earliest_s = earliest_s
        self._executor = executor
        self._changed = asyncio.Event()
        self.running: dict[RequestId, Item] = {}
        """What is being answered, by the id of its run."""

    async def call(self, name: str) -> KeptCall | None:
        """Return what is known of a call by its own idempotency key."""
        return await self.run(self._store.calls.find, name)

    async def begin_call(
        self, item: Item, name: str, request: bytes, originals: Mapping[str, str]
    ) -> None:
        """Keep a call before it is made for the first time."""
        await self.run(self._store.calls.begin, item.position, name, request, originals)

    async def answer_call(self, item: Item, name: str, answer: bytes, *, repeats: int) -> None:
        """Keep the answer of a call, and how often a model had been asked before."""
        await self.run(self._store.calls.answer, item.position, name, answer, repeats=repeats)

    async def find(self, key: str) -> Item | None:
        """Return the request of a key, if it is here."""
        return await self.run(self._store.find, key)

    async def get(self, key: str) -> Item:
        """Return the request of a key.

        Raises:
            NotFound: It is not here.
        """
        found = await self.find(key)
        if found is None:
            raise NotFound(_NO_KEY)
        return found

    async def listed(self) -> list[Item]:
        """Return all: those that wait in their order, then the others, newest first."""
        return await self.run(self._store.listed)

    async def put(
        self,
        form: Mapping[str, Any],
        *,
        key: str = "",
        state: QueuedState = QueuedState.WAITING,
        cloud_steps: Sequence[str] = (),
    ) -> Item:
        """Keep a request, under a new key where none is given.

        Raises:
            OutboxFull: There is no room for it.
        """

        def add() -> Item:
            return self._store.add(
                key or uuid.uuid4().hex,
                form,
                state=state,
                ttl_s=self.terms.ttl_s,
                queued_at=self._boot_clock.mark(),
                cloud_steps=cloud_steps,
            )

        item = await self.run(add)
        self.tell()
        return item

    async def waiting(self) -> tuple[int, ...]:
        """Return the places of what waits, in the order in which they go."""
        return await self.run(self._store.waiting)

    async def read(self, position: int) -> Item:
        """Return a request by its place.

        Raises:
            NotFound: It is not here any more.
        """
        return await self.run(self._store.read, position)

    async def begin(self, item: Item) -> Item | None:
        """Begin to answer a request; ``None`` when it does not wait any more."""
        if not await self.run(self._store.begin, item.position):
            return None
        return replace(item, state=QueuedState.RUNNING, attempts=item.attempts + 1)

    async def put_back(self, item: Item, error: str) -> None:
        """Let a request wait again."""
        await self.run(self._store.put_back, item.position, error)
        self.tell()

    async def note_steps(self, item: Item, steps: Sequence[str]) -> None:
        """Remember which steps of a request were to run in the cloud."""
        await self.run(self._store.note_steps, item.position, steps)

    async def end(
        self, item: Item, state: QueuedState, *, error: str = "", result: bytes | None = None
    ) -> bool:
        """End a request, once; false when it has ended before."""

        def end() -> bool:
            now_s = self._clock.now().timestamp()
            return self._store.end(item.position, state, now_s=now_s, error=error, result=result)

        return await self.run(end)

    async def cancel(self, key: str) -> Item:
        """Take a request out of the queue; one that has ended stays as it was.

        Raises:
            NotFound: It is not here.
        """
        item = await self.get(key)
        await self.end(item, QueuedState.CANCELLED)
        self.tell()
        return await self.get(key)

    async def purge(self) -> None:
        """Forget what ended long ago."""
        before_s = self._clock.now().timestamp() - self.terms.kept_s
        await self.run(lambda: self._store.purge(ended_before_s=before_s))

    def left_s(self, item: Item) -> float:
        """Return how much longer a request waits, seconds; 0 once it has ended, or its time has."""
        if item.state in ENDED:
            return 0.0
        waited = waited_s(
            item.queued_at,
            self._boot_clock.mark(),
            is_clock_vouched=self._is_clock_vouched(),
            earliest_s=self._earliest_s,
        )
        return max(0.0, item.ttl_s - waited)

    def tell(self) -> None:
        """Wake whoever waits for a change."""
        self._changed.set()

    async def wait_change(self, timeout_s: float) -> None:
        """Wait until something changes, or for so long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            return
        finally:
            self._changed.clear()

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a call of the store beside the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: work(*args, **kwargs))
