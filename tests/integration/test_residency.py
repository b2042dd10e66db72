"""Real models that come and go: on demand, when idle, for each other, and never under a call."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from edge.models.memory import estimated_bytes, process_bytes
from edge.residency.budget import MemoryGauge
from edge.residency.place import ModelPlan
from edge.residency.resident import ResidentModels
from edge.residency.tensors import ResidentTensors
from runtime.clock import SystemClock
from runtime.errors import (
    CapacityExhausted,
    DeadlineExceeded,
    ModelInvalid,
    ModelTooLarge,
    NotFound,
    RequestInvalid,
)
from runtime.ids import ModelName, NodeName
from runtime.ports import ChatMessage, Completion, GenerateRequest, Sampling

pytestmark = pytest.mark.slow
WEIGHTS = Path(__file__).parents[2] / "reference" / "weights"
TERN, GANNET, OTHER = ModelName("tern-s"), ModelName("gannet-s"), ModelName("tern-xs")
OPTIONS = EngineOptions(threads=1, cache_tokens=512, context_tokens=512, slots=1)
ENDLESS = "root ::= [a-z] root"
SIZE = 100
BY_HAND = MemoryGauge(estimate=lambda *_: SIZE, measure=lambda _: SIZE)
"""Every model is as large as another, so that budgets can be said in models."""


def plan(name: ModelName, **changes: object) -> ModelPlan:
    made = ModelPlan(WEIGHTS / f"{name}.gguf", OPTIONS, is_loaded_at_start=False)
    return replace(made, **changes)  # type: ignore[arg-type]


@asynccontextmanager
async def resident(
    plans: Mapping[ModelName, ModelPlan],
    *,
    budget: int | None = None,
    gauge: MemoryGauge = BY_HAND,
    room_wait_s: float = 30.0,
    used: Callable[[Path], None] = lambda _: None,
) -> AsyncIterator[ResidentModels]:
    clock = SystemClock()
    async with (
        NodeEngine(node=NodeName("edge-1"), clock=clock) as engine,
        ResidentModels(
            engine,
            plans,
            budget_bytes=budget,
            clock=clock,
            gauge=gauge,
            used=used,
            room_wait_s=room_wait_s,
            look_interval_s=0.05,
        ) as models,
    ):
        await models.start()
        yield models


def ask(model: ModelName, *, timeout_s: float = 30.0, **sampling: object) -> GenerateRequest:
    drawn = Sampling(**({"max_tokens": 2} | sampling))  # type: ignore[arg-type]
    return GenerateRequest(model, (ChatMessage("user", "Hello"),), drawn, timeout_s=timeout_s)


async def answer(models: ResidentModels, request: GenerateRequest) -> Completion:
    *_, last = [chunk async for chunk in models.generate(request)]
    assert isinstance(last, Completion)
    return last


def states(models: ResidentModels) -> dict[str, str]:
    return {status.name: status.state for status in models.models()}


async def wait_state(models: ResidentModels, name: ModelName, state: str) -> None:
    async with asyncio.timeout(10.0):
        while states(models)[name] != state:  # noqa: ASYNC110 - what is watched has no event
            await asyncio.sleep(0.01)


async def test_calls_for_a_model_that_is_not_there_share_one_load_and_are_answered() -> None:
    loads: list[Path] = []
    async with resident({TERN: plan(TERN)}, used=loads.append) as models:
        before = states(models)

        await asyncio.gather(*(answer(models, ask(TERN)) for _ in range(3)))

        assert before == {TERN: "unloaded"}
        assert states(models) == {TERN: "ready"}
        assert loads == [WEIGHTS / "tern-s.gguf"]


async def test_the_longest_idle_makes_room_and_comes_back_when_called() -> None:
    plans = {name: plan(name) for name in (TERN, GANNET, OTHER)}
    async with resident(plans, budget=2 * SIZE) as models:
        await answer(models, ask(TERN))
        await answer(models, ask(GANNET))
        await answer(models, ask(TERN))
        await answer(models, ask(OTHER))
        after = states(models)
        await answer(models, ask(GANNET))

        assert after == {TERN: "ready", GANNET: "unloaded", OTHER: "ready"}
        assert states(models) == {TERN: "unloaded", GANNET: "ready", OTHER: "ready"}
        gannet = next(one for one in models.models() if one.name == GANNET)
        assert gannet.traffic.answered == 2


async def test_a_model_with_an_open_call_is_never_taken_and_the_other_waits_for_its_end() -> None:
    plans = {name: plan(name) for name in (TERN, GANNET)}
    async with resident(plans, budget=SIZE) as models:
        endless = ask(TERN, grammar=ENDLESS, max_tokens=100_000)
        async with aclosing(models.generate(endless)) as running:
            await anext(running)
            waiting = asyncio.create_task(answer(models, ask(GANNET)))
            await asyncio.sleep(0.3)
            meanwhile = states(models), waiting.done()
            await anext(running)

        await waiting

        assert meanwhile == ({TERN: "ready", GANNET: "unloaded"}, False)
        assert states(models) == {TERN: "unloaded", GANNET: "ready"}


async def test_who_gets_no_memory_in_time_is_told_to_come_back() -> None:
    plans = {name: plan(name) for name in (TERN, GANNET)}
    async with resident(plans, budget=SIZE, room_wait_s=0.2) as models:
        endless = ask(TERN, grammar=ENDLESS, max_tokens=100_000)
        async with aclosing(models.generate(endless)) as running:
            await anext(running)

            with pytest.raises(CapacityExhausted, match="models with open calls have taken"):
                await answer(models, ask(GANNET))
            with pytest.raises(DeadlineExceeded, match="not loaded in the caller's time"):
                await answer(models, ask(GANNET, timeout_s=0.05))
            assert states(models)[GANNET] == "unloaded"


async def test_an_idle_model_is_unloaded_after_its_time_and_not_under_a_call() -> None:
    async with resident({TERN: plan(TERN, keep_alive_s=0.3)}) as models:
        endless = ask(TERN, grammar=ENDLESS, max_tokens=100_000)
        async with aclosing(models.generate(endless)) as running:
            await anext(running)
            await asyncio.sleep(0.6)
            under_a_call = states(models)
        await wait_state(models, TERN, "unloaded")
        await answer(models, ask(TERN))

        assert under_a_call == {TERN: "ready"}
        assert states(models) == {TERN: "ready"}


async def test_loading_and_unloading_by_hand(tmp_path: Path) -> None:
    async with resident({TERN: plan(TERN)}) as models:
        loaded = await models.load(TERN)
        again = await models.load(TERN)
        gone = await models.unload(TERN)

        assert loaded.state == again.state == "ready"
        assert loaded.memory_bytes == SIZE
        assert (gone.state, gone.memory_bytes, gone.pid) == ("unloaded", 0, None)
        with pytest.raises(NotFound, match="is not loaded"):
            await models.unload(TERN)
        with pytest.raises(NotFound, match="no model named other"):
            await models.load(ModelName("other"))


async def test_a_broken_model_fails_its_calls_and_nobody_elses_and_is_mended_by_hand(
    tmp_path: Path,
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes((WEIGHTS / "gannet-s.gguf").read_bytes()[:-1000])
    plans = {TERN: plan(TERN), GANNET: plan(GANNET, file=broken, is_loaded_at_start=True)}
    async with resident(plans) as models:
        assert states(models)[GANNET] == "failed"
        for _ in range(2):
            with pytest.raises(ModelInvalid, match="truncated"):
                await answer(models, ask(GANNET))
        await answer(models, ask(TERN))
        shutil.copyfile(WEIGHTS / "gannet-s.gguf", broken)
        with pytest.raises(ModelInvalid):
            await answer(models, ask(GANNET))

        await models.load(GANNET)

        await answer(models, ask(GANNET))


async def test_a_node_none_of_whose_models_can_be_served_does_not_start(tmp_path: Path) -> None:
    missing = plan(TERN, file=tmp_path / "missing.gguf", is_loaded_at_start=True)

    failed = pytest.RaisesExc(ModelInvalid, match="no such model file")
    with pytest.RaisesGroup(failed, flatten_subgroups=True):
        async with resident({TERN: missing}):
            pytest.fail("it started")


async def test_a_model_that_could_never_fit_is_refused_before_it_is_loaded() -> None:
    loads: list[Path] = []
    gauge = MemoryGauge()
    async with resident(
        {TERN: plan(TERN), GANNET: plan(GANNET)}, budget=1 << 20, gauge=gauge, used=loads.append
    ) as models:
        with pytest.raises(ModelTooLarge, match=r"takes \d+ MiB and `memory_budget_mib` allows 1"):
            await answer(models, ask(TERN))

        assert loads == []
        assert states(models)[TERN] == "failed"


async def test_a_model_that_proves_larger_than_it_seemed_is_unloaded_again() -> None:
    gauge = MemoryGauge(estimate=lambda *_: SIZE, measure=lambda _: 3 * SIZE)
    async with resident({TERN: plan(TERN)}, budget=2 * SIZE, gauge=gauge) as models:
        with pytest.raises(ModelTooLarge):
            await models.load(TERN)

        assert states(models) == {TERN: "failed"}
        assert models.models()[0].memory_bytes == 0


async def test_at_the_start_only_what_fits_is_loaded_and_the_rest_comes_on_demand() -> None:
    plans = {name: plan(name, is_loaded_at_start=True) for name in (TERN, GANNET)}
    async with resident(plans, budget=SIZE) as models:
        at_start = states(models)
        await answer(models, ask(GANNET))

        assert at_start == {TERN: "ready", GANNET: "unloaded"}
        assert states(models) == {TERN: "unloaded", GANNET: "ready"}


async def test_tensor_models_make_room_and_come_back_like_all_others() -> None:
    file = WEIGHTS / "tern-xs.onnx"
    tensors = ModelPlan(file, EngineOptions(threads=1, takes_tensors=True))
    async with resident({TERN: plan(TERN), OTHER: tensors}, budget=SIZE) as models:
        asked = ResidentTensors(models)
        at_start = asked.models()
        await answer(models, ask(TERN))
        made_room = asked.models()
        with pytest.raises(RequestInvalid):  # it is back, and says what it takes
            await asked.infer(OTHER, [])
        with pytest.raises(NotFound):
            await answer(models, ask(OTHER))
        with pytest.raises(NotFound):
            await asked.infer(TERN, [])

        assert [(one.name, one.state) for one in at_start] == [(OTHER, "ready")]
        assert [one.state for one in made_room] == ["unloaded"]
        assert made_room[0].facts is not None
        assert states(models) == {TERN: "unloaded", OTHER: "ready"}


async def test_health_follows() -> None:
    told: list[tuple[str, bool]] = []

    async def note(name: ModelName, is_serving: bool) -> None:
        told.append((name, is_serving))

    async with resident({TERN: plan(TERN)}) as models:
        await models.observe(note)
        await models.load(TERN)
        await models.unload(TERN)

    assert told == [(TERN, False), (TERN, True), (TERN, False)]


@pytest.mark.parametrize("name", ["tern-s", "gannet-l"])
@pytest.mark.parametrize("cache_tokens", [512, 32_768])
async def test_the_estimate_is_near_what_the_process_really_takes(
    name: str, cache_tokens: int
) -> None:
    file = WEIGHTS / f"{name}.gguf"
    options = replace(OPTIONS, cache_tokens=cache_tokens, context_tokens=0, slots=64)
    clock = SystemClock()
    async with NodeEngine(node=NodeName("edge-1"), clock=clock, options=options) as engine:
        await engine.load(TERN, file)
        (status,) = engine.models()
        assert status.pid is not None

        real = process_bytes(status.pid)

    assert 0.75 * real <= estimated_bytes(file, options) <= 1.5 * real
