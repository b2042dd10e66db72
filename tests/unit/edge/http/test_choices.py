"""Several choices of one request, through the stock client: told apart, bounded, whole or none."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from runtime.errors import EngineCrashed
from runtime.testing.fakes import Script
from tests.unit.edge.http.conftest import Front

QUESTION: Any = [{"role": "user", "content": "How many legs do two cats have?"}]
BROKEN = Script("", pieces=("4", "2"), error=EngineCrashed("gone"), fails_after=1)


@pytest.fixture
async def client(front: Front) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{front.url}/v1", api_key="none", max_retries=0) as opened:
        yield opened


async def ask(client: AsyncOpenAI, **more: Any) -> Any:
    body = {"model": "small", "messages": QUESTION, **more}
    return await client.chat.completions.create(**body)


async def test_each_choice_is_a_run_with_a_seed_and_a_receipt_of_its_own(
    front: Front, client: AsyncOpenAI
) -> None:
    front.near.answer("one", "two", "three", step="answer")

    answer = await ask(client, n=3, seed=2**32 - 2)

    choices = answer.choices
    assert [choice.index for choice in choices] == [0, 1, 2]
    assert choices[0].message.content == "one"
    assert {choice.message.content for choice in choices} == {"one", "two", "three"}
    assert {choice.finish_reason for choice in choices} == {"stop"}
    seeds = [request.sampling.seed for request in front.near.requests]
    assert (seeds[0], set(seeds)) == (2**32 - 2, {2**32 - 2, 2**32 - 1, 0})
    others = answer.leeward["choices"]
    assert [other["index"] for other in others] == [1, 2]
    receipts = [answer.leeward["receipt"], *(other["receipt"] for other in others)]
    assert len({receipt["request_id"] for receipt in receipts}) == 3


async def test_the_prompt_counts_once_and_every_answer_counts(
    front: Front, client: AsyncOpenAI
) -> None:
    front.near.answer("one two three", step="answer")

    single, several = await ask(client), await ask(client, n=4)

    assert several.usage.prompt_tokens == single.usage.prompt_tokens
    assert several.usage.completion_tokens == 4 * single.usage.completion_tokens > 0


async def test_the_pieces_of_a_stream_name_their_choice(front: Front, client: AsyncOpenAI) -> None:
    front.near.answer(Script("", pieces=("a", "b")), Script("", pieces=("c", "d")), step="answer")

    stream = await ask(client, n=2, stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]

    pieces = [choice for chunk in chunks for choice in chunk.choices]
    texts = ["".join(p.delta.content or "" for p in pieces if p.index == i) for i in (0, 1)]
    ends = [[p.finish_reason for p in pieces if p.index == i][-1] for i in (0, 1)]
    assert (texts, ends) == (["ab", "cd"], ["stop", "stop"])
    assert chunks[-1].usage.completion_tokens == 4
    assert [other["index"] for other in chunks[-1].leeward["choices"]] == [1]


@pytest.mark.parametrize("n", [0, -1, 9])
async def test_how_many_choices_there_may_be_is_bounded(client: AsyncOpenAI, n: int) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await ask(client, n=n)

    assert refused.value.param == "n"


@pytest.mark.parametrize("model", ["large", "leeward/ask-cloud", "leeward/auto"])
async def test_what_may_leave_the_device_is_asked_once(client: AsyncOpenAI, model: str) -> None:
    with pytest.raises(openai.BadRequestError, match="one choice is served") as refused:
        await ask(client, n=2, model=model)

    assert refused.value.param == "n"


async def test_a_choice_that_fails_fails_the_request(front: Front, client: AsyncOpenAI) -> None:
    front.near.answer("fine", BROKEN, step="answer")

    with pytest.raises(openai.InternalServerError):
        await ask(client, n=2)

    assert front.near.running == 0


async def test_a_choice_that_fails_ends_the_stream_with_an_error(
    front: Front, client: AsyncOpenAI
) -> None:
    front.near.answer("fine", BROKEN, step="answer")

    with pytest.raises(openai.APIError):
        _ = [chunk async for chunk in await ask(client, n=2, stream=True)]

    assert front.near.running == 0


async def test_a_first_choice_that_fails_at_once_is_an_http_status(
    front: Front, client: AsyncOpenAI
) -> None:
    front.near.answer(EngineCrashed("gone"), step="answer")

    with pytest.raises(openai.InternalServerError) as failed:
        await ask(client, n=2, stream=True)

    assert failed.value.status_code == 503
