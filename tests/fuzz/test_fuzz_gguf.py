"""Hostile model files: refused by name, or loaded in a process whose end takes nobody along."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Final

import pytest

from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from edge.models.gguf_check import check_gguf
from edge.models.memory import estimated_bytes
from runtime.clock import SystemClock
from runtime.errors import (
    BackendUnavailable,
    ContextOverflow,
    DeadlineExceeded,
    EngineCrashed,
    LeewardError,
    ModelInvalid,
    RequestInvalid,
)
from runtime.ids import ModelName, NodeName
from tests.fuzz.hostile import gguf_files
from tests.fuzz.hostile_models import TEMPLATES, Gguf, lying_files
from tests.integration.engine_calls import ask_of, finish

pytestmark = pytest.mark.slow

MODEL: Final = (Path(__file__).parents[2] / "reference" / "weights" / "tern-xs.gguf").read_bytes()
HEADER_BYTES: Final = MODEL.index(b"output_norm.weight") + 200
OPTIONS: Final = EngineOptions(
    threads=1,
    context_tokens=256,
    cache_tokens=256,
    start_limit_s=10.0,
    step_limit_s=2.0,
    hang_limit_s=2.0,
)
LOADED: Final = ModelName("attacked")
GOOD: Final = ModelName("good")
REFUSED: Final = (ModelInvalid, BackendUnavailable)
ENDINGS: Final = (
    BackendUnavailable,
    ContextOverflow,
    DeadlineExceeded,
    EngineCrashed,
    RequestInvalid,
)
BACK_S: Final = 20.0
"""A death is survived within 5 s on a quiet machine."""


def survivors(folder: Path, files: Iterator[bytes]) -> list[Path]:
    """Return the files that the check of headers lets pass; all others it has refused."""
    passed = []
    for number, data in enumerate(files):
        file = folder / f"{number}.gguf"
        file.write_bytes(data)
        try:
            check_gguf(file)
            assert estimated_bytes(file, OPTIONS) >= len(data)
        except ModelInvalid as error:
            require_sentence(error, file)
            file.unlink()
        else:
            passed.append(file)
    return passed


def require_sentence(error: LeewardError, file: Path) -> None:
    """Fail unless an error names the file and says something short about it, in one line."""
    text = str(error)
    assert text.startswith(str(file))
    assert "\n" not in text
    assert 5 < len(text) - len(str(file)) < 500, text


async def attack(folder: Path, files: list[Path]) -> Counter[str]:
    """Load and ask each file's model while another one goes on serving; return what came of it."""
    ends = Counter[str]()
    good = folder / "good.gguf"
    good.write_bytes(MODEL)
    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock(), options=OPTIONS) as engine:
        await engine.load(GOOD, good)
        for file in files:
            # Whatever else it raises fails the test.
            async with asyncio.timeout(60):
                ends[await loaded_and_asked(engine, file)] += 1
            async with asyncio.timeout(BACK_S):
                await finish(engine, ask_of(GOOD, "Hello", max_tokens=1))
        assert [status.state for status in engine.models()] == ["ready"]
        assert engine.models()[0].restarts == 0
    return ends


async def loaded_and_asked(engine: NodeEngine, file: Path) -> str:
    """Return what came of a file: how its model refused to be loaded, or to answer."""
    try:
        await engine.load(LOADED, file)
    except REFUSED as error:
        require_sentence(error, file)
        return f"not loaded: {type(error).__name__}"
    try:
        await finish(engine, ask_of(LOADED, "Hello", max_tokens=4, timeout_s=6.0))
    except ENDINGS as error:
        await back(engine)
        return f"loaded: {type(error).__name__}"
    finally:
        await engine.unload(LOADED)
    return "loaded: answered"


async def back(engine: NodeEngine) -> None:
    """Wait until the attacked model's process is there (again)."""
    until_s = monotonic() + BACK_S
    while next(one for one in engine.models() if one.name == LOADED).state != "ready":
        assert monotonic() < until_s, "it did not come back"
        await asyncio.sleep(0.01)


async def test_mutated_models_are_refused_or_loaded_and_hurt_nobody(tmp_path: Path) -> None:
    files = survivors(tmp_path, islice(gguf_files(MODEL, HEADER_BYTES, random.Random(1)), 400))
    assert 0 < len(files) < 400
    await attack(tmp_path, files[:2])


async def test_models_that_lie_are_refused_or_loaded_and_hurt_nobody(tmp_path: Path) -> None:
    files = survivors(tmp_path, islice(lying_files(MODEL, random.Random(1)), 60))
    assert len(files) > 40
    await attack(tmp_path, files[:3])


async def test_a_hostile_chat_template_ends_its_own_call_or_is_not_loaded(tmp_path: Path) -> None:
    files = templates(tmp_path, "never ends", "climbs by a global", "is brackets")

    assert await attack(tmp_path, files) == {
        "loaded: EngineCrashed": 1,
        "loaded: RequestInvalid": 1,
        "not loaded: ModelInvalid": 1,
    }


def templates(folder: Path, *which: str) -> list[Path]:
    """Write a model with each of these templates."""
    whole = Gguf.read(MODEL)
    files = []
    for number, does in enumerate(which):
        files.append(folder / f"template-{number}.gguf")
        files[-1].write_bytes(whole.with_template(TEMPLATES[does]).written())
    return files


@pytest.mark.long
async def test_every_hostile_chat_template(tmp_path: Path) -> None:
    ends = await attack(tmp_path, templates(tmp_path, *TEMPLATES))
    assert ends["loaded: RequestInvalid"] > 5


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 110))
async def test_a_hundred_hostile_models(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    mutated = survivors(tmp_path, islice(gguf_files(MODEL, HEADER_BYTES, rng), 400))
    (tmp_path / "lying").mkdir()
    lying = survivors(tmp_path / "lying", islice(lying_files(MODEL, rng), 120))
    files = (mutated[:30] + lying)[:100]
    assert len(files) == 100
    assert len(await attack(tmp_path, files)) > 2
