"""Tools on the real engine: what the grammar promises, whatever the model would like to say."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from runtime.errors import RequestInvalid
from runtime.ids import ModelName
from runtime.ports import (
    ChatMessage,
    Completion,
    FinishReason,
    GenerateRequest,
    Sampling,
    ToolCall,
    ToolDefinition,
)
from tests.integration.engine_calls import collect, said, serving_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODEL = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
NAME = ModelName("tern-s")
DOSE = ToolDefinition(
    "dose",
    "Notes a dose.",
    json.dumps(
        {
            "type": "object",
            "properties": {"mg": {"enum": [1, 2, 4]}, "at_night": {"type": "boolean"}},
            "required": ["mg", "at_night"],
        }
    ),
)
NOW = ToolDefinition("now", "Tells the time.")
END_LATE = ((1, -20.0),)
"""Has the model go on as long as the grammar lets it: 1 is its end token."""
ASK = ChatMessage("user", "How much is 3 and 1?")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def engine() -> AsyncIterator[NodeEngine]:
    async with serving_model(NAME, MODEL, EngineOptions(threads=1)) as engine:
        yield engine


async def answer(
    engine: NodeEngine, *messages: ChatMessage, sampling: dict[str, Any] | None = None, **more: Any
) -> tuple[str, Completion, int]:
    settings = Sampling(**{"max_tokens": 200, **(sampling or {})})
    request = GenerateRequest(NAME, messages or (ASK,), settings, **more)
    text, last, deltas = await collect(engine, request)
    return text, last, sum(delta.tokens for delta in deltas)


@pytest.mark.parametrize("choice", ["required", "dose"])
@pytest.mark.parametrize("temperature", [0.0, 1.5])
async def test_a_call_that_must_come_comes_with_good_arguments(
    engine: NodeEngine, choice: str, temperature: float
) -> None:
    for seed in range(3):
        text, completion, tokens = await answer(
            engine,
            tools=(DOSE, NOW),
            tool_choice=choice,
            sampling={"temperature": temperature, "seed": seed},
        )

        assert text == ""
        assert completion.finish_reason is FinishReason.TOOL_CALLS
        assert tokens == completion.usage.completion_tokens
        assert len(completion.tool_calls) == 1 or choice == "required"
        for call in completion.tool_calls:
            check_call(call)


def check_call(call: ToolCall) -> None:
    assert call.id.startswith("call_")
    arguments = json.loads(call.arguments)
    if call.name == "dose":
        assert arguments.keys() == {"mg", "at_night"}
        assert arguments["mg"] in {1, 2, 4}
    else:
        assert (call.name, arguments) == ("now", {})


async def test_several_calls_come_where_they_may_and_one_where_not(engine: NodeEngine) -> None:
    counts = []
    for is_parallel in (True, False):
        sampling = {
            "logit_bias": END_LATE,
            "max_tokens": 1000,
            "parallel_tool_calls": is_parallel,
        }
        _, completion, _ = await answer(
            engine, tools=(DOSE, NOW), tool_choice="required", sampling=sampling
        )
        assert completion.finish_reason is FinishReason.TOOL_CALLS
        counts.append(len(completion.tool_calls))
        for call in completion.tool_calls:
            check_call(call)

    assert counts == [8, 1]


async def test_arguments_are_told_as_the_model_writes_them(engine: NodeEngine) -> None:
    # One text that must be, so that the pieces can be compared with it.
    note = ToolDefinition(
        "note",
        parameters=json.dumps(
            {
                "type": "object",
                "properties": {"text": {"const": "a tablet in the morning " * 12}},
                "required": ["text"],
            }
        ),
    )
    request = GenerateRequest(
        NAME, (ASK,), Sampling(max_tokens=500), tools=(note,), tool_choice="note"
    )

    deltas, completion = await said(engine, request)

    (call,) = completion.tool_calls
    pieces = [piece for delta in deltas for piece in delta.tool_calls]
    assert "".join(piece.arguments for piece in pieces) == call.arguments
    assert {(pieces[0].id, pieces[0].name)} == {(call.id, "note")}
    assert not any(piece.id or piece.name or piece.place for piece in pieces[1:])
    assert len(pieces) > 1


async def test_a_strict_tool_leaves_an_answer_or_a_good_call(engine: NodeEngine) -> None:
    strict = ToolDefinition("dose", DOSE.description, DOSE.parameters, is_strict=True)

    for seed in range(4):
        text, completion, _ = await answer(
            engine, tools=(strict,), sampling={"temperature": 1.5, "seed": seed, "max_tokens": 60}
        )

        assert bool(text) is not bool(completion.tool_calls)
        assert not text.startswith(("{", "<", "[", " "))


async def test_offered_tools_reach_the_prompt_and_none_does_not(engine: NodeEngine) -> None:
    _, plain, _ = await answer(engine)
    _, offered, _ = await answer(engine, tools=(DOSE,))
    _, unwanted, _ = await answer(engine, tools=(DOSE,), tool_choice="none")

    assert offered.usage.prompt_tokens > plain.usage.prompt_tokens + 50
    assert unwanted.usage.prompt_tokens == plain.usage.prompt_tokens


async def test_results_go_back_in_and_are_answered(engine: NodeEngine) -> None:
    _, asked, _ = await answer(engine, tools=(NOW,), tool_choice="now")
    turn = ChatMessage("assistant", "", tool_calls=asked.tool_calls)
    result = ChatMessage("tool", "12:30", tool_call_id=asked.tool_calls[0].id)

    text, completion, _ = await answer(engine, ASK, turn, result, tools=(NOW,), tool_choice="none")

    assert text
    assert completion.finish_reason in {FinishReason.STOP, FinishReason.LENGTH}


async def test_an_answer_with_a_schema_is_a_call_or_follows_it(engine: NodeEngine) -> None:
    text, completion, _ = await answer(
        engine, tools=(DOSE,), sampling={"json_schema": '{"type": "integer"}', "max_tokens": 60}
    )

    assert completion.tool_calls or isinstance(json.loads(text), int)


async def test_a_call_that_the_limit_cuts_is_no_call(engine: NodeEngine) -> None:
    text, completion, _ = await answer(
        engine, tools=(DOSE,), tool_choice="dose", sampling={"max_tokens": 5}
    )

    assert completion.finish_reason is FinishReason.LENGTH
    assert completion.tool_calls == ()
    assert text.startswith("<tool")


async def test_hostile_tools_are_refused_and_nothing_dies(engine: NodeEngine) -> None:
    deep = '{"type": "object", "properties": {"a": ' + '{"items": ' * 200 + "{}" + "}" * 202
    recursive = {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {}]}}}

    for parameters in (deep, "[]", "nul", json.dumps(recursive)):
        tool = ToolDefinition("t", parameters=parameters, is_strict=True)

        with pytest.raises(RequestInvalid):
            await answer(engine, tools=(tool,), tool_choice="t")

    assert engine.models()[0].restarts == 0
