"""``model="leeward/<graph>"``: graphs that run in the cloud alone, and what is said of others."""

from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from runtime.ports import GenerateRequest
from tests.unit.cloud.front.conftest import KEY, Front, running_front

PUBLIC: Any = [{"role": "user", "content": "6 times 7?"}]
PERSONAL: Any = [{"role": "user", "content": "Write to anna.kowalska@example.org about her dose."}]


async def ask(client: AsyncOpenAI, graph: str, messages: Any = PUBLIC, **more: Any) -> Any:
    return await client.chat.completions.create(model=f"leeward/{graph}", messages=messages, **more)


async def test_every_step_of_a_graph_is_a_call_under_the_graphs_name(
    front: Front, client: AsyncOpenAI
) -> None:
    answer = await ask(client, "twice")

    assert answer.choices[0].message.content == "forty-two"
    receipt = answer.leeward["receipt"]
    assert [step["step"] for step in receipt["steps"]] == ["first", "second"]
    assert front.budgets.graphs == ["twice", "twice"]
    assert [outcome.status for outcome in front.budgets.settled] == ["stop", "stop"]
    assert {caller.id for caller in front.budgets.callers} == {"k1"}


async def test_a_graph_streams_its_answer_and_then_its_receipt(
    front: Front, client: AsyncOpenAI
) -> None:
    stream = await ask(client, "ask-big", stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]

    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "forty-two"
    assert chunks[-1].usage.prompt_tokens == 10
    assert chunks[-1].leeward["receipt"]["steps"][0]["node"] == "cloud"


async def test_a_graph_that_needs_an_edge_is_refused_with_the_step(
    front: Front, client: AsyncOpenAI
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await ask(client, "needs-edge")

    assert refused.value.param == "steps.near.model"
    assert "needs an edge" in refused.value.message
    assert front.models.asked == []


async def test_a_run_that_is_sent_again_is_the_same_run(front: Front, client: AsyncOpenAI) -> None:
    key = {"idempotency-key": "order-7"}
    first = await ask(client, "ask-big", extra_headers=key)
    again = await ask(client, "ask-big", extra_headers=key)

    assert first.leeward["receipt"]["request_id"] == again.leeward["receipt"]["request_id"]
    one, two = front.models.asked
    assert isinstance(one, GenerateRequest)
    assert isinstance(two, GenerateRequest)
    assert one.idempotency_key == two.idempotency_key


@pytest.mark.parametrize(
    ("messages", "more"),
    [(PERSONAL, {}), (PUBLIC, {"extra_body": {"leeward": {"labels": ["health"]}}})],
)
async def test_a_label_above_the_clearance_is_refused_with_the_path(
    front: Front, client: AsyncOpenAI, messages: Any, more: Any
) -> None:
    with pytest.raises(openai.PermissionDeniedError) as refused:
        await ask(client, "ask-big", messages, **more)

    assert refused.value.code == "LeakFound"
    assert "request -> answer" in refused.value.message
    assert "kowalska" not in refused.value.response.text
    assert front.models.asked == []


async def test_auto_is_the_configured_graph_or_none() -> None:
    async with running_front(default_graph="ask-big") as front, client_of(front) as client:
        assert (await ask(client, "auto")).choices[0].message.content == "forty-two"
        assert (await client.models.list()).data[0].id == "leeward/auto"
    async with running_front() as front, client_of(front) as client:
        with pytest.raises(openai.NotFoundError):
            await ask(client, "auto")
        with pytest.raises(openai.NotFoundError):
            await ask(client, "nothing-of-that-name")


def client_of(front: Front) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{front.url}/v1", api_key=KEY, max_retries=0)
