"""Model files that are broken: one clear error, no dead daemon, no orphan."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from runtime.clock import SystemClock
from runtime.errors import BackendUnavailable, LeewardError, ModelInvalid
from runtime.ids import ModelName, NodeName
from runtime.ports import ChatMessage, Completion, GenerateRequest, Sampling

MODEL = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
NAME = ModelName("m")


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[NodeEngine]:
    options = EngineOptions(threads=1, start_limit_s=20.0, hang_limit_s=1.0, step_limit_s=2.0)
    others = set(psutil.Process().children())  # of fixtures that live as long as the session
    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock(), options=options) as engine:
        yield engine
    assert set(psutil.Process().children()) <= others


async def load(engine: NodeEngine, path: Path, data: bytes) -> None:
    await asyncio.to_thread(path.write_bytes, data)
    await engine.load(NAME, path)


async def test_a_missing_file_is_model_invalid(engine: NodeEngine, tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="no such model file"):
        await engine.load(NAME, tmp_path / "none.gguf")

    assert engine.models() == ()


@pytest.mark.parametrize("keep", [0, 3, 24, 5_000, 60_000, -1])
async def test_a_truncated_file_is_model_invalid(
    engine: NodeEngine, tmp_path: Path, keep: int
) -> None:
    with pytest.raises(ModelInvalid) as caught:
        await load(engine, tmp_path / "cut.gguf", MODEL.read_bytes()[:keep])

    assert "cut.gguf" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"llama.block_count", b"llama.block_cownt"),
        (b"tokenizer.ggml.tokens", b"tokenizer.ggml.tokenz"),
        (b"blk.0.attn_q.weight", b"blk.0.attn_z.weight"),
        (b"llama", b"lhama"),
        (b"{% for message", b"{% fur message"),
    ],
)
async def test_a_file_that_only_libllama_can_judge_is_model_invalid(
    engine: NodeEngine, tmp_path: Path, old: bytes, new: bytes
) -> None:
    data = MODEL.read_bytes()
    assert old in data

    with pytest.raises(ModelInvalid) as caught:
        await load(engine, tmp_path / "odd.gguf", data.replace(old, new))

    assert "\n" not in str(caught.value)
    assert engine.models() == ()


async def test_random_damage_never_reaches_the_daemon(engine: NodeEngine, tmp_path: Path) -> None:
    whole = MODEL.read_bytes()
    header = whole.index(b"blk.0.attn") + 2000
    rng = random.Random(20261124)
    for number in range(12):
        data = bytearray(whole)
        for _ in range(3):
            data[rng.randrange(header)] = rng.randrange(256)
        try:
            await load(engine, tmp_path / f"{number}.gguf", bytes(data))
        except (ModelInvalid, BackendUnavailable) as error:
            assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
            continue
        request = GenerateRequest(
            NAME, (ChatMessage("user", "Hi"),), Sampling(max_tokens=3), timeout_s=5.0
        )
        try:
            async for _ in engine.generate(request):
                pass
        except LeewardError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
        await engine.unload(NAME)

    await engine.load(NAME, MODEL)
    assert engine.models()[0].state == "ready"


async def test_a_wrong_digest_is_model_invalid(engine: NodeEngine) -> None:
    with pytest.raises(ModelInvalid, match="SHA-256"):
        await engine.load(NAME, MODEL, sha256="0" * 64)


async def test_two_models_serve_side_by_side_and_one_can_go(engine: NodeEngine) -> None:
    other = MODEL.with_name("gannet-m.gguf")
    await asyncio.gather(
        engine.load(ModelName("small"), MODEL), engine.load(ModelName("large"), other)
    )

    sizes = [status.facts.parameters for status in engine.models() if status.facts]
    await engine.unload(ModelName("large"))

    assert [status.name for status in engine.models()] == ["small"]
    assert sizes[0] > sizes[1]  # by name: large, small
    request = GenerateRequest(
        ModelName("small"), (ChatMessage("user", "Hi"),), Sampling(max_tokens=2)
    )
    *_, last = [chunk async for chunk in engine.generate(request)]
    assert isinstance(last, Completion)


async def test_a_model_unloaded_while_it_loads_leaves_nobody_waiting(engine: NodeEngine) -> None:
    loading = asyncio.create_task(engine.load(NAME, MODEL))
    await asyncio.sleep(0)

    await engine.unload(NAME)

    async with asyncio.timeout(10.0):
        with pytest.raises(BackendUnavailable, match="unloaded"):
            await loading
    assert engine.models() == ()


async def test_a_cancelled_load_leaves_no_process(engine: NodeEngine) -> None:
    others = set(psutil.Process().children())
    loading = asyncio.create_task(engine.load(NAME, MODEL))
    async with asyncio.timeout(10.0):
        while set(psutil.Process().children()) <= others:  # noqa: ASYNC110 - no event for it
            await asyncio.sleep(0.005)

    loading.cancel()

    with pytest.raises(asyncio.CancelledError):
        await loading
    assert engine.models() == ()
