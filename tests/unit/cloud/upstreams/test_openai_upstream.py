"""The provider client against a real HTTP server that misbehaves on request."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cloud.upstreams.failures import Fault, UpstreamFailed
from cloud.upstreams.model import Capabilities, UpstreamSpec
from cloud.upstreams.openai_upstream import OpenAIUpstream
from runtime.clock import SystemClock
from runtime.errors import (
    CapacityExhausted,
    ContextOverflow,
    DeadlineExceeded,
    LeewardError,
    RequestInvalid,
    StreamBroken,
    UpstreamUnavailable,
)
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

SECRET = "Anna Kowalska"


@pytest.fixture
async def impatient(provider: Provider) -> AsyncIterator[OpenAIUpstream]:
    spec = UpstreamSpec("p", provider.base_url, "k", first_token_timeout_s=0.3, idle_timeout_s=0.3)
    client = OpenAIUpstream(spec, SystemClock())
    yield client
    await client.close()


def request(timeout_s: float = 5.0, **sampling: object) -> GenerateRequest:
    return GenerateRequest(
        model=ModelName("alias"),
        messages=(ChatMessage("user", f"What does {SECRET} take?"),),
        sampling=Sampling(**sampling),  # type: ignore[arg-type]
        timeout_s=timeout_s,
    )


async def collect(upstream: OpenAIUpstream, call: GenerateRequest) -> list[Chunk]:
    return [chunk async for chunk in upstream.generate(upstream.reading(call), "real-name")]


async def failure_of(upstream: OpenAIUpstream, call: GenerateRequest) -> UpstreamFailed:
    with pytest.raises(UpstreamFailed) as failed:
        await collect(upstream, call)
    return failed.value


async def test_a_stream_ends_with_its_finish_reason_and_the_providers_usage(
    provider: Provider, upstream: OpenAIUpstream
) -> None:
    chunks = await collect(upstream, request())

    assert "".join(c.text for c in chunks if isinstance(c, TextDelta)) == "fourty-two"
    last = chunks[-1]
    assert isinstance(last, Completion)
    assert last.finish_reason is FinishReason.STOP
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (7, 2)
    assert not last.usage.estimated
    assert provider.calls[0]["model"] == "real-name"


async def test_usage_is_counted_by_us_and_marked_when_the_provider_reports_none(
    provider: Provider, upstream: OpenAIUpstream
) -> None:
    provider.script = Script(usage=None)

    last = (await collect(upstream, request()))[-1]

    assert isinstance(last, Completion)
    assert last.usage.estimated
    assert last.usage.completion_tokens == 2
    assert last.usage.prompt_tokens > 0


async def test_sampling_reaches_the_provider_and_extensions_only_when_asked_for(
    provider: Provider, upstream: OpenAIUpstream
) -> None:
    await collect(upstream, request(temperature=0.5, seed=3, stop=("x",), max_tokens=9))
    await collect(upstream, request(top_k=5, min_p=0.1))

    plain, extended = provider.calls
    assert plain["temperature"] == 0.5
    assert (plain["seed"], plain["stop"], plain["max_tokens"]) == (3, ["x"], 9)
    assert "top_k" not in plain
    assert (extended["top_k"], extended["min_p"]) == (5, 0.1)


async def test_the_limit_has_the_name_that_the_provider_takes(provider: Provider) -> None:
    able = Capabilities(limit_field="max_completion_tokens")
    client = OpenAIUpstream(
        UpstreamSpec("p", provider.base_url, "k", capabilities=able), SystemClock()
    )

    await collect(client, request(max_tokens=9))
    await client.close()

    assert provider.calls[0]["max_completion_tokens"] == 9
    assert "max_tokens" not in provider.calls[0]


@pytest.mark.parametrize(
    ("script", "fault", "error"),
    [
        (Script(finish_reason=None), Fault.CUT, StreamBroken),
        (Script(finish_reason="abort"), Fault.CUT, StreamBroken),
        (Script(cut_before=1), Fault.CUT, StreamBroken),
        (Script(cut_before=0), Fault.CUT, UpstreamUnavailable),
        (Script(pieces=(), finish_reason=None), Fault.CUT, UpstreamUnavailable),
        (Script(status=500), Fault.STATUS, UpstreamUnavailable),
        (Script(status=307, headers=[("location", "/v2")]), Fault.STATUS, UpstreamUnavailable),
        (Script(status=401), Fault.KEY, UpstreamUnavailable),
        (Script(status=403), Fault.KEY, UpstreamUnavailable),
        (Script(status=404), Fault.MISSING, UpstreamUnavailable),
        (Script(status=429, headers=[("retry-after", "7")]), Fault.RATE, CapacityExhausted),
        (Script(status=400), Fault.REQUEST, RequestInvalid),
        (Script(status=413), Fault.REQUEST, ContextOverflow),
        (
            Script(status=400, error_code="context_length_exceeded"),
            Fault.REQUEST,
            ContextOverflow,
        ),
    ],
)
async def test_every_way_to_fail_has_its_name_and_quotes_nothing(
    provider: Provider,
    upstream: OpenAIUpstream,
    script: Script,
    fault: Fault,
    error: type[LeewardError],
) -> None:
    provider.script = script

    failure = await failure_of(upstream, request())

    assert failure.fault is fault
    assert type(failure.error) is error
    assert SECRET not in f"{failure}{failure.error}"


@pytest.mark.parametrize("stalled", [0, 1])
async def test_silence_is_not_waited_out(
    provider: Provider, impatient: OpenAIUpstream, stalled: int
) -> None:
    provider.script = Script(stall_before=stalled)

    failure = await failure_of(impatient, request())

    assert failure.fault is Fault.SILENT


async def test_a_broken_stream_says_how_far_it_got(
    provider: Provider, upstream: OpenAIUpstream
) -> None:
    provider.script = Script(pieces=("a", "b", "c"), cut_before=2)

    broken = (await failure_of(upstream, request())).error

    assert isinstance(broken, StreamBroken)
    assert broken.received_tokens == 2


async def test_retry_after_is_passed_on(provider: Provider, upstream: OpenAIUpstream) -> None:
    provider.script = Script(status=429, headers=[("retry-after", "7")])

    limited = await failure_of(upstream, request())

    assert limited.retry_after_s == 7
    assert isinstance(limited.error, CapacityExhausted)
    assert limited.error.retry_after_s == 7


async def test_the_callers_deadline_ends_a_slow_stream(
    provider: Provider, upstream: OpenAIUpstream
) -> None:
    provider.script = Script(stall_before=1)

    late = await failure_of(upstream, request(timeout_s=0.1))

    assert late.fault is Fault.DEADLINE
    assert isinstance(late.error, DeadlineExceeded)


async def test_a_provider_that_is_not_there_is_unavailable() -> None:
    async with running_provider() as gone:
        spec = UpstreamSpec(name="p", base_url=gone.base_url, api_key="k", connect_timeout_s=1)
    client = OpenAIUpstream(spec, SystemClock())

    failure = await failure_of(client, request())
    await client.close()

    assert failure.fault is Fault.UNREACHABLE


async def test_closing_the_stream_hangs_up_on_the_provider(
    provider: Provider, upstream: OpenAIUpstream
) -> None:
    provider.script = Script(stall_before=1)
    chunks = upstream.generate(upstream.reading(request()), "real-name")
    assert isinstance(await anext(chunks), TextDelta)

    await chunks.aclose()

    async with asyncio.timeout(5):
        await provider.hung_up.wait()
