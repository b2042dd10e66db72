"""A real gateway under budgets, limits and prices, asked by the stock client."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI

from runtime.testing.scripted_provider import Provider, Script, running_provider
from tests.integration.http_gateway import Gateway, running_gateway

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ASKED: Any = [{"role": "user", "content": "6 times 7?"}]
HEARD_S = 3.0


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[Provider]:
    async with running_provider() as running:
        running.script = Script(pieces=("42",), usage=(7, 2))
        yield running


@pytest_asyncio.fixture
async def gateway(tmp_path: Path, provider: Provider) -> AsyncIterator[Gateway]:
    async with running_gateway(tmp_path, provider.base_url) as running:
        yield running


class Sent:
    """A stock client that retries as it always does, and what it really sent."""

    def __init__(self, gateway: Gateway) -> None:
        self.responses: list[httpx.Response] = []

        async def note(response: httpx.Response) -> None:
            self.responses.append(response)

        transport = httpx.AsyncClient(event_hooks={"response": [note]})
        self.client: AsyncOpenAI = gateway.client(max_retries=2, http_client=transport)

    async def ask(self, **more: Any) -> str:
        options: dict[str, Any] = {"max_tokens": 10, **more}
        answer = await self.client.chat.completions.create(model="big", messages=ASKED, **options)
        return answer.choices[0].message.content or ""


@pytest_asyncio.fixture
async def sent(gateway: Gateway) -> AsyncIterator[Sent]:
    asking = Sent(gateway)
    yield asking
    await asking.client.close()


async def do(gateway: Gateway, *words: str) -> Any:
    result = await gateway.command(*words, "--json")
    assert result.exit_code == 0, result
    await asyncio.sleep(HEARD_S)
    return json.loads(result.stdout)


async def test_a_budget_holds_what_the_price_says_and_names_itself_when_used_up(
    gateway: Gateway, provider: Provider, sent: Sent
) -> None:
    await do(gateway, "budget", "set", "daily", "--usd", "0.005", "--period", "day")
    with pytest.raises(openai.InternalServerError) as unpriced:
        await sent.ask()
    assert (unpriced.value.status_code, len(sent.responses)) == (503, 1), "told not to retry"

    price = ("--from", "2026-01-01", "--prompt", "3", "--completion", "15")
    await do(gateway, "price", "set", "big", *price)
    assert await sent.ask() == "42"
    (budget,) = await do(gateway, "budget", "list")
    (account,) = budget["accounts"]
    assert (account["spent_micros"], account["reserved_micros"]) == (7 * 3 + 2 * 15, 0)

    before, asked = len(sent.responses), len(provider.calls)
    with pytest.raises(openai.RateLimitError) as refused:
        await sent.ask(max_tokens=100_000)
    assert refused.value.code == "insufficient_quota"
    assert '"daily"' in str(refused.value)
    assert "0.005" not in str(refused.value)
    assert len(sent.responses) == before + 1, "the stock client sends it once"
    assert len(provider.calls) == asked, "nothing was dispatched"
    assert await sent.ask() == "42", "a smaller call still fits"


async def test_a_limit_says_when_to_come_back(gateway: Gateway, sent: Sent) -> None:
    await do(gateway, "limit", "set", "slow", "--requests", "1", "--each", "key")
    assert await sent.ask() == "42"

    patient = sent.client.with_options(max_retries=0)
    with pytest.raises(openai.RateLimitError) as refused:
        await patient.chat.completions.create(model="big", messages=ASKED, max_tokens=10)

    assert refused.value.code == "rate_limit_exceeded"
    assert 50 <= int(refused.value.response.headers["retry-after"]) <= 60


async def test_a_call_sent_again_under_its_key_is_made_once(
    gateway: Gateway, provider: Provider, sent: Sent
) -> None:
    again = {"extra_headers": {"Idempotency-Key": "order-1"}}
    answers = [await sent.ask(**again) for _ in range(3)]
    states = [response.headers["x-leeward-cache"] for response in sent.responses]

    assert answers == ["42"] * 3
    assert states[1:] == ["hit", "hit"]
    assert len(provider.calls) == 1
    with pytest.raises(openai.BadRequestError) as refused:
        await sent.ask(max_tokens=11, **again)
    assert "idempotency key" in str(refused.value)
    (total,) = json.loads((await gateway.command("usage", "--json")).stdout)
    assert (total["calls"], total["cached"], total["prompt_tokens"]) == (3, 2, 21)
