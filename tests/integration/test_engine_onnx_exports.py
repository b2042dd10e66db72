"""Exports of many shapes: what each must say is known, and what cannot be served says why."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from runtime.clock import SystemClock
from runtime.errors import ContextOverflow, ModelInvalid, RequestInvalid
from runtime.ids import ModelName, NodeName
from runtime.ports import Completion
from tests.integration.engine_calls import ask_of, said, serving_model
from tests.toy_decoder import CONTEXT_TOKENS, expected_text, tokens_of, write_toy

NAME = ModelName("toy")
OPTIONS = EngineOptions(threads=1, batch_tokens=7)
PROMPTS = ["a", "abba cab", "f" * 30, "é a", "jj i", "bad cafe " * 9]


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[NodeEngine]:
    async with serving_model(NAME, path, OPTIONS) as engine:
        yield engine


async def answered(engine: NodeEngine, text: str, **sampling: Any) -> tuple[str, Completion]:
    deltas, last = await said(engine, ask_of(NAME, text, max_tokens=40, **sampling))
    return "".join(item.text for item in deltas), last


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"counts_positions": True},
        {"ids": "INT32", "cache": "FP16", "counts_positions": True},
        {"has_branch": True, "last_row_only": True},
        {"minds_neighbours": True},
        {"rows_asked": True},
    ],
    ids=["plain", "positions", "narrow", "merged", "neighbours", "rows"],
)
async def test_every_shape_of_export_says_what_it_must(
    tmp_path: Path, shape: dict[str, Any]
) -> None:
    counts = bool(shape.get("counts_positions"))
    expected = [expected_text(text, max_tokens=40, counts_positions=counts) for text in PROMPTS]

    async with serving(write_toy(tmp_path / "toy", **shape)) as engine:
        alone = [(await answered(engine, text))[0] for text in PROMPTS]
        together = await asyncio.gather(*(answered(engine, text) for text in PROMPTS))

    assert alone == expected
    assert [text for text, _ in together] == expected
    assert len(set(expected)) > 2


async def test_prompt_and_answer_share_the_context_that_its_notes_name(tmp_path: Path) -> None:
    async with serving(write_toy(tmp_path / "toy")) as engine:
        with pytest.raises(ContextOverflow):
            await answered(engine, "a" * CONTEXT_TOKENS)
        _, last = await answered(engine, "ab")

        assert last.usage.prompt_tokens == len(tokens_of("ab"))


async def test_grammars_stops_and_biases_hold_for_pieces_of_any_kind(tmp_path: Path) -> None:
    async with serving(write_toy(tmp_path / "toy")) as engine:
        bytewise, _ = await answered(engine, "a", grammar='root ::= "é" [a-c] " " "é"')
        forced, _ = await answered(engine, "a", logit_bias=((8, 100.0),))
        stopped, _ = await answered(engine, "a", logit_bias=((8, 100.0),), stop=("ccc",))
        with pytest.raises(RequestInvalid, match="logit_bias: token 16"):
            await answered(engine, "a", logit_bias=((16, 1.0),))

    assert bytewise[0] == "é"
    assert bytewise[1] in "abc"
    assert bytewise[2:] == " é"
    assert forced == "c" * 40
    assert stopped == ""


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ({"forgets": True}, "behind a cache is not what it computes without one"),
        ({"keeps": 3}, r"it keeps \[3\] of 5 tokens"),
        ({"extra_input": "token_type_ids"}, "asks for an input token_type_ids"),
        ({"cache": "BF16"}, r"past_key_values.0.key is tensor\(bfloat16\)"),
        ({"ids": "FP32"}, r"input_ids is tensor\(float\)"),
    ],
)
async def test_an_export_that_cannot_be_served_is_refused_in_a_sentence(
    tmp_path: Path, shape: dict[str, Any], reason: str
) -> None:
    path = write_toy(tmp_path / "toy", **shape)

    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock(), options=OPTIONS) as engine:
        with pytest.raises(ModelInvalid, match=reason) as refusal:
            await engine.load(NAME, path)

    assert "\n" not in str(refusal.value)


async def test_without_a_word_on_the_context_the_configuration_must_say_it(tmp_path: Path) -> None:
    path = write_toy(tmp_path / "toy")
    (path / "config.json").write_text(json.dumps({"eos_token_id": 2}))

    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock(), options=OPTIONS) as engine:
        with pytest.raises(ModelInvalid, match="set `context_tokens`"):
            await engine.load(NAME, path)
        facts = await engine.load(NAME, path, options=EngineOptions(context_tokens=100))

    assert facts.context_tokens <= 256


async def test_without_an_end_token_a_model_is_refused(tmp_path: Path) -> None:
    path = write_toy(tmp_path / "toy")
    (path / "config.json").write_text(json.dumps({"max_position_embeddings": 64}))
    (path / "tokenizer_config.json").unlink()

    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock(), options=OPTIONS) as engine:
        with pytest.raises(ModelInvalid, match="names a token with which its answers end"):
            await engine.load(NAME, path)
