"""A decoder as Optimum exports it: the engine says what Transformers itself says."""

import asyncio
import json
from pathlib import Path

from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from runtime.clock import SystemClock
from runtime.ids import ModelName, NodeName
from runtime.ports import ChatMessage, Completion, GenerateRequest, Sampling, TextDelta

EXPORT = Path(__file__).parents[1] / "data" / "exported_llama"
NAME = ModelName("exported")


async def test_greedy_answers_are_those_of_transformers_alone_and_together() -> None:
    notes = json.loads((EXPORT / "expected.json").read_text(encoding="utf-8"))
    expected = [one["answer"] for one in notes["answers"]]
    sampling = Sampling(
        temperature=0.0,
        max_tokens=notes["max_tokens"],
        logit_bias=tuple((token, -100.0) for token in notes["never"]),
    )
    options = EngineOptions(threads=1, batch_tokens=16)
    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock(), options=options) as engine:
        facts = await engine.load(NAME, EXPORT)

        async def answered(prompt: str) -> str:
            request = GenerateRequest(NAME, (ChatMessage("user", prompt),), sampling)
            *deltas, last = [item async for item in engine.generate(request)]
            assert isinstance(last, Completion)
            return "".join(item.text for item in deltas if isinstance(item, TextDelta))

        prompts = [one["prompt"] for one in notes["answers"]]
        alone = [await answered(prompt) for prompt in prompts]
        together = await asyncio.gather(*map(answered, prompts))

    assert facts.has_chat_template
    assert alone == expected
    assert together == expected
    assert len(set(expected)) == len(expected)
