"""Guesses save decodes and change nothing of what is said."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.engine.engine import LlamaEngine
from edge.engine.options import EngineOptions
from edge.engine.traffic import Traffic
from runtime.clock import SystemClock
from runtime.ids import ModelName, NodeName
from runtime.ports import (
    ChatMessage,
    Completion,
    FinishReason,
    GenerateRequest,
    Sampling,
    TextDelta,
)

MODEL = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
NAME = ModelName("tern-s")
OPTIONS = EngineOptions(threads=1, queue_limit=64, kept_prefixes=0)
QUESTIONS = [
    f"A ward has {number} beds. Each bed needs {number + 2} sheets. How many sheets are needed?"
    for number in range(2, 8)
]
REPEATING = 'root ::= ("two cats and a dog; "){12}'
PAIRS = "root ::= ([a-c] [a-c]){20}"


async def answers(
    *, guesses: bool, requests: list[GenerateRequest]
) -> tuple[list[tuple[str, Completion]], Traffic]:
    """Return the text and the completion of each request, and what the engine counted."""
    options = replace(OPTIONS, guesses=guesses)
    found: list[tuple[str, Completion]] = []
    async with LlamaEngine(node=NodeName("edge-1"), clock=SystemClock(), options=options) as engine:
        await engine.load(NAME, MODEL)
        for request in requests:
            *deltas, last = [item async for item in engine.generate(request)]
            assert isinstance(last, Completion)
            text = "".join(item.text for item in deltas if isinstance(item, TextDelta))
            found.append((text, last))
        (status,) = engine.models()
        assert status.restarts == 0
        return found, status.traffic


def ask(content: str, **sampling: Any) -> GenerateRequest:
    return GenerateRequest(NAME, (ChatMessage("user", content),), Sampling(**sampling))


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
    guessed, _ = await answers(guesses=True, requests=requests)

    assert without.guessed_tokens == 0
    for (text, end), (other, other_end) in zip(plain, guessed, strict=True):
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
