"""LoRA adapters on the real engine: what they change, and what one of another model does."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from bench.random_gguf import Shape, write_adapter, write_model
from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from runtime.errors import ModelInvalid
from runtime.ids import ModelName
from tests.integration.engine_calls import ask_of, collect, serving_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHAPE = Shape(
    layers=2, width=64, heads=2, kv_heads=1, ffn_width=128, vocabulary=512, context_tokens=256
)
OPTIONS = EngineOptions(threads=1)
BASE, ZERO, OTHER = ModelName("base"), ModelName("base+zero"), ModelName("base+other")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("adapters")
    write_model(directory / "base.gguf", SHAPE)
    write_adapter(directory / "zero.gguf", SHAPE, strength=0.0)
    write_adapter(directory / "other.gguf", SHAPE)
    write_adapter(directory / "wider.gguf", replace(SHAPE, width=128))
    write_adapter(directory / "deeper.gguf", replace(SHAPE, layers=3))
    write_adapter(directory / "foreign.gguf", SHAPE, architecture="qwen2")
    (directory / "cut.gguf").write_bytes((directory / "other.gguf").read_bytes()[:-4000])
    return directory


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def engine(files: Path) -> AsyncIterator[NodeEngine]:
    async with serving_model(BASE, files / "base.gguf", OPTIONS) as engine:
        for name, file in ((ZERO, "zero.gguf"), (OTHER, "other.gguf")):
            adapted = replace(OPTIONS, adapter=files / file)
            await engine.load(name, files / "base.gguf", options=adapted)
        yield engine


async def answer(engine: NodeEngine, model: ModelName) -> str:
    return (await collect(engine, ask_of(model, "Hello", max_tokens=24)))[0]


async def test_an_adapter_changes_the_answer_unless_it_holds_zeros(engine: NodeEngine) -> None:
    base = await answer(engine, BASE)

    assert base
    assert await answer(engine, ZERO) == base
    assert await answer(engine, OTHER) != base
    assert await answer(engine, BASE) == base


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("wider.gguf", "incorrect shape"),
        ("deeper.gguf", "does not exist"),
        ("foreign.gguf", "arch"),
        ("base.gguf", "adapter"),
        ("cut.gguf", "truncated"),
        ("none.gguf", "no such model file"),
    ],
)
async def test_an_adapter_that_does_not_fit_is_refused_in_a_sentence(
    engine: NodeEngine, files: Path, file: str, reason: str
) -> None:
    options = replace(OPTIONS, adapter=files / file)

    with pytest.raises(ModelInvalid, match=reason) as refused:
        await engine.load(ModelName("base+bad"), files / "base.gguf", options=options)

    assert file in str(refused.value)
    assert "\n" not in str(refused.value)
    assert {status.name for status in engine.models()} == {BASE, ZERO, OTHER}
