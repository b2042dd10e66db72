"""From kept requests to an adapter in use: export, register, gate, use, roll back; and models."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from bench.random_gguf import Shape, write_adapter
from edge.capture.settings import CaptureSettings
from edge.capture.store import CaptureStore, Example
from edge.capture.trial import OnTrial, on_trial
from edge.cli import app
from edge.config import load_config
from edge.engine.options import EngineOptions
from reference.tabulated.questions import draw_questions
from runtime.clock import SystemClock
from runtime.ids import ModelName, RequestId
from runtime.labels import PUBLIC
from runtime.ports import ChatMessage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

WEIGHTS = Path(__file__).parents[2] / "reference" / "weights"
SHAPE = Shape(
    layers=4, width=96, heads=4, kv_heads=4, ffn_width=256, vocabulary=512, context_tokens=512
)
CONFIG = """\
leeward: edge/v1
policy: policy.yaml
catalog: catalog.yaml
graphs: graphs
default_graph: g
state: state
gateway: null
models: {small: {file: tern-s, threads: 1, adapters: {polite: polite}}}
capture: {}
"""
EXAMPLES = 8
GATE = ("--margin", "0.35", "--confidence", "0.9")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("swap")
    (root / "edge.yaml").write_text(CONFIG)
    for name in ("tern-s", "tern-xs"):
        run(root / "edge.yaml", "pull", str(WEIGHTS / f"{name}.gguf"))
    write_adapter(root / "same.gguf", SHAPE, strength=0.0)
    write_adapter(root / "wild.gguf", SHAPE, strength=3.0)
    return root / "edge.yaml"


@pytest.fixture(scope="module")
def examples(config: Path) -> Path:
    """What the model in use answers, kept, judged right, and exported."""
    asyncio.run(keep_answers(config))
    out = config.parent / "data.jsonl"
    run(config, "capture", "export", "--out", str(out), "--verdict", "right")
    return out


async def keep_answers(config: Path) -> None:
    loaded = load_config(config)
    store = CaptureStore(loaded.state / "capture", CaptureSettings(), clock=SystemClock())
    name = ModelName("small")
    async with on_trial({name: OnTrial(loaded.models[0].file)}, EngineOptions(threads=1)) as ask:
        for number, question in enumerate(draw_questions(32)[:EXAMPLES]):
            turns = (ChatMessage("user", question.text),)
            answer = await ask(name, turns, PUBLIC)
            store.add(Example(RequestId(f"r{number}"), turns, answer, (), "g"))
            store.judge(RequestId(f"r{number}"), "right")
    store.close()


def run(config: Path, *words: str, code: int = 0) -> Any:
    done: Result = CliRunner().invoke(app, [*words, "-c", str(config), "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_a_gate_lets_the_harmless_in_and_keeps_the_harmful_out(
    config: Path, examples: Path
) -> None:
    for file in ("same", "wild"):
        where = str(config.parent / f"{file}.gguf")
        made = run(config, "adapters", "register", where, "--name", "polite", "--model", "small")
    gate = ("--gate", str(examples), *GATE)

    first = run(config, "adapters", "use", "polite", "1", *gate)
    second = run(config, "adapters", "use", "polite", "2", *gate, code=3)
    forced = run(config, "adapters", "use", "polite", "2", "--ungated")
    back = run(config, "adapters", "rollback", "polite")

    assert (made["version"], made["rank"]) == (2, 4)
    assert first["gate"]["candidate_right"] == first["gate"]["current_right"] == EXAMPLES
    assert second["gate"]["candidate_right"] < EXAMPLES / 2
    assert second["gate"]["most_loss"] > 0.35
    assert forced["gate"] is None
    assert back["active"] == 1


def test_a_smaller_model_does_not_take_a_larger_ones_place_unseen(
    config: Path, examples: Path
) -> None:
    models = config.parent / "state" / "models"
    old = (models / "tern-s.gguf").read_bytes()

    refused = run(
        config, "models", "swap", "small", "tern-xs", "--gate", str(examples), *GATE, code=3
    )
    kept = (models / "tern-s.gguf").read_bytes()
    run(config, "models", "swap", "small", "tern-xs", "--ungated")
    swapped = (models / "tern-s.gguf").read_bytes()
    run(config, "models", "swap", "small", "tern-xs", "--ungated")

    assert refused["gate"]["candidate_right"] < EXAMPLES
    assert kept == old != swapped
    assert (models / "tern-s.gguf").read_bytes() == old


def test_a_gate_is_given_or_done_without_by_name(config: Path) -> None:
    where = str(config.parent / "same.gguf")
    run(config, "adapters", "register", where, "--name", "bare", "--model", "small")

    done = CliRunner().invoke(app, ["adapters", "use", "bare", "1", "-c", str(config)])

    assert done.exit_code == 15
    assert "give --gate FILE, or say --ungated" in done.output
