"""Guesses save decodes and change nothing of what is said."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.random_gguf import Shape, write_model
from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from edge.engine.traffic import Traffic
from runtime.clock import SystemClock
from runtime.errors import ModelInvalid
from runtime.ids import ModelName, NodeName
from runtime.ports import (
    Completion,
    FinishReason,
    GenerateRequest,
)
from tests.integration.engine_calls import ask_of, collect, serving_model

WEIGHTS = Path(__file__).parents[2] / "reference" / "weights"
MODEL = WEIGHTS / "tern-s.gguf"
DRAFT = WEIGHTS / "tern-xs.gguf"
NAME = ModelName("tern-s")
OPTIONS = EngineOptions(threads=1, queue_limit=64, kept_prefixes=0)
QUESTIONS = [
    f"A ward has {number} beds. Each bed needs {number + 2} sheets. How many sheets are needed?"
    for number in range(2, 8)
]
TINY = Shape(
    layers=1, width=64, heads=2, kv_heads=2, ffn_width=64, vocabulary=512, context_tokens=512
)
REPEATING = 'root ::= ("two cats and a dog; "){12}'
PAIRS = "root ::= ([a-c] [a-c]){20}"


async def answers(
    *, guesses: bool, requests: list[GenerateRequest], draft: Path | None = None
) -> tuple[list[tuple[str, Completion]], Traffic]:
    """Return the text and the completion of each request, and what the engine counted."""
    options = replace(OPTIONS, guesses=guesses, draft=draft)
    found: list[tuple[str, Completion]] = []
    async with serving_model(NAME, MODEL, options) as engine:
        for request in requests:
            text, last, _ = await collect(engine, request)
            found.append((text, last))
        (status,) = engine.models()
        assert status.restarts == 0
        return found, status.traffic


def ask(content: str, **sampling: Any) -> GenerateRequest:
    return ask_of(NAME, content, **sampling)


@pytest.mark.parametrize(
    "sampling",
    [
        {"max_tokens": 120},
        {"max_tokens": 120, "temperature": 1.0, "seed": 5},
        {"max_tokens": 200, "grammar": REPEATING},
        {"max_tokens": 60, "grammar": PAIRS, "temperature": 1.5, "seed": 2},
        {"max_tokens": 120, "repeat_penalty": 1.3, "frequency_penalty": 0.5},
        {"max_tokens": 120, "stop": ("sheets",)},
        {"max_tokens": 9},
    ],
)
async def test_every_way_of_sampling_says_the_same_with_and_without(
    sampling: dict[str, Any],
) -> None:
    requests = [ask(question, **sampling) for question in QUESTIONS]

    plain, without = await answers(guesses=False, requests=requests)
    looked_up, _ = await answers(guesses=True, requests=requests)
    # A model with a draft computes attention otherwise, guessing or not: other last bits.
    resting, at_rest = await answers(guesses=False, requests=requests, draft=DRAFT)
    drafted, _ = await answers(guesses=True, requests=requests, draft=DRAFT)

    assert without.guessed_tokens == at_rest.guessed_tokens == 0
    for told, guessed in ((plain, looked_up), (resting, drafted)):
        for (text, end), (other, other_end) in zip(told, guessed, strict=True):
            assert other == text
            assert other_end.finish_reason is end.finish_reason
            assert other_end.usage == end.usage


async def test_a_text_that_repeats_is_mostly_guessed() -> None:
    request = ask("Hello", max_tokens=400, grammar=REPEATING)

    ((text, end),), traffic = await answers(guesses=True, requests=[request])

    assert text == "two cats and a dog; " * 12
    assert end.finish_reason is FinishReason.STOP
    assert traffic.right_guesses > 0.6 * end.usage.completion_tokens
    assert traffic.right_guesses > 0.7 * traffic.guessed_tokens


async def test_an_answer_may_fill_the_context_to_the_last_token() -> None:
    request = ask("x", max_tokens=100_000, grammar='root ::= "ab" root')

    ((_, end),), _ = await answers(guesses=True, requests=[request])

    assert end.finish_reason is FinishReason.LENGTH
    assert end.usage.prompt_tokens + end.usage.completion_tokens == 1024


async def test_a_draft_guesses_what_no_text_says_and_is_mostly_right() -> None:
    requests = [ask(question, max_tokens=120) for question in QUESTIONS * 2]

    _, traffic = await answers(guesses=True, requests=requests, draft=DRAFT)

    # How many are made depends on what they cost on a machine that may be busy.
    assert traffic.right_guesses > 0.4 * traffic.guessed_tokens > 0


async def test_drawn_answers_have_the_distribution_that_they_have_without_guesses() -> None:
    # Equal seeds give equal texts, so equal distributions; a rule that favoured what the draft
    # says would change some of these.
    requests = [
        ask(QUESTIONS[seed % len(QUESTIONS)], max_tokens=12, temperature=1.3, seed=seed)
        for seed in range(60)
    ]

    plain, _ = await answers(guesses=False, requests=requests, draft=DRAFT)
    drafted, traffic = await answers(guesses=True, requests=requests, draft=DRAFT)

    assert [text for text, _ in drafted] == [text for text, _ in plain]
    assert len({text for text, _ in plain}) > 20
    assert 0 < traffic.right_guesses < traffic.guessed_tokens


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"draft": WEIGHTS / "missing.gguf"}, "missing"),
        ({"draft": DRAFT, "is_deterministic": True}, "take no draft"),
    ],
)
async def test_a_draft_that_cannot_serve_is_refused_in_a_sentence(
    options: dict[str, Any], reason: str
) -> None:
    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock()) as engine:
        with pytest.raises(ModelInvalid, match=reason):
            await engine.load(NAME, MODEL, options=replace(OPTIONS, **options))


async def test_a_draft_with_another_vocabulary_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    write_model(other, TINY)
    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock()) as engine:
        with pytest.raises(ModelInvalid, match="has another vocabulary"):
            await engine.load(NAME, MODEL, options=replace(OPTIONS, draft=other))
