"""Keeps one model served: starts its child, and starts it again after a death.

A call in flight at a death fails with ``EngineCrashed``; one that comes while the child is
being started again waits for it a little.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TypeVar

from edge.engine.frames import Embedded, Finished, Inferred, ModelFacts
from edge.engine.link import Answer, EngineLink
from edge.engine.options import EngineOptions
from edge.engine.spawn import spawn
from edge.engine.traffic import CallAccount, Traffic, TrafficBook
from edge.tensors.tensor import Tensor
from runtime.clock import Clock
from runtime.errors import (
    BackendUnavailable,
    CapacityExhausted,
    DeadlineExceeded,
    EngineCrashed,
    LeewardError,
    ModelInvalid,
)
from runtime.ids import ModelName
from runtime.ports import GenerateRequest, TextDelta

__all__ = ["EngineProcess", "ModelState", "ModelStatus"]

_FIRST_PAUSE_S: Final = 0.25
_LEAST_RETRY_S: Final = 0.25
_MOST_RETRY_S: Final = 60.0
_HEALTHY_S: Final = 60.0
"""A child that lived this long is started again without a pause."""

_Ending = TypeVar("_Ending", Embedded, Inferred)

logger = logging.getLogger("leeward.edge.engine")

ModelState = Literal["unloaded", "loading", "ready", "restarting", "unloading", "failed"]


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """How a model stands."""

    name: ModelName
    path: Path
    state: ModelState
    facts: ModelFacts | None
    """What was loaded last; ``None`` before the first time."""
    pid: int | None
    """The child, when there is one."""
    open_calls: int
    traffic: Traffic
    restarts: int
    last_failure: str
    """How the last child died, or why it could not be loaded; free of content."""
    memory_bytes: int = 0
    """What it takes by the daemon's account; 0 when it is not loaded or nobody keeps one."""
    last_used_at: datetime | None = None
    """When it was last called since the daemon started, if that is known."""


class EngineProcess:
    """One model and whichever child serves it now.

    Args:
        name: What callers call the model.
        path: Its file.
        options: How it is loaded and watched.
        clock: Measures lifetimes.
        traffic: Keeps its calls' accounts, across loads.
    """

    def __init__(
        self,
        name: ModelName,
        path: Path,
        *,
        options: EngineOptions,
        clock: Clock,
        traffic: TrafficBook,
    ) -> None:
        self._name = name
        self._path = path
        self._options = options
        self._clock = clock
        self._traffic = traffic
        self._state: ModelState = "loading"
        self._link: EngineLink | None = None
        self._facts: ModelFacts | None = None
        self._is_ready = asyncio.Event()
        self._first_try: asyncio.Future[ModelFacts] = asyncio.get_running_loop().create_future()
        self._restarts = 0
        self._last_failure = ""

    @property
    def companions(self) -> list[Path]:
        """The files that are loaded beside the model's own: its adapter, its draft."""
        return [file for file in (self._options.adapter, self._options.draft) if file is not None]

    @property
    def status(self) -> ModelStatus:
        """How the model stands now."""
        link = self._link
        return ModelStatus(
            name=self._name,
            path=self._path,
            state=self._state,
            facts=self._facts,
            pid=link.pid if link else None,
            open_calls=link.open_calls if link else 0,
            traffic=self._traffic.traffic,
            restarts=self._restarts,
            last_failure=self._last_failure,
        )

    async def started(self) -> ModelFacts:
        """Wait for the first attempt to load.

        Raises:
            ModelInvalid: The file is no usable model; ``run`` has given up.
            BackendUnavailable: The child cannot run; likewise.
        """
        return await asyncio.shield(self._first_try)

    async def run(self) -> None:
        """Keep a child alive until cancelled, or until the first attempt has failed."""
        try:
            await self._run()
        finally:
            if not self._first_try.done():
                self._fail_start(BackendUnavailable(f"model {self._name} was unloaded"))

    async def _run(self) -> None:
        deaths = 0
        while True:
            since_s = self._clock.monotonic_s()
            try:
                child, facts = await spawn(self._path, self._options)
            except (ModelInvalid, BackendUnavailable) as error:
                self._last_failure = str(error)
                if not self._first_try.done():
                    self._fail_start(error)
                    return
            else:
                await self._serve(
                    EngineLink(child, facts, options=self._options, clock=self._clock)
                )
            is_healthy = self._clock.monotonic_s() - since_s >= _HEALTHY_S
            deaths = 1 if is_healthy else deaths + 1
            self._restarts += 1
            pause_s = self._pause_s(deaths)
            fields = {"model": self._name, "reason": self._last_failure, "pause_s": pause_s}
            logger.warning("engine_restarting", extra=fields)
            await asyncio.sleep(pause_s)

    async def generate(
        self, request: GenerateRequest, *, caller: str
    ) -> AsyncGenerator[TextDelta | Finished, None]:
        """Have a request answered by the child, in its caller's turn.

        Raises:
            CapacityExhausted: As many calls are open as are allowed.
            BackendUnavailable: There is no child, and there was none in time.
            DeadlineExceeded: Waiting for one took all of the caller's time.
            LeewardError: As the call ends.
        """
        with self._account() as account:
            link, left_s = await self._admitted(request.timeout_s)
            call = link.generate(replace(request, timeout_s=left_s), caller=caller)
            async with aclosing(call) as items:
                async for item in items:
                    self._traffic.note(account, item)
                    if isinstance(item, TextDelta | Finished):
                        yield item

    async def embed(self, texts: tuple[str, ...], *, timeout_s: float, caller: str) -> Embedded:
        """Have texts turned into vectors by the child, in their caller's turn.

        Raises:
            LeewardError: As for ``generate``.
        """
        with self._account() as account:
            link, left_s = await self._admitted(timeout_s)
            call = link.embed(texts, timeout_s=left_s, caller=caller)
            return await self._ending(account, call, Embedded)

    async def infer(
        self, inputs: tuple[Tensor, ...], outputs: tuple[str, ...], *, timeout_s: float, caller: str
    ) -> tuple[Tensor, ...]:
        """Have outputs computed by the child, in their caller's turn.

        Raises:
            LeewardError: As for ``generate``.
        """
        with self._account() as account:
            link, left_s = await self._admitted(timeout_s)
            call = link.infer(inputs, outputs, timeout_s=left_s, caller=caller)
            return (await self._ending(account, call, Inferred)).tensors

    async def _ending(
        self,
        account: CallAccount,
        call: AsyncGenerator[Answer, None],
        kind: type[_Ending],
    ) -> _Ending:
        """Return how a call ends that is answered with one thing alone."""
        async with aclosing(call) as items:
            async for item in items:
                self._traffic.note(account, item)
                if isinstance(item, kind):
                    return item
        raise EngineCrashed("the model's process answered with something else")

    @contextmanager
    def _account(self) -> Iterator[CallAccount]:
        """Keep the account of a call for as long as the block lasts."""
        account = self._traffic.open()
        try:
            yield account
        except LeewardError as error:
            account.outcome = type(error).__name__
            raise
        finally:
            self._traffic.close(account)

    async def drain(self) -> None:
        """Refuse new calls and let the open ones end, within the drain limit."""
        self._state = "unloading"
        if self._link is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._options.drain_limit_s):
                    await self._link.wait_quiet()

    async def _serve(self, link: EngineLink) -> None:
        self._link, self._facts = link, link.facts
        if self._state != "unloading":
            self._state = "ready"
        self._is_ready.set()
        if not self._first_try.done():
            self._first_try.set_result(link.facts)
        logger.info("engine_ready", extra={"model": self._name, "pid": link.pid})
        try:
            self._last_failure = await link.serve()
        finally:
            self._is_ready.clear()
            self._link = None
            if self._state != "unloading":
                self._state = "restarting"

    async def _admitted(self, timeout_s: float) -> tuple[EngineLink, float]:
        """Return the child that takes one more call, and the time that is left for it."""
        since_s = self._clock.monotonic_s()
        link = await self._ready_link(timeout_s)
        left_s = timeout_s - (self._clock.monotonic_s() - since_s)
        if left_s <= 0:
            raise DeadlineExceeded(f"no time left of {timeout_s:.3f} s")
        if link.open_calls >= self._options.queue_limit:
            raise CapacityExhausted(
                f"model {self._name}: {link.open_calls} calls are open already",
                retry_after_s=self._retry_after_s(link),
            )
        return link, left_s

    def _retry_after_s(self, link: EngineLink) -> float:
        """Return when a slot should be free for one more, judged by the calls so far."""
        traffic = self._traffic.traffic
        rounds = link.open_calls / max(link.facts.slots, 1)
        return min(max(traffic.slot_s * rounds, _LEAST_RETRY_S), _MOST_RETRY_S)

    async def _ready_link(self, timeout_s: float) -> EngineLink:
        if self._state == "unloading":
            raise BackendUnavailable(f"model {self._name} is being unloaded")
        wait_s = min(timeout_s, self._options.restart_wait_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._is_ready.wait()
        if self._link is None:
            raise BackendUnavailable(f"model {self._name} is being started again")
        return self._link

    def _fail_start(self, error: LeewardError) -> None:
        self._first_try.set_exception(error)
        self._first_try.exception()  # seen, also when whoever waited is gone

    def _pause_s(self, deaths: int) -> float:
        """No pause after a single death, then doubling ones."""
        if deaths <= 1:
            return 0.0
        longest_s = self._options.restart_pause_max_s
        return min(longest_s, _FIRST_PAUSE_S * 2.0 ** min(deaths - 2, 16))
