"""Residency under many callers at once, in every order that a seed brings about.

The engine here is an account of who is loaded, so that thousands of interleavings run in a
second; ``tests/integration/test_residency.py`` has the real one.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.engine.frames import ModelFacts
from edge.engine.options import EngineOptions
from edge.engine.process import ModelStatus
from edge.engine.traffic import Traffic
from edge.residency.budget import MemoryGauge
from edge.residency.place import ModelPlan
from edge.residency.resident import ResidentModels
from edge.tensors.tensor import Tensor
from runtime.clock import SystemClock
from runtime.errors import CapacityExhausted, DeadlineExceeded, ModelInvalid, NotFound
from runtime.ids import ModelName
from runtime.ports import ChatMessage, Chunk, Embeddings, GenerateRequest, TextDelta

SIZES = {"a": 30, "b": 40, "c": 60}
BUDGET = 100


class Ledger:
    """An engine that keeps account: who is loaded, what that takes, and what went wrong."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.loaded: dict[ModelName, int] = {}
        self.most_bytes = 0
        self.by_hand: list[ModelName] = []
        self.faults: list[str] = []

    def models(self) -> tuple[ModelStatus, ...]:
        return tuple(
            ModelStatus(name, Path(name), "ready", None, 1, calls, Traffic(), 0, "")
            for name, calls in self.loaded.items()
        )

    async def load(
        self, name: ModelName, path: Path, *, options: EngineOptions | None = None, sha256: str = ""
    ) -> ModelFacts:
        await self._pause()
        if self._rng.random() < 0.1:
            raise ModelInvalid(f"{name}: broken this time")
        if name in self.loaded:
            self.faults.append(f"{name} loaded twice")
        self.loaded[name] = 0
        taken_bytes = sum(SIZES[one] for one in self.loaded)
        self.most_bytes = max(self.most_bytes, taken_bytes)
        return None  # type: ignore[return-value]  # nobody here looks at facts

    async def unload(self, name: ModelName) -> None:
        if self.loaded.get(name) and name not in self.by_hand:
            self.faults.append(f"{name} unloaded under a call")
        while self.loaded.get(name):  # noqa: ASYNC110 - as the engine lets calls end
            await asyncio.sleep(0)
        await self._pause()
        if self.loaded.pop(name, None) is None:
            raise NotFound(name)

    async def generate(
        self, request: GenerateRequest, *, caller: str = ""
    ) -> AsyncGenerator[Chunk, None]:
        if request.model not in self.loaded:
            self.faults.append(f"{request.model} asked while it was not loaded")
            return
        self.loaded[request.model] += 1
        try:
            for _ in range(self._rng.randrange(4)):
                await self._pause()
                yield TextDelta("x")
        finally:
            self.loaded[request.model] -= 1

    async def embed(
        self, model: ModelName, texts: Sequence[str], *, timeout_s: float = 60.0, caller: str = ""
    ) -> Embeddings:
        raise NotImplementedError

    async def infer(
        self,
        model: ModelName,
        inputs: Sequence[Tensor],
        *,
        outputs: Sequence[str] = (),
        timeout_s: float = 60.0,
        caller: str = "",
    ) -> tuple[Tensor, ...]:
        raise NotImplementedError

    async def _pause(self) -> None:
        for _ in range(self._rng.randrange(5)):
            await asyncio.sleep(0)


async def crowd(seed: int, *, callers: int) -> Ledger:
    """Let many callers ask, leave early and unload by hand; return the engine's account."""
    rng = random.Random(seed)
    engine = Ledger(rng)
    plans = {
        ModelName(name): ModelPlan(
            Path(name), EngineOptions(), keep_alive_s=0.001, is_loaded_at_start=name == "a"
        )
        for name in SIZES
    }
    gauge = MemoryGauge(estimate=lambda path, _: SIZES[path.name], measure=lambda _: 0)
    async with ResidentModels(
        engine,
        plans,
        budget_bytes=BUDGET,
        clock=SystemClock(),
        gauge=gauge,
        room_wait_s=1.0,
        look_interval_s=0.0005,
    ) as models:
        await models.start()

        async def unload(name: ModelName) -> None:
            engine.by_hand.append(name)
            try:
                await models.unload(name)
            except asyncio.CancelledError:
                raise  # it goes on without whoever asked
            except NotFound:
                pass
            engine.by_hand.remove(name)

        async def call() -> None:
            name = ModelName(rng.choice(list(SIZES)))
            asked = GenerateRequest(name, (ChatMessage("user", "x"),), timeout_s=5.0)
            try:
                if rng.random() < 0.1:
                    await unload(name)
                    return
                async with aclosing(models.generate(asked)) as chunks:
                    async for _ in chunks:
                        if rng.random() < 0.1:
                            return
            except (CapacityExhausted, DeadlineExceeded, ModelInvalid, NotFound):
                return

        tasks = [asyncio.create_task(call()) for _ in range(callers)]
        for task in rng.sample(tasks, callers // 5):
            await asyncio.sleep(0)
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert [end for end in ends if isinstance(end, Exception)] == []
        assert [status.open_calls for status in models.models() if status.open_calls] == []
    return engine


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_whatever_callers_do_the_budget_holds_and_nobody_loses_a_model_under_a_call(
    seed: int,
) -> None:
    engine = asyncio.run(asyncio.wait_for(crowd(seed, callers=40), timeout=30))

    assert engine.faults == []
    assert engine.most_bytes <= BUDGET


@pytest.mark.long
@settings(deadline=None, max_examples=5_000)
@given(seed=st.integers(0, 2**32))
def test_the_same_for_long(seed: int) -> None:
    engine = asyncio.run(asyncio.wait_for(crowd(seed, callers=150), timeout=60))

    assert engine.faults == []
    assert engine.most_bytes <= BUDGET
