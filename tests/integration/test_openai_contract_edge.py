"""The stock ``openai`` client, unmodified, at a real edge daemon with real models."""

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel, Field

from runtime.errors import CapacityExhausted, ContextOverflow, RequestInvalid
from runtime.ids import ModelName
from runtime.ports import (
    ChatMessage,
    Completion,
    FinishReason,
    GenerateRequest,
    Sampling,
    ToolDefinition,
)
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.inference_client import InferenceClient
from tests.integration.edge_daemon import EdgeDaemon, running_edge

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]

QUESTION: Any = [{"role": "user", "content": "How much is 3 and 1?"}]
GREEDY: Any = {"temperature": 0, "max_tokens": 120}
DOSE: Any = {
    "type": "function",
    "function": {
        "name": "dose",
        "description": "Notes a dose.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"mg": {"type": "integer", "minimum": 1, "maximum": 40}},
            "required": ["mg"],
            "additionalProperties": False,
        },
    },
}
END_LATE = {"1": -50}
"""Has ``tern-s`` go on as long as a grammar lets it: 1 is its end token.

With -20 a hot sample still ended early, once in some hundred runs; -100 would forbid the end even
where nothing else may come.
"""
QUEUE = 5
LONG = 30_000
"""Tokens that no test waits for."""
TURN = 300
"""Tokens that take longer than a front needs to say that another answer ended."""


class Dose(BaseModel):
    mg: Annotated[int, Field(ge=1, le=40)]
    route: Literal["oral", "nasal"]
    note: str | None = Field(max_length=3)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EdgeDaemon]:
    root = tmp_path_factory.mktemp("edge")
    async with running_edge(root, {"max_queue": QUEUE, "max_priority": 3}) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(edge: EdgeDaemon) -> AsyncIterator[AsyncOpenAI]:
    url = f"http://{edge.http}/v1"
    async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def inference(edge: EdgeDaemon) -> AsyncIterator[InferenceClient]:
    async with open_channel(ChannelSettings(edge.grpc, tls=None)) as channel:
        yield InferenceClient(channel)


async def test_whole_and_streamed_answers_are_the_same(client: AsyncOpenAI) -> None:
    whole = await client.chat.completions.create(model="tern-s", messages=QUESTION, **GREEDY)
    stream = await client.chat.completions.create(
        model="tern-s",
        messages=QUESTION,
        stream=True,
        stream_options={"include_usage": True},
        **GREEDY,
    )
    chunks = [chunk async for chunk in stream]

    said = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert said
    assert said == whole.choices[0].message.content
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert whole.usage is not None
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens > 0


async def test_a_required_call_is_asked_for_and_its_result_answered(client: AsyncOpenAI) -> None:
    asked = await client.chat.completions.create(
        model="tern-s", messages=QUESTION, tools=[DOSE], tool_choice="required",
        parallel_tool_calls=False, **GREEDY
    )  # fmt: skip
    message = asked.choices[0].message
    assert message.tool_calls is not None
    (call,) = message.tool_calls
    result: Any = {"role": "tool", "tool_call_id": call.id, "content": "noted"}
    answer = await client.chat.completions.create(
        model="tern-s", messages=[*QUESTION, message, result], tools=[DOSE], tool_choice="none",
        **GREEDY,
    )  # fmt: skip

    assert (asked.choices[0].finish_reason, message.content) == ("tool_calls", None)
    assert call.type == "function"
    assert call.function.name == "dose"
    assert 1 <= json.loads(call.function.arguments)["mg"] <= 40
    assert answer.choices[0].message.content
    assert not answer.choices[0].message.tool_calls


async def test_calls_stream_as_the_models_write_them_and_several_may_come(
    client: AsyncOpenAI,
) -> None:
    """Chunks as OpenAI sends them: id and name first, then what arguments gain."""
    stream = await client.chat.completions.create(
        model="tern-s", messages=QUESTION, tools=[DOSE], tool_choice="required", stream=True,
        logit_bias=END_LATE, temperature=1.5, max_tokens=1000,
    )  # fmt: skip
    choices = [chunk.choices[0] async for chunk in stream if chunk.choices]

    calls: dict[int, list[Any]] = {}
    for piece in [piece for choice in choices for piece in choice.delta.tool_calls or []]:
        assert piece.function is not None
        assert (piece.id is None) is (piece.index in calls)
        assert (piece.function.name is None) is (piece.index in calls)
        calls.setdefault(piece.index, []).append(piece.function.arguments)
    assert choices[-1].finish_reason == "tool_calls"
    assert not any(choice.delta.content for choice in choices)
    assert list(calls) == list(range(8))
    for parts in calls.values():
        assert 1 <= json.loads("".join(parts))["mg"] <= 40


async def test_one_call_at_a_time_can_be_asked_for(client: AsyncOpenAI) -> None:
    asked = await client.chat.completions.create(
        model="tern-s", messages=QUESTION, tools=[DOSE], tool_choice="required",
        parallel_tool_calls=False, logit_bias=END_LATE, max_tokens=400,
    )  # fmt: skip

    assert len(asked.choices[0].message.tool_calls or []) == 1


async def test_the_clients_own_stream_helper_puts_a_call_together(client: AsyncOpenAI) -> None:
    choice: Any = {"type": "function", "function": {"name": "dose"}}
    async with client.chat.completions.stream(
        model="tern-s", messages=QUESTION, tools=[DOSE], tool_choice=choice, **GREEDY
    ) as stream:
        kinds = {event.type async for event in stream}
        final = await stream.get_final_completion()

    assert "tool_calls.function.arguments.done" in kinds
    assert final.choices[0].finish_reason == "tool_calls"
    (call,) = final.choices[0].message.tool_calls or []
    assert call.function.parsed_arguments is not None


async def test_a_pydantic_model_comes_back_parsed(client: AsyncOpenAI) -> None:
    for seed in range(3):
        answer = await client.chat.completions.parse(
            model="tern-s",
            messages=QUESTION,
            response_format=Dose,
            temperature=1.5,
            seed=seed,
            max_tokens=200,
        )

        assert isinstance(answer.choices[0].message.parsed, Dose)


async def test_any_object_comes_back_as_json(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model="tern-s", messages=QUESTION, response_format={"type": "json_object"}, **GREEDY
    )

    choice = answer.choices[0]
    text = choice.message.content or ""
    assert text.startswith("{")
    assert choice.finish_reason == "length" or isinstance(json.loads(text), dict)


async def test_log_probabilities_are_shown_as_often_as_asked(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model="tern-s", messages=QUESTION, logprobs=True, top_logprobs=3, **GREEDY
    )

    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content
    assert "".join(one.token for one in logprobs.content) == answer.choices[0].message.content
    assert all(len(one.top_logprobs) == 3 for one in logprobs.content)


async def test_plain_completions_are_served_and_the_old_extras_refused_by_name(
    client: AsyncOpenAI,
) -> None:
    plain = await client.completions.create(
        model="tern-s", prompt="How much is 3 and 1?", echo=False, suffix="", **GREEDY
    )

    assert plain.choices[0].text
    extras: list[dict[str, Any]] = [
        {"echo": True}, {"suffix": "."}, {"best_of": 2}, {"logprobs": 1}, {"n": 9},
        {"prompt": ["a", "b"]}, {"prompt": [1, 2]},
    ]  # fmt: skip
    for extra in extras:
        with pytest.raises(openai.BadRequestError) as refused:
            await client.completions.create(**{"model": "tern-s", "prompt": "a", **extra})
        assert (refused.value.param or "").partition(".")[0] == next(iter(extra))


async def test_several_choices_are_drawn_apart_and_share_the_prompt(client: AsyncOpenAI) -> None:
    drawn: Any = {"temperature": 1, "max_tokens": 60, "seed": 5, "n": 3}
    chat: Any = [{"role": "user", "content": "A ward has 4 beds. How many beds? " * 4}]
    whole = await client.chat.completions.create(model="tern-s", messages=chat, **drawn)
    stream = await client.chat.completions.create(
        model="tern-s", messages=chat, stream=True, **drawn
    )
    pieces = [choice async for chunk in stream for choice in chunk.choices]

    said = {choice.index: choice.message.content for choice in whole.choices}
    assert sorted(said) == [0, 1, 2]
    assert len(set(said.values())) > 1
    streamed = {one.index: "" for one in pieces}
    for one in pieces:
        streamed[one.index] += one.delta.content or ""
    assert sorted(streamed) == [0, 1, 2]
    assert all(streamed.values())
    ends = [one.index for one in pieces if one.finish_reason is not None]
    assert sorted(ends) == [0, 1, 2]
    account: Any = whole.model_extra
    others = [other["receipt"]["usage"] for other in account["leeward"]["choices"]]
    assert all(usage["cached_tokens"] > 20 for usage in others)
    plain = await client.completions.create(model="tern-s", prompt="Hello", n=2, **GREEDY)
    assert [choice.index for choice in plain.choices] == [0, 1]
    assert plain.choices[0].text == plain.choices[1].text


async def test_embeddings_come_in_both_encodings(client: AsyncOpenAI) -> None:
    single = await client.embeddings.create(model="vectors", input="a")
    several = await client.embeddings.create(model="vectors", input=["a", "b"])
    numbers = await client.embeddings.create(model="vectors", input="a", encoding_format="float")
    raw = await client.embeddings.with_raw_response.create(
        model="vectors", input="a", encoding_format="base64"
    )

    assert len(several.data) == 2
    assert several.data[0].embedding == pytest.approx(single.data[0].embedding, abs=1e-5)
    assert several.data[0].embedding != several.data[1].embedding
    assert numbers.data[0].embedding == pytest.approx(single.data[0].embedding, abs=1e-6)
    encoded = base64.b64decode(json.loads(raw.text)["data"][0]["embedding"])
    assert struct.unpack(f"<{len(encoded) // 4}f", encoded) == pytest.approx(
        single.data[0].embedding
    )
    assert single.usage.prompt_tokens > 0


async def test_embeddings_of_tokens_or_of_another_length_are_refused(client: AsyncOpenAI) -> None:
    extras: list[tuple[dict[str, Any], str]] = [
        ({"input": [1, 2]}, "input"), ({"input": [[1, 2]]}, "input"), ({"input": []}, "input"),
        ({"dimensions": 8}, "dimensions"), ({"model": "tern-s"}, ""),
    ]  # fmt: skip
    for change, field in extras:
        with pytest.raises(openai.BadRequestError) as refused:
            await client.embeddings.create(**{"model": "vectors", "input": "a", **change})
        assert (refused.value.param or "").startswith(field)


async def test_models_are_listed_and_looked_up(client: AsyncOpenAI) -> None:
    names = [model.id async for model in client.models.list()]

    graphs = {name for name in names if name.startswith("leeward/")}
    assert {"leeward/auto", "leeward/ask", "leeward/abstain"} <= graphs
    assert names[0] == "leeward/auto"
    assert [name for name in names if name not in graphs] == [
        "tern-s", "endless", "vectors", "endless+other",
    ]  # fmt: skip
    for name in names:
        assert (await client.models.retrieve(name)).id == name
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("nothing")


async def test_mistakes_raise_the_clients_own_errors(client: AsyncOpenAI) -> None:
    long: Any = [{"role": "user", "content": "word " * 6000}]
    cases: list[tuple[type[openai.APIStatusError], str, str | None, dict[str, Any]]] = [
        (openai.NotFoundError, "model_not_found", None, {"model": "nothing"}),
        (openai.BadRequestError, "context_length_exceeded", None, {"messages": long}),
        (openai.BadRequestError, "RequestInvalid", "n", {"n": 9}),
        (openai.BadRequestError, "RequestInvalid", "temperature", {"temperature": 9}),
        (openai.BadRequestError, "RequestInvalid", "messages", {"messages": []}),
        (
            openai.BadRequestError, "RequestInvalid", "tools",
            {"tools": [DOSE], "model": "leeward/auto"},
        ),
        (openai.BadRequestError, "RequestInvalid", None, {"model": "vectors"}),
    ]  # fmt: skip
    for kind, code, param, change in cases:
        with pytest.raises(kind) as refused:
            await client.chat.completions.create(
                **{"model": "tern-s", "messages": QUESTION, **change}
            )
        assert (refused.value.code, refused.value.type) == (code, "invalid_request_error")
        assert refused.value.param == param


async def test_an_adapter_is_a_model_of_its_own(client: AsyncOpenAI) -> None:
    texts = [
        (await client.chat.completions.create(model=name, messages=QUESTION, **GREEDY))
        .choices[0]
        .message.content
        for name in ("endless", "endless+other", "endless")
    ]

    assert texts[0] == texts[2] != texts[1]


async def test_a_full_queue_is_told_with_a_time_over_both_fronts(
    client: AsyncOpenAI, inference: InferenceClient
) -> None:
    tasks = [asyncio.create_task(_endless(client, LONG)) for _ in range(QUEUE)]
    await _wait_open(client, QUEUE)
    try:
        with pytest.raises(openai.RateLimitError) as over_http:
            await _endless(client, 1)
        with pytest.raises(CapacityExhausted) as over_grpc:
            await _generate(inference, "endless", max_tokens=1)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await _wait_open(client, 0)

    assert over_http.value.code == "rate_limit_exceeded"
    assert int(over_http.value.response.headers["retry-after"]) >= 1
    assert over_grpc.value.retry_after_s > 0


async def test_a_prompt_beyond_the_context_is_a_typed_error_over_grpc(
    inference: InferenceClient,
) -> None:
    with pytest.raises(ContextOverflow):
        await _generate(inference, "endless", content="x" * 40_000)


@pytest.mark.parametrize("front", ["http", "grpc"])
async def test_who_has_priority_is_answered_first(
    client: AsyncOpenAI, inference: InferenceClient, front: str
) -> None:
    ended: list[int] = []
    waiting = (1, -1, 0, 3)

    async def ask(priority: int) -> None:
        if front == "http":
            await _endless(client, TURN, priority=priority)
        else:
            await _generate(inference, "endless", max_tokens=TURN, priority=priority)
        ended.append(priority)

    holder = asyncio.create_task(_endless(client, LONG))
    await _wait_open(client, 1)
    async with asyncio.TaskGroup() as group:
        for open_calls, priority in enumerate(waiting, start=2):
            group.create_task(ask(priority))
            await _wait_open(client, open_calls)
        holder.cancel()

    assert ended == [3, 1, 0, -1]


async def test_a_priority_beyond_the_configurations_is_refused_over_both_fronts(
    client: AsyncOpenAI, inference: InferenceClient
) -> None:
    with pytest.raises(openai.BadRequestError):
        await _endless(client, 1, priority=4)
    with pytest.raises(RequestInvalid, match="priority"):
        await _generate(inference, "endless", max_tokens=1, priority=4)


async def test_tools_are_served_over_grpc_too(inference: InferenceClient) -> None:
    tool = ToolDefinition("dose", parameters=json.dumps(DOSE["function"]["parameters"]))

    completion = await _generate(inference, "tern-s", tools=(tool,), tool_choice="dose")

    assert completion.finish_reason is FinishReason.TOOL_CALLS
    assert [call.name for call in completion.tool_calls] == ["dose"]


async def test_the_clients_blocking_half_works_as_well(edge: EdgeDaemon) -> None:
    def ask() -> tuple[str | None, str]:
        with OpenAI(base_url=f"http://{edge.http}/v1", api_key="none", max_retries=0) as client:
            answer = client.chat.completions.create(model="tern-s", messages=QUESTION, **GREEDY)
            stream = client.chat.completions.create(
                model="tern-s", messages=QUESTION, stream=True, **GREEDY
            )
            said = "".join(c.choices[0].delta.content or "" for c in stream if c.choices)
            return answer.choices[0].message.content, said

    whole, streamed = await asyncio.to_thread(ask)

    assert whole == streamed


async def _endless(client: AsyncOpenAI, tokens: int, *, priority: int = 0) -> None:
    await client.chat.completions.create(
        model="endless",
        messages=QUESTION,
        max_tokens=tokens,
        extra_body={"leeward": {"priority": priority}},
    )


async def _wait_open(client: AsyncOpenAI, calls: int) -> None:
    """Return once the model ``endless`` has that many open calls, the waiting ones included."""
    names = ("leeward_engine_running_calls_count", "leeward_engine_waiting_calls_count")
    async with asyncio.timeout(30):
        while True:
            page = await client.get("../metrics", cast_to=str)
            lines = [line.rpartition(" ") for line in str(page).splitlines()]
            counts = [
                float(value)
                for name, _, value in lines
                if name in {f'{one}{{model="endless"}}' for one in names}
            ]
            if sum(counts) == calls:
                return
            await asyncio.sleep(0.02)


async def _generate(
    inference: InferenceClient,
    model: str,
    content: str = "How much is 3 and 1?",
    *,
    max_tokens: int = 100,
    **more: Any,
) -> Completion:
    request = GenerateRequest(
        ModelName(model), (ChatMessage("user", content),), Sampling(max_tokens=max_tokens), **more
    )
    chunks = [chunk async for chunk in inference.generate(request)]
    assert isinstance(chunks[-1], Completion)
    return chunks[-1]
