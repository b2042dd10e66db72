"""Answers that no well-behaved provider gives: each has a name, none is believed, none hangs."""

import asyncio
import json
from typing import Any

import pytest

from cloud.upstreams.failures import Fault, UpstreamFailed
from cloud.upstreams.model import UpstreamSpec
from cloud.upstreams.openai_upstream import OpenAIUpstream
from runtime.clock import SystemClock
from runtime.errors import StreamBroken
from runtime.ids import ModelName
from runtime.ports import (
    ChatMessage,
    Chunk,
    Completion,
    FinishReason,
    GenerateRequest,
    Sampling,
    TextDelta,
)
from runtime.testing.scripted_provider import Provider, Script, running_provider

REQUEST = GenerateRequest(
    ModelName("alias"),
    (ChatMessage("user", "What does the patient take?"),),
    sampling=Sampling(max_tokens=8),
    timeout_s=20.0,
)
SECRET = "Anna Kowalska"


async def answer(upstream: OpenAIUpstream) -> list[Chunk]:
    return [chunk async for chunk in upstream.generate(upstream.reading(REQUEST), "m")]


def event(**fields: Any) -> bytes:
    return f"data: {json.dumps(fields)}\n\n".encode()


def delta(**fields: Any) -> bytes:
    return event(choices=[{"index": 0, "delta": fields, "finish_reason": None}])


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        (Script(content_type="text/html"), Fault.GARBAGE),
        (Script(content_type="application/json"), Fault.GARBAGE),
        (Script(headers=[("content-encoding", "gzip")]), Fault.GARBAGE),
        (Script(raw=b"data: {not json\n\n"), Fault.GARBAGE),
        (Script(raw=b"data: [1, 2]\n\n"), Fault.GARBAGE),
        (Script(raw=b"data: " + b"[" * 100_000 + b"\n\n"), Fault.GARBAGE),
        (Script(raw=b"data: \xff\xfe\n\n"), Fault.GARBAGE),
        (Script(raw=event(choices="none")), Fault.GARBAGE),
        (Script(raw=event(choices=["none"])), Fault.GARBAGE),
        (Script(raw=delta(content=7)), Fault.GARBAGE),
        (Script(raw=delta(content={"text": SECRET})), Fault.GARBAGE),
        (Script(raw=b'data: {"choices":[{"delta":{"content":"\\ud800"}}]}\n\n'), Fault.GARBAGE),
        (Script(raw=b"data: " + b"x" * 3_000_000), Fault.GARBAGE),
        (Script(raw=delta(content="x" * 500_000)), Fault.GARBAGE),
        (Script(pieces=("x",) * 300), Fault.GARBAGE),
        (Script(raw=event(error={"message": SECRET, "code": 500})), Fault.CUT),
        (Script(finish_reason="error"), Fault.CUT),
        (Script(finish_reason=""), Fault.CUT),
    ],
)
async def test_what_is_no_answer_is_named_and_not_quoted(
    provider: Provider, upstream: OpenAIUpstream, script: Script, fault: Fault
) -> None:
    provider.script = script

    with pytest.raises(UpstreamFailed) as failed:
        await answer(upstream)

    assert failed.value.fault is fault
    assert SECRET not in f"{failed.value}{failed.value.error}"


@pytest.mark.parametrize(
    "usage",
    [
        (-5, 2),
        (7, -1),
        (10**9, 2),
        (7, 10**9),
        (0, 0),
        (7, 0),
        {"prompt_tokens": "7", "completion_tokens": 2},
        {"prompt_tokens": True, "completion_tokens": 2},
        {"prompt_tokens": 7.5, "completion_tokens": 2},
        {"prompt_tokens": None, "completion_tokens": None},
        {"total_tokens": 9},
    ],
)
async def test_usage_that_cannot_be_is_counted_by_us(
    provider: Provider, upstream: OpenAIUpstream, usage: Any
) -> None:
    provider.script = Script(usage=usage)

    last = (await answer(upstream))[-1]

    assert isinstance(last, Completion)
    assert last.usage.estimated
    assert last.usage.completion_tokens == 2
    assert 0 < last.usage.prompt_tokens < 30


async def test_usage_that_came_before_the_text_is_not_taken_for_all_of_it(
    provider: Provider, upstream: OpenAIUpstream
) -> None:
    early = event(choices=[], usage={"prompt_tokens": 7, "completion_tokens": 0})
    provider.script = Script(raw=early, usage=None)

    last = (await answer(upstream))[-1]

    assert isinstance(last, Completion)
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (7, 2)
    assert last.usage.estimated


async def test_text_that_came_with_what_broke_the_stream_is_passed_on_first(
    provider: Provider, upstream: OpenAIUpstream
) -> None:
    provider.script = Script(raw=delta(content="The patient") + b"data: {oops\n\n")
    chunks: list[Chunk] = []

    stream = upstream.generate(upstream.reading(REQUEST), "m")
    chunks.append(await anext(stream))
    with pytest.raises(UpstreamFailed) as failed:
        await anext(stream)

    assert [chunk.text for chunk in chunks if isinstance(chunk, TextDelta)] == ["The patient"]
    assert isinstance(failed.value.error, StreamBroken)
    assert failed.value.error.received_tokens == 1


async def test_cached_tokens_beyond_the_prompt_are_none(
    provider: Provider, upstream: OpenAIUpstream
) -> None:
    details = {"cached_tokens": 99}
    provider.script = Script(
        usage={"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": details}
    )

    last = (await answer(upstream))[-1]

    assert isinstance(last, Completion)
    assert (last.usage.prompt_tokens, last.usage.cached_tokens) == (7, 0)


async def test_comments_that_keep_a_connection_alive_are_no_answer(provider: Provider) -> None:
    provider.script = Script(stall_before=0, comments_s=0.05)
    spec = UpstreamSpec("p", provider.base_url, "k", first_token_timeout_s=0.4)
    upstream = OpenAIUpstream(spec, SystemClock())

    with pytest.raises(UpstreamFailed) as failed:
        await answer(upstream)
    await upstream.close()

    assert failed.value.fault is Fault.SILENT


async def test_thinking_that_is_not_shown_is_no_silence_and_is_counted(provider: Provider) -> None:
    thinking = ({"reasoning_content": "hm"},) * 4
    provider.script = Script(pieces=(*thinking, "4"), piece_s=0.3, usage=None)
    spec = UpstreamSpec("p", provider.base_url, "k", first_token_timeout_s=1.0)
    upstream = OpenAIUpstream(spec, SystemClock())

    chunks = await answer(upstream)
    await upstream.close()

    assert [chunk.text for chunk in chunks if isinstance(chunk, TextDelta)] == ["4"]
    assert isinstance(chunks[-1], Completion)
    assert chunks[-1].usage.completion_tokens == 5


async def test_a_whole_answer_is_not_broken_by_what_follows_it(
    provider: Provider, upstream: OpenAIUpstream
) -> None:
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    provider.script = Script(
        raw=delta(content="42") + event(choices=[end]), pieces=("late",), cut_before=0
    )

    chunks = await answer(upstream)

    assert isinstance(chunks[-1], Completion)
    assert chunks[-1].finish_reason is FinishReason.STOP
    assert chunks[-1].usage.estimated


async def test_an_endless_error_is_read_only_so_far(upstream: OpenAIUpstream) -> None:
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 X\r\ncontent-type: text/plain\r\n\r\n")
        try:
            while sent < 50_000_000:
                writer.write(b"x" * 10_000)
                sent += 10_000
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = OpenAIUpstream(UpstreamSpec("p", f"http://127.0.0.1:{port}/v1", "k"), SystemClock())
    with pytest.raises(UpstreamFailed) as failed:
        await answer(client)
    await client.close()
    server.close()

    assert failed.value.fault is Fault.STATUS
    assert sent < 50_000_000


async def test_a_connection_is_used_again_after_a_whole_answer(
    provider: Provider, upstream: OpenAIUpstream
) -> None:
    for _ in range(5):
        await answer(upstream)

    assert provider.connections == 1


async def test_a_redirect_is_not_followed(provider: Provider, upstream: OpenAIUpstream) -> None:
    async with running_provider() as elsewhere:
        location = f"{elsewhere.base_url}/chat/completions"
        provider.script = Script(status=307, headers=[("location", location)])
        with pytest.raises(UpstreamFailed):
            await answer(upstream)

        assert elsewhere.calls == []


async def test_a_server_without_keys_is_sent_none(provider: Provider) -> None:
    keyless = OpenAIUpstream(UpstreamSpec("p", provider.base_url, None), SystemClock())
    keyed = OpenAIUpstream(UpstreamSpec("p", provider.base_url, "k"), SystemClock())

    await answer(keyless)
    await answer(keyed)
    await keyless.close()
    await keyed.close()

    assert provider.keys == ["", "Bearer k"]
