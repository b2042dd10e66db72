"""Hostile model files: refused by name, or loaded in a process whose end takes nobody along."""

import asyncio
import random
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

import pytest

from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from edge.models.gguf_check import check_gguf
from edge.models.memory import estimated_bytes
from runtime.clock import SystemClock
from runtime.errors import BackendUnavailable, ModelInvalid
from runtime.ids import ModelName, NodeName
from tests.fuzz.hostile import gguf_files

pytestmark = pytest.mark.slow

MODEL: Final = (Path(__file__).parents[2] / "reference" / "weights" / "tern-xs.gguf").read_bytes()
HEADER_BYTES: Final = MODEL.index(b"output_norm.weight") + 200
OPTIONS: Final = EngineOptions(threads=1, context_tokens=256, cache_tokens=256, start_limit_s=20.0)
LOADED: Final = ModelName("attacked")
GOOD: Final = ModelName("good")


def survivors(folder: Path, seed: int, count: int) -> list[Path]:
    """Return the files that the check of headers lets pass; all others it has refused."""
    passed = []
    for number, data in enumerate(
        islice(gguf_files(MODEL, HEADER_BYTES, random.Random(seed)), count)
    ):
        file = folder / f"{number}.gguf"
        file.write_bytes(data)
        try:
            check_gguf(file)
            assert estimated_bytes(file, OPTIONS) >= len(data)
        except ModelInvalid:
            file.unlink()
        else:
            passed.append(file)
    return passed


async def attack(folder: Path, *, seed: int, count: int, loads: int) -> None:
    good = folder / "good.gguf"
    good.write_bytes(MODEL)
    files = survivors(folder, seed, count)
    assert 0 < len(files) < count
    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock(), options=OPTIONS) as engine:
        await engine.load(GOOD, good)
        for file in files[:loads]:
            # Whatever else it raises fails the test.
            with suppress(ModelInvalid, BackendUnavailable):
                async with asyncio.timeout(60):
                    await engine.load(LOADED, file)
                    await engine.unload(LOADED)
        assert [status.state for status in engine.models()] == ["ready"]
        assert engine.models()[0].restarts == 0


@pytest.mark.parametrize("seed", [1])
async def test_mutated_models_are_refused_or_loaded_and_hurt_nobody(
    tmp_path: Path, seed: int
) -> None:
    await attack(tmp_path, seed=seed, count=400, loads=8)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 110))
async def test_many_mutated_models(tmp_path: Path, seed: int) -> None:
    await attack(tmp_path, seed=seed, count=5_000, loads=1_000)
