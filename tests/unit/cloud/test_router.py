"""Aliases over real providers: fallback before the first token, prices, names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date

import pytest

from cloud.upstreams.model import Route, Target, UpstreamSpec
from cloud.upstreams.openai_upstream import OpenAIUpstream
from cloud.upstreams.router import UpstreamRouter
from runtime.catalog.model import Price
from runtime.clock import SystemClock
from runtime.errors import NotFound, StreamBroken, UpstreamUnavailable
from runtime.ids import ModelName, NodeName
from runtime.ports import ChatMessage, Chunk, Completion, GenerateRequest, TextDelta
from runtime.testing.scripted_provider import Script, running_provider

CALL = GenerateRequest(model=ModelName("big"), messages=(ChatMessage("user", "hi"),), timeout_s=5.0)


@asynccontextmanager
async def router_over(*scripts: Script) -> AsyncIterator[UpstreamRouter]:
    """A router whose one alias has a target per script, in order."""
    async with running_provider() as first, running_provider() as second:
        providers = [first, second][: len(scripts)]
        upstreams = {}
        for number, (provider, script) in enumerate(zip(providers, scripts, strict=True)):
            provider.script = script
            name = f"p{number}"
            upstreams[name] = OpenAIUpstream(
                UpstreamSpec(name=name, base_url=provider.base_url, api_key="k")
            )
        route = Route(
            model=ModelName("big"),
            targets=tuple(Target(name, f"model-of-{name}") for name in upstreams),
            prices=(Price(date(2020, 1, 1), 1.0, 10.0), Price(date(2999, 1, 1), 9.0, 9.0)),
        )
        router = UpstreamRouter(upstreams, [route], node=NodeName("cloud"), clock=SystemClock())
        try:
            yield router
        finally:
            await router.close()


async def ask(router: UpstreamRouter, call: GenerateRequest = CALL) -> list[Chunk]:
    return [chunk async for chunk in router.generate(call)]


async def test_an_answer_carries_alias_node_and_the_price_valid_today() -> None:
    async with router_over(Script(usage=(1000, 100))) as router:
        last = (await ask(router))[-1]

    assert isinstance(last, Completion)
    assert (last.model, last.node) == ("big", "cloud")
    assert last.usage.cost_usd == pytest.approx((1000 * 1.0 + 100 * 10.0) / 1e6)


async def test_the_next_target_answers_when_the_first_fails_before_its_first_token() -> None:
    async with router_over(Script(status=503), Script(pieces=("b",))) as router:
        chunks = await ask(router)

    assert [c.text for c in chunks if isinstance(c, TextDelta)] == ["b"]


async def test_nothing_is_replayed_once_a_token_has_passed() -> None:
    async with router_over(Script(cut_before=1), Script(pieces=("b",))) as router:
        with pytest.raises(StreamBroken):
            await ask(router)


async def test_the_last_failure_is_reported_when_every_target_is_down() -> None:
    async with router_over(Script(status=503), Script(status=500)) as router:
        with pytest.raises(UpstreamUnavailable):
            await ask(router)


async def test_an_unknown_alias_is_not_found() -> None:
    call = GenerateRequest(model=ModelName("nope"), messages=CALL.messages)
    async with router_over(Script()) as router:
        with pytest.raises(NotFound):
            await ask(router, call)
