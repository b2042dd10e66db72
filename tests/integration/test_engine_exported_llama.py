"""A decoder as Optimum exports it: the engine says what Transformers itself says."""

import asyncio
import json
from pathlib import Path

from edge.engine.options import EngineOptions
from runtime.ids import ModelName
from tests.integration.engine_calls import ask_of, said, serving_model

EXPORT = Path(__file__).parents[1] / "data" / "exported_llama"
NAME = ModelName("exported")


async def test_greedy_answers_are_those_of_transformers_alone_and_together() -> None:
    notes = json.loads((EXPORT / "expected.json").read_text(encoding="utf-8"))
    expected = [one["answer"] for one in notes["answers"]]
    never = tuple((token, -100.0) for token in notes["never"])
    options = EngineOptions(threads=1, batch_tokens=16)
    async with serving_model(NAME, EXPORT, options) as engine:

        async def answered(prompt: str) -> str:
            request = ask_of(NAME, prompt, max_tokens=notes["max_tokens"], logit_bias=never)
            return "".join(delta.text for delta in (await said(engine, request))[0])

        prompts = [one["prompt"] for one in notes["answers"]]
        alone = [await answered(prompt) for prompt in prompts]
        together = await asyncio.gather(*map(answered, prompts))

    assert alone == expected
    assert together == expected
    assert len(set(expected)) == len(expected)
