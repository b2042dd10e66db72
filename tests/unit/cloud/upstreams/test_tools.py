"""Tools over a real socket: asked for in pieces, several at once, or in no sensible way."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from cloud.upstreams.failures import Fault, UpstreamFailed
from cloud.upstreams.openai_upstream import OpenAIUpstream
from runtime.errors import RequestInvalid
from runtime.ids import ModelName
from runtime.ports import (
    ChatMessage,
    Chunk,
    Completion,
    FinishReason,
    GenerateRequest,
    Sampling,
    ToolCall,
    ToolDefinition,
)
from runtime.testing.scripted_provider import Provider, Script, running_provider

DOSE = ToolDefinition("dose", "Looks up a dose.", '{"type": "object"}')
REQUEST = GenerateRequest(
    ModelName("alias"),
    (ChatMessage("user", "How much?"),),
    tools=(DOSE, ToolDefinition("stop")),
    timeout_s=20.0,
)


def piece(index: int | None = 0, **fields: Any) -> dict[str, Any]:
    function = {name: fields.pop(name) for name in ("name", "arguments") if name in fields}
    place = {} if index is None else {"index": index}
    return {"tool_calls": [{**place, **fields, "function": function}]}


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with running_provider(Script(finish_reason="tool_calls")) as running:
        yield running


async def answer(upstream: OpenAIUpstream, request: GenerateRequest = REQUEST) -> list[Chunk]:
    return [chunk async for chunk in upstream.generate(upstream.reading(request), "m")]


async def end_of(upstream: OpenAIUpstream) -> Completion:
    last = (await answer(upstream))[-1]
    assert isinstance(last, Completion)
    return last


async def test_pieces_become_whole_calls_in_their_order(
    provider: Provider, upstream: OpenAIUpstream
) -> None:
    provider.script = Script(
        pieces=(
            piece(0, id="c1", name="dose", arguments=""),
            piece(0, arguments='{"who"'),
            piece(1, id="c2", name="stop", arguments="{}"),
            piece(0, arguments=": 7}"),
        ),
        finish_reason="tool_calls",
        usage=None,
    )

    last = await end_of(upstream)

    assert last.finish_reason is FinishReason.TOOL_CALLS
    assert last.tool_calls == (
        ToolCall("c1", "dose", '{"who": 7}'),
        ToolCall("c2", "stop", "{}"),
    )
    assert last.usage.completion_tokens >= 4


async def test_one_call_at_a_time_is_told_to_the_provider_and_kept_to(
    provider: Provider, upstream: OpenAIUpstream
) -> None:
    pieces = tuple(piece(at, id=f"c{at}", name="dose", arguments="{}") for at in (1, 0))
    provider.script = Script(pieces=pieces, finish_reason="tool_calls", usage=None)
    one = replace(REQUEST, sampling=Sampling(parallel_tool_calls=False))

    *_, several = await answer(upstream, REQUEST)
    *_, single = await answer(upstream, one)

    assert isinstance(several, Completion)
    assert isinstance(single, Completion)
    assert [call.id for call in several.tool_calls] == ["c0", "c1"]
    assert [call.id for call in single.tool_calls] == ["c0"]
    assert "parallel_tool_calls" not in provider.calls[0]
    assert provider.calls[1]["parallel_tool_calls"] is False


async def test_what_is_offered_and_was_asked_before_reaches_the_provider(
    provider: Provider, upstream: OpenAIUpstream
) -> None:
    provider.script = Script(finish_reason="stop")
    asked = ChatMessage("assistant", "", (ToolCall("c1", "dose", "{}"),))
    result = ChatMessage("tool", "3 mg", tool_call_id="c1")
    request = GenerateRequest(
        REQUEST.model, (*REQUEST.messages, asked, result), tools=(DOSE,), tool_choice="dose"
    )

    await answer(upstream, request)

    (call,) = provider.calls
    assert call["tools"][0]["function"] == {
        "name": "dose",
        "description": "Looks up a dose.",
        "parameters": {"type": "object"},
    }
    assert call["tool_choice"] == {"type": "function", "function": {"name": "dose"}}
    assert call["messages"][1]["tool_calls"][0]["function"] == {"name": "dose", "arguments": "{}"}
    assert call["messages"][2] == {"role": "tool", "content": "3 mg", "tool_call_id": "c1"}


async def test_a_call_without_an_id_is_given_one_that_the_chat_does_not_have(
    provider: Provider, upstream: OpenAIUpstream
) -> None:
    provider.script = Script(
        pieces=(piece(None, name="dose", arguments="{}"),), finish_reason="stop"
    )

    last = await end_of(upstream)

    assert last.tool_calls == (ToolCall("call-0", "dose", "{}"),)
    assert last.finish_reason is FinishReason.TOOL_CALLS


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        ({"tool_calls": "dose"},),
        ({"tool_calls": ["dose"]},),
        (piece(-1, name="dose"),),
        (piece(10_000, name="dose"),),
        (piece(0, name=7),),
        (piece(0, name="dose", arguments={"who": 7}),),
        (piece(0, arguments="{}"),),
        (piece(0, name="do\nse"),),
        (piece(0, name="dose", arguments="\ud800"),),
    ],
)
async def test_what_is_no_call_of_a_tool_is_refused(
    provider: Provider, upstream: OpenAIUpstream, pieces: Any
) -> None:
    provider.script = Script(pieces=pieces, finish_reason="tool_calls")

    with pytest.raises(UpstreamFailed) as failed:
        await answer(upstream)

    assert failed.value.fault is Fault.GARBAGE


async def test_a_tool_that_nobody_offered_is_refused(
    provider: Provider, upstream: OpenAIUpstream
) -> None:
    provider.script = Script(pieces=(piece(0, name="dose"),), finish_reason="tool_calls")

    with pytest.raises(UpstreamFailed):
        await answer(upstream, GenerateRequest(REQUEST.model, REQUEST.messages))


async def test_a_schema_of_arguments_that_is_no_json_is_the_callers_mistake(
    upstream: OpenAIUpstream,
) -> None:
    broken = GenerateRequest(
        REQUEST.model, REQUEST.messages, tools=(ToolDefinition("dose", "", "{"),)
    )

    with pytest.raises(RequestInvalid, match="tools"):
        await answer(upstream, broken)
