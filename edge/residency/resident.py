"""The models of a node as its callers see them: all of them, whether or not in memory.

A call for one that is not there waits until it is loaded; who was idle longest makes room. Knows
names, sizes and times; not how a model computes, and not what it is asked.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from edge.engine.port import LoadingEngine
from edge.engine.process import ModelStatus
from edge.residency.budget import MemoryBudget, MemoryGauge
from edge.residency.place import ModelPlan, Place
from edge.residency.telling import HealthObserver, HealthTelling
from edge.tensors.tensor import Tensor
from runtime.clock import Clock
from runtime.errors import DeadlineExceeded, LeewardError, ModelInvalid, NotFound
from runtime.ids import ModelName
from runtime.ports import Chunk, Embeddings, GenerateRequest

__all__ = ["ResidentModels"]

_LOOK_INTERVAL_S: Final = 1.0
_ROOM_WAIT_S: Final = 30.0
"""How long a model waits for the calls of others to end before it is refused memory."""

_logger: Final = logging.getLogger("leeward.edge.residency")


class ResidentModels:
    """The models of this node; an asynchronous context manager that ends what it began.

    Args:
        engine: Runs them.
        plans: Every model that may be asked for.
        budget_bytes: What they may take together; ``None`` sets no bound.
        clock: For idle times.
        gauge: Where sizes come from.
        vet: Raises for a file that may not be loaded for a model's file; beside the event loop.
        used: Told of the file of every model that is loaded.
        room_wait_s: How long a model waits for the calls of others to end.
        look_interval_s: How often it is looked who is idle, who grew and who died.
    """

    def __init__(
        self,
        engine: LoadingEngine,
        plans: Mapping[ModelName, ModelPlan],
        *,
        budget_bytes: int | None,
        clock: Clock,
        gauge: MemoryGauge | None = None,
        vet: Callable[[Path, Path], object] = lambda _file, _model: None,
        used: Callable[[Path], None] = lambda _: None,
        room_wait_s: float = _ROOM_WAIT_S,
        look_interval_s: float = _LOOK_INTERVAL_S,
    ) -> None:
        self._engine = engine
        self._places = {name: Place(name, plan) for name, plan in plans.items()}
        self._budget = MemoryBudget(budget_bytes, self._places.values())
        self._clock = clock
        self._gauge = gauge or MemoryGauge()
        self._vet = vet
        self._used = used
        self._room_wait_s = room_wait_s
        self._look_interval_s = look_interval_s
        self._deciding = asyncio.Lock()
        """Held while it is decided who gets memory, and while somebody loses it."""
        self._freed = asyncio.Event()
        self._telling = HealthTelling()
        self._tasks = asyncio.TaskGroup()
        self._keeping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._keeping = self._tasks.create_task(self._keep(), name="residency")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in (self._keeping, *(place.loading for place in self._places.values())):
            if task is not None:
                task.cancel()
        await self._tasks.__aexit__(kind, error, traceback)

    async def start(self) -> None:
        """Load what is to be there from the start, as far as there is memory for it.

        A model that cannot be loaded is reported, and the others are served.

        Raises:
            LeewardError: None of the node's models can be served; why the first cannot.
        """
        for place in self._places.values():
            if place.plan.is_loaded_at_start:
                await self._bring(place, evicts=False)
        if all(place.has_failed for place in self._places.values()):
            for place in self._places.values():
                place.require_loaded()

    async def replan(self, plans: Mapping[ModelName, ModelPlan]) -> None:
        """Serve these models from now on; what is unchanged stays in memory.

        Calls that run end as they began; calls for a model that changes wait until it is back.

        Raises:
            LeewardError: One that is to be there from the start cannot be loaded; the others serve.
        """
        for name in self._places.keys() - plans.keys():
            await self._end(self._places.pop(name), reason="gone")
        for name, plan in plans.items():
            if name not in self._places:
                self._places[name] = Place(name, plan)
            elif self._places[name].plan != plan:
                await self._end(self._places[name], reason="changed", then=plan)
        await self._tell()
        for name, plan in plans.items():
            if plan.is_loaded_at_start and not self._places[name].is_loaded:
                await self._bring(self._places[name], evicts=True)
                self._places[name].require_loaded()

    async def observe(self, observer: HealthObserver) -> None:
        """Tell ``observer`` how every model stands, and from then on of every change."""
        self._telling.add(observer)
        await self._tell()

    def models(self, *, takes_tensors: bool | None = None) -> tuple[ModelStatus, ...]:
        """How every model stands, by name.

        Args:
            takes_tensors: Only those that do, or that do not; ``None`` for all.
        """
        running = {status.name: status for status in self._engine.models()}
        return tuple(
            place.status(running.get(name))
            for name, place in sorted(self._places.items())
            if takes_tensors in (None, place.takes_tensors)
        )

    async def load(self, name: ModelName) -> ModelStatus:
        """Bring a model into memory, also one that lately could not be loaded.

        Raises:
            NotFound: No such model is configured.
            ModelInvalid: Its file is missing or broken.
            ModelTooLarge: It does not fit the budget.
            CapacityExhausted: Others have calls open and leave it no memory.
            BackendUnavailable: Its process cannot run.
        """
        place = self._place(name)
        if not place.is_loaded:
            await self._bring(place, evicts=True)
            place.require_loaded()
        return place.status(self._running(name))

    async def unload(self, name: ModelName) -> ModelStatus:
        """Let a model's calls end, then free its memory; the next call brings it back.

        Raises:
            NotFound: No such model is configured, or it is not loaded.
        """
        place = self._place(name)
        # A task of its own: half unloaded, because whoever asked went away, it would be lost.
        unloading = self._tasks.create_task(
            self._end(place, reason="by_hand"), name=f"unload-{name}"
        )
        await asyncio.wait([unloading])
        if not unloading.result():
            raise NotFound(f"model {name} is not loaded")
        return place.status(self._running(name))

    async def generate(
        self, request: GenerateRequest, *, caller: str = ""
    ) -> AsyncGenerator[Chunk, None]:
        """Stream an answer, once the model is in memory; closing the iterator cancels it.

        Raises:
            NotFound: No such model is configured.
            DeadlineExceeded: It was not there in time.
            LeewardError: As for ``load`` and for the engine's ``generate``.
        """
        place = self._place(request.model, takes_tensors=False)
        async with self._in_use(place, request.timeout_s) as left_s:
            timely = replace(request, timeout_s=left_s)
            async with aclosing(self._engine.generate(timely, caller=caller)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def embed(
        self,
        model: ModelName,
        texts: Sequence[str],
        *,
        timeout_s: float = 60.0,
        caller: str = "",
    ) -> Embeddings:
        """Turn texts into vectors of length 1, once the model is in memory.

        Raises:
            LeewardError: As for ``generate``.
        """
        place = self._place(model, takes_tensors=False)
        async with self._in_use(place, timeout_s) as left_s:
            return await self._engine.embed(model, texts, timeout_s=left_s, caller=caller)

    async def infer(
        self,
        model: ModelName,
        inputs: Sequence[Tensor],
        *,
        outputs: Sequence[str] = (),
        timeout_s: float = 60.0,
        caller: str = "",
    ) -> tuple[Tensor, ...]:
        """Compute outputs of a tensor model, once it is in memory.

        Raises:
            LeewardError: As for ``generate``, and for the engine's ``infer``.
        """
        place = self._place(model, takes_tensors=True)
        async with self._in_use(place, timeout_s) as left_s:
            return await self._engine.infer(
                model, inputs, outputs=outputs, timeout_s=left_s, caller=caller
            )

    @asynccontextmanager
    async def _in_use(self, place: Place, timeout_s: float) -> AsyncIterator[float]:
        """Keep a model in memory for the length of the block; yield the time that is left."""
        place.open_calls += 1
        try:
            yield timeout_s if place.is_loaded else await self._present(place, timeout_s)
        finally:
            place.open_calls -= 1
            place.touch(self._clock)
            if not place.open_calls:
                self._freed.set()

    async def _present(self, place: Place, timeout_s: float) -> float:
        """Wait until a model is in memory; return what is left of the caller's time."""
        place.refuse_retry(self._clock)
        since_s = self._clock.monotonic_s()
        try:
            async with asyncio.timeout(timeout_s):
                await self._bring(place, evicts=True)
        except TimeoutError:
            raise _late(place) from None
        left_s = timeout_s - (self._clock.monotonic_s() - since_s)
        if left_s <= 0:
            raise _late(place)
        place.require_loaded()
        return left_s

    async def _end(self, place: Place, *, reason: str, then: ModelPlan | None = None) -> bool:
        """Unload a model, once it is loaded if it is being loaded; ``False`` when it is not."""
        if place.loading is not None:
            await asyncio.wait([place.loading])
        async with self._deciding:
            if was_loaded := place.is_loaded:
                await self._leave(place, reason=reason)
            if then is not None:
                place.replan(then)
        await self._tell()
        return was_loaded

    async def _bring(self, place: Place, *, evicts: bool) -> None:
        """Wait until a model is loaded or could not be; all who ask wait for one attempt."""
        if place.loading is None:
            load = self._load(place, evicts=evicts)
            place.loading = self._tasks.create_task(load, name=f"load-{place.name}")
        # Whoever stops waiting takes nothing from the others.
        await asyncio.wait([place.loading])

    async def _load(self, place: Place, *, evicts: bool) -> None:
        """Load a model; a failure is kept with its place."""
        place.forgive()
        try:
            await self._reserve(place, evicts=evicts)
            await self._fill(place)
        except LeewardError as error:
            self._fail(place, error)
        except OSError as error:  # the file went away or may not be read; the others go on
            reason = f"{place.plan.file}: cannot be read: {error.strerror}"
            self._fail(place, ModelInvalid(reason))
        finally:
            if not place.is_loaded:
                self._release(place)
            place.loading = None
        await self._tell()

    def _fail(self, place: Place, error: LeewardError) -> None:
        place.fail(error, self._clock)
        kind = type(error).__name__
        _logger.warning("model_not_loaded", extra={"model": place.name, "error": kind})

    async def _reserve(self, place: Place, *, evicts: bool) -> None:
        """Set aside what a model should take, when need be by unloading idle ones."""
        plan = place.plan
        for file in filter(None, (plan.file, plan.options.adapter, plan.options.draft)):
            await asyncio.to_thread(self._vet, file, plan.file)
        needed_bytes = await asyncio.to_thread(self._gauge.estimate, plan.file, plan.options)
        self._budget.refuse_beyond(place, needed_bytes)
        until_s = self._clock.monotonic_s() + (self._room_wait_s if evicts else 0.0)
        while True:
            async with self._deciding:
                self._freed.clear()
                if await self._make_room(place, needed_bytes, evicts=evicts):
                    place.memory_bytes = needed_bytes
                    return
            left_s = until_s - self._clock.monotonic_s()
            if left_s <= 0:
                raise self._budget.shortage(place, needed_bytes)
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._freed.wait()

    async def _fill(self, place: Place) -> None:
        """Load what memory was set aside for, and correct the account by what it really takes."""
        plan = place.plan
        await self._engine.load(place.name, plan.file, options=plan.options, sha256=plan.sha256)
        place.is_loaded = True
        place.touch(self._clock)
        await asyncio.to_thread(self._used, plan.file)
        async with self._deciding:
            self._measure(place)
            taken_bytes = place.memory_bytes
            if await self._make_room(place, taken_bytes, evicts=True):
                return
            await self._leave(place, reason="larger_than_estimated")
        self._budget.refuse_beyond(place, taken_bytes)
        raise self._budget.shortage(place, taken_bytes)

    async def _make_room(self, place: Place, needed_bytes: int, *, evicts: bool) -> bool:
        """Unload the longest idle until a model fits; ``False`` when that would not do."""
        # Asked again after each: somebody may have called the next one meanwhile.
        while victims := self._budget.victims(place, needed_bytes):
            if not evicts:
                return False
            await self._leave(victims[0], reason="for_another")
        return victims is not None

    async def _leave(self, place: Place, *, reason: str) -> None:
        """Unload a model; whoever calls this holds the lock."""
        # At once: a call that comes from now on waits for the model to come back.
        place.is_loaded = False
        place.last = self._running(place.name)
        try:
            with suppress(NotFound):  # it ended by itself
                await self._engine.unload(place.name)
        finally:
            self._release(place)
        _logger.info("model_unloaded", extra={"model": place.name, "reason": reason})

    async def _keep(self) -> None:
        """Look every now and then who is idle, who grew, and who died."""
        while True:
            await asyncio.sleep(self._look_interval_s)
            async with self._deciding:
                for place in self._places.values():
                    self._measure(place)
                    if place.is_over(self._clock):
                        await self._leave(place, reason="idle")
                for place in self._budget.surplus():
                    await self._leave(place, reason="over_budget")
            await self._tell()

    async def _tell(self) -> None:
        await self._telling.tell(self.models())

    def _measure(self, place: Place) -> None:
        """Take into the account what a model really has, if it is more than was thought."""
        status = self._running(place.name) if place.is_loaded else None
        if status is not None and status.pid is not None:
            place.memory_bytes = max(place.memory_bytes, self._gauge.measure(status.pid))

    def _release(self, place: Place) -> None:
        place.memory_bytes = 0
        self._freed.set()

    def _place(self, name: ModelName, *, takes_tensors: bool | None = None) -> Place:
        place = self._places.get(name)
        if place is None or takes_tensors not in (None, place.takes_tensors):
            raise NotFound(f"no model named {name} is configured on this device")
        return place

    def _running(self, name: ModelName) -> ModelStatus | None:
        return next((status for status in self._engine.models() if status.name == name), None)


def _late(place: Place) -> DeadlineExceeded:
    return DeadlineExceeded(f"model {place.name} was not loaded in the caller's time")
