"""The stock ``openai`` client, unmodified, against a real front of the gateway."""

from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI

from runtime.errors import (
    BudgetExhausted,
    CapacityExhausted,
    ContextOverflow,
    DeadlineExceeded,
    LeewardError,
    PolicyViolation,
    StreamBroken,
    UpstreamUnavailable,
)
from runtime.labels import Label
from runtime.ports import (
    Completion,
    EmbedRequest,
    FinishReason,
    GenerateRequest,
    TextDelta,
    ToolCall,
    Usage,
)
from tests.unit.cloud.front.conftest import KEY, Front

SECRET = "Anna Kowalska"
ASKED: Any = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": [{"type": "text", "text": f"{SECRET}: 6 times 7?"}]},
]


async def ask(client: AsyncOpenAI, **more: Any) -> Any:
    return await client.chat.completions.create(model="big", messages=ASKED, **more)


async def test_a_chat_is_answered_with_usage_cost_and_its_ids(
    front: Front, client: AsyncOpenAI
) -> None:
    raw = await client.chat.completions.with_raw_response.create(
        model="big", messages=ASKED, max_tokens=7, stop=["x"], seed=3, user="u-1"
    )
    answer = raw.parse()

    assert answer.choices[0].message.content == "forty-two"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (10, 2)
    assert answer.leeward == {"cost_usd": 0.25, "estimated": False}  # type: ignore[attr-defined]
    assert raw.headers["x-leeward-cache"] == "off"
    (asked,) = front.models.asked
    assert isinstance(asked, GenerateRequest)
    assert asked.provenance is not None
    assert raw.headers["x-leeward-request-id"] == asked.provenance.request_id
    assert [(m.role, m.content) for m in asked.messages] == [
        ("system", "Be short."),
        ("user", f"{SECRET}: 6 times 7?"),
    ]
    assert (asked.sampling.max_tokens, asked.sampling.stop, asked.sampling.seed) == (7, ("x",), 3)
    assert front.budgets.callers[0].id == "k1"
    assert [outcome.status for outcome in front.budgets.settled] == ["stop"]


async def test_who_sends_no_temperature_gets_openais_default(
    front: Front, client: AsyncOpenAI
) -> None:
    await ask(client)
    await ask(client, temperature=0)

    first, second = front.models.asked
    assert isinstance(first, GenerateRequest)
    assert isinstance(second, GenerateRequest)
    assert (first.sampling.temperature, second.sampling.temperature) == (1.0, 0.0)


async def test_a_stream_ends_with_its_finish_reason_then_usage(client: AsyncOpenAI) -> None:
    stream = await ask(client, stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]

    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "forty-two"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 12
    assert chunks[-1].usage.prompt_tokens_details.cached_tokens == 4


async def test_without_being_asked_for_no_usage_is_streamed(client: AsyncOpenAI) -> None:
    chunks = [chunk async for chunk in await ask(client, stream=True)]

    assert all(chunk.choices for chunk in chunks)


async def test_plain_completions_are_served_whole_and_streamed(client: AsyncOpenAI) -> None:
    answer = await client.completions.create(model="big", prompt="6 times 7?")
    stream = await client.completions.create(model="big", prompt="6 times 7?", stream=True)

    assert answer.choices[0].text == "forty-two"
    assert "".join([chunk.choices[0].text async for chunk in stream]) == "forty-two"


@pytest.mark.parametrize("encoding", ["float", "base64", None])
async def test_embeddings_come_back_in_either_encoding(
    front: Front, client: AsyncOpenAI, encoding: Any
) -> None:
    more = {} if encoding is None else {"encoding_format": encoding}
    labels = {"leeward": {"labels": ["health"]}}
    answer = await client.embeddings.create(
        model="big", input=["a", "b"], extra_body=labels, **more
    )

    got: list[Any] = [item.embedding for item in answer.data]
    assert [item.index for item in answer.data] == [0, 1]
    if encoding == "base64":
        assert got == ["AACAPwAAAD8=", "AACAPwAAAD8="]
    else:
        assert got == [[1.0, 0.5], [1.0, 0.5]]
    assert answer.usage.prompt_tokens == 3
    assert isinstance(front.models.asked[0], EmbedRequest)
    assert front.models.asked[0].texts == ("a", "b")
    assert front.models.asked[0].label == Label.of("health")


async def test_models_are_listed_and_found(client: AsyncOpenAI) -> None:
    names = [model.id async for model in client.models.list()]
    assert names == ["leeward/ask-big", "leeward/twice", "big"]
    assert (await client.models.retrieve("leeward/twice")).id == "leeward/twice"
    assert (await client.models.retrieve("big")).id == "big"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("small")


@pytest.mark.parametrize(
    ("failure", "kind", "code"),
    [
        (
            CapacityExhausted("full", retry_after_s=6.2),
            openai.RateLimitError,
            "rate_limit_exceeded",
        ),
        (BudgetExhausted("budget b is used up"), openai.RateLimitError, "insufficient_quota"),
        (PolicyViolation("no"), openai.PermissionDeniedError, "PolicyViolation"),
    ],
)
async def test_a_refusal_has_the_clients_own_error(
    front: Front, client: AsyncOpenAI, failure: LeewardError, kind: type[Exception], code: str
) -> None:
    front.budgets.refusal = failure

    with pytest.raises(kind) as refused:
        await ask(client, stream=True)

    assert isinstance(refused.value, openai.APIStatusError)
    assert refused.value.code == code
    if isinstance(failure, CapacityExhausted):
        assert refused.value.response.headers["retry-after"] == "7"
    assert front.models.asked == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (ContextOverflow(f"{SECRET} is long"), 400, "context_length_exceeded"),
        (DeadlineExceeded(SECRET), 504, "DeadlineExceeded"),
        (UpstreamUnavailable(SECRET), 503, "UpstreamUnavailable"),
        (ZeroDivisionError(SECRET), 500, "LeewardError"),
    ],
)
async def test_a_failure_before_the_first_text_is_a_status_without_content(
    front: Front,
    client: AsyncOpenAI,
    caplog: pytest.LogCaptureFixture,
    failure: Exception,
    status: int,
    code: str,
    stream: bool,
) -> None:
    front.models.script = (failure,)

    with pytest.raises(openai.APIStatusError) as failed:
        await ask(client, stream=stream)

    assert failed.value.status_code == status
    assert failed.value.code == code
    assert SECRET not in failed.value.response.text
    assert SECRET not in str([vars(record) for record in caplog.records])
    assert len(front.budgets.settled) == 1


@pytest.mark.parametrize("failure", [StreamBroken(SECRET), ZeroDivisionError(SECRET)])
async def test_a_failure_after_the_first_text_is_an_error_event_without_an_end(
    front: Front, failure: Exception
) -> None:
    front.models.script = (TextDelta("four"), failure)
    body = {"model": "big", "messages": ASKED, "stream": True}

    async with httpx.AsyncClient() as http:
        url = f"{front.url}/v1/chat/completions"
        answer = await http.post(url, json=body, headers=front.headers)

    events = answer.text.strip().split("\n\n")
    assert '"error"' in events[-1]
    assert SECRET not in answer.text
    assert '"finish_reason":"stop"' not in answer.text
    assert "[DONE]" not in answer.text


async def test_the_stock_client_raises_on_a_broken_stream(
    front: Front, client: AsyncOpenAI
) -> None:
    front.models.script = (TextDelta("four"), StreamBroken("gone", received_tokens=1))

    with pytest.raises(openai.APIError, match="finish reason"):
        _ = [chunk async for chunk in await ask(client, stream=True)]


async def test_a_caller_without_its_key_is_told_to_bring_one(front: Front) -> None:
    for key in ("none", f"{KEY}x", "Anna"):
        async with AsyncOpenAI(base_url=f"{front.url}/v1", api_key=key, max_retries=0) as stranger:
            with pytest.raises(openai.AuthenticationError) as refused:
                await ask(stranger)
        assert refused.value.code == "invalid_api_key"
        assert refused.value.response.headers["www-authenticate"] == "Bearer"
        assert key not in refused.value.response.text
    assert front.models.asked == []


TOOL: Any = {
    "type": "function",
    "function": {"name": "dose", "parameters": {"type": "object", "properties": {}}},
}
ASKS = Completion(
    FinishReason.TOOL_CALLS, usage=Usage(10, 2), tool_calls=(ToolCall("c1", "dose", "{}"),)
)


async def test_tools_are_offered_and_what_is_asked_for_is_told(
    front: Front, client: AsyncOpenAI
) -> None:
    front.models.script = (ASKS,)

    answer = await ask(client, tools=[TOOL], tool_choice="required")

    (asked,) = front.models.asked
    assert isinstance(asked, GenerateRequest)
    assert [tool.name for tool in asked.tools] == ["dose"]
    assert asked.tool_choice == "required"
    (choice,) = answer.choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    (call,) = choice.message.tool_calls
    assert (call.id, call.function.name, call.function.arguments) == ("c1", "dose", "{}")


async def test_a_stream_asks_for_tools_before_its_end(front: Front, client: AsyncOpenAI) -> None:
    front.models.script = (TextDelta("Let me see."), ASKS)

    stream = await ask(client, tools=[TOOL], stream=True)
    items = [item async for item in stream]

    calls = [c for i in items for one in i.choices for c in one.delta.tool_calls or []]
    assert [(call.index, call.id, call.function.name) for call in calls] == [(0, "c1", "dose")]
    assert [i.choices[0].finish_reason for i in items if i.choices][-1] == "tool_calls"


async def test_a_result_of_a_tool_is_part_of_the_chat(front: Front, client: AsyncOpenAI) -> None:
    function = {"name": "dose", "arguments": "{}"}
    turns: Any = [
        *ASKED,
        {
            "role": "assistant",
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "3 mg"},
    ]

    await client.chat.completions.create(model="big", messages=turns, tools=[TOOL])

    (asked,) = front.models.asked
    assert isinstance(asked, GenerateRequest)
    assert asked.messages[2].tool_calls == (ToolCall("c1", "dose", "{}"),)
    assert (asked.messages[3].role, asked.messages[3].tool_call_id) == ("tool", "c1")
