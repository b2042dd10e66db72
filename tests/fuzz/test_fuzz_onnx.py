"""Hostile ONNX files: refused by name, or loaded in a process whose end takes nobody along."""

import asyncio
import random
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from runtime.clock import SystemClock
from runtime.errors import BackendUnavailable, ModelInvalid
from runtime.ids import ModelName, NodeName
from tests.fuzz.hostile import mutated
from tests.integration.open_inference.graphs import summing
from tests.toy_decoder import write_toy

pytestmark = pytest.mark.slow

TEXT: Final = EngineOptions(threads=1, start_limit_s=20.0)
TENSORS: Final = EngineOptions(threads=1, takes_tensors=True, start_limit_s=20.0)
LOADED: Final = ModelName("attacked")
GOOD: Final = ModelName("good")
TOLD: Final = ("model.onnx", "tokenizer.json", "tokenizer_config.json", "config.json")


async def attack(folder: Path, *, seed: int, loads: int) -> None:
    """Break one file of a decoder, or a graph of tensors, and load what is left."""
    rng = random.Random(seed)
    whole = write_toy(folder / "whole", counts_positions=True)
    good = summing(folder / "good.onnx")
    broken = folder / "broken"
    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock()) as engine:
        await engine.load(GOOD, good, options=TENSORS)
        for _ in range(loads):
            shutil.rmtree(broken, ignore_errors=True)
            shutil.copytree(whole, broken)
            file = broken / rng.choice(TOLD)
            takes_tensors = rng.random() < 0.4
            if takes_tensors:
                file = Path(shutil.copy(good, broken / "sum.onnx"))
            file.write_bytes(mutated(file.read_bytes(), rng))
            # Whatever else it raises fails the test.
            with suppress(ModelInvalid, BackendUnavailable):
                async with asyncio.timeout(60):
                    path, options = (file, TENSORS) if takes_tensors else (broken, TEXT)
                    await engine.load(LOADED, path, options=options)
                    await engine.unload(LOADED)
        assert [status.state for status in engine.models()] == ["ready"]
        assert engine.models()[0].restarts == 0


async def test_mutated_graphs_and_notes_are_refused_or_loaded_and_hurt_nobody(
    tmp_path: Path,
) -> None:
    await attack(tmp_path, seed=1, loads=8)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 110))
async def test_many_mutated_graphs(tmp_path: Path, seed: int) -> None:
    await attack(tmp_path, seed=seed, loads=1_000)
