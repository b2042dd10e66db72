"""The stock ``openai`` client, unmodified, through a real gateway to a real model.

Behind the gateway: ``llama-cpp-python[server]`` with a reference model. What the model says through
the gateway is what it says when it is asked directly.
"""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI, OpenAI

from runtime.local.llm import RunningLlm, running_llm
from tests.integration.http_gateway import Gateway, running_gateway

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

WEIGHTS = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
QUESTION: Any = [{"role": "user", "content": "How much is 3 and 1?"}]
GREEDY: Any = {"temperature": 0, "max_tokens": 48}


SCHEMA: Any = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "schema": {
            "type": "object",
            "properties": {"answer": {"type": "integer"}},
            "required": ["answer"],
            "additionalProperties": False,
        },
    },
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def llm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningLlm]:
    log = tmp_path_factory.mktemp("llm") / "llm.log"
    async with running_llm(WEIGHTS, context_tokens=512, log=log, environment=os.environ) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    llm: RunningLlm, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    root = tmp_path_factory.mktemp("gateway")
    upstream = {
        "base_url": llm.base_url,
        "api_key_env": "PROVIDER_KEY",
        "capabilities": {"schema": "json_object"},
    }
    async with running_gateway(
        root, llm.base_url, provider_key=llm.api_key, upstreams={"p": upstream}
    ) as running:
        yield running


@pytest.mark.asyncio(loop_scope="module")
async def test_whole_and_streamed_answers_are_the_models_own(
    gateway: Gateway, llm: RunningLlm
) -> None:
    async with AsyncOpenAI(base_url=llm.base_url, api_key=llm.api_key) as direct:
        own = await direct.chat.completions.create(model="llm", messages=QUESTION, **GREEDY)
    async with gateway.client() as client:
        whole = await client.chat.completions.create(model="big", messages=QUESTION, **GREEDY)
        stream = await client.chat.completions.create(
            model="big",
            messages=QUESTION,
            stream=True,
            stream_options={"include_usage": True},
            **GREEDY,
        )
        chunks = [chunk async for chunk in stream]

    said = own.choices[0].message.content
    assert said
    assert whole.choices[0].message.content == said
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == said
    assert whole.choices[0].finish_reason == own.choices[0].finish_reason
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens > 0


@pytest.mark.asyncio(loop_scope="module")
async def test_what_a_caller_asks_of_sampling_reaches_the_model(gateway: Gateway) -> None:
    async with gateway.client() as client:
        short = await client.chat.completions.create(
            model="big", messages=QUESTION, temperature=0, max_tokens=3
        )
        shaped = await client.chat.completions.create(
            model="big", messages=QUESTION, response_format=SCHEMA, **GREEDY
        )
        stopped = await client.chat.completions.create(
            model="big", messages=QUESTION, stop=["3"], **GREEDY
        )
        plain = await client.completions.create(model="big", prompt="How much is 3 and 1?")

    assert short.choices[0].finish_reason == "length"
    assert "answer" in json.loads(shaped.choices[0].message.content or "")
    assert "3" not in (stopped.choices[0].message.content or "")
    assert plain.choices[0].text


@pytest.mark.asyncio(loop_scope="module")
async def test_a_callers_mistakes_raise_the_clients_own_errors(gateway: Gateway) -> None:
    async with gateway.client() as client, gateway.client(api_key="lw-none") as stranger:
        names = [model.id async for model in client.models.list()]
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(model="nothing", messages=QUESTION)
        with pytest.raises(openai.AuthenticationError):
            await stranger.chat.completions.create(model="big", messages=QUESTION)
        with pytest.raises(openai.BadRequestError):
            await client.chat.completions.create(model="big", messages=[])
        with pytest.raises(openai.APIStatusError) as several:
            await client.chat.completions.create(model="big", messages=QUESTION, n=2)
        with pytest.raises(openai.APIStatusError) as embeddings:
            await client.embeddings.create(model="big", input="a")

    assert names == ["big"]
    assert "one choice is served" in several.value.message
    assert embeddings.value.status_code in {400, 501, 503}


def test_the_clients_blocking_half_works_as_well(gateway: Gateway) -> None:
    url = f"http://{gateway.addresses['http']}/v1"
    with OpenAI(base_url=url, api_key=gateway.key, max_retries=0) as client:
        answer = client.chat.completions.create(model="big", messages=QUESTION, **GREEDY)
        stream = client.chat.completions.create(
            model="big", messages=QUESTION, stream=True, **GREEDY
        )
        streamed = "".join(chunk.choices[0].delta.content or "" for chunk in stream)

    assert streamed == answer.choices[0].message.content
