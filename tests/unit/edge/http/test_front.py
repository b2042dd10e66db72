"""The stock ``openai`` client, and hand-made bodies, against a real front."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI

from runtime.errors import EngineCrashed
from runtime.ports import FinishReason, ToolCall
from runtime.testing.fakes import Script
from tests.unit.edge.http.conftest import POLICY, Front, running_front

PUBLIC = [{"role": "user", "content": "How many legs do two cats have?"}]
TOOL = {"type": "function", "function": {"name": "dose", "parameters": {"type": "object"}}}
ASKED_FOR_A_TOOL = {
    "role": "assistant",
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "dose", "arguments": "{}"}}
    ],
}
PERSONAL = [{"role": "user", "content": "Patient Anna Kowalska takes 2 mg. How much?"}]


@pytest.fixture
async def client(front: Front) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{front.url}/v1", api_key="none", max_retries=0) as opened:
        yield opened


async def ask(client: AsyncOpenAI, model: str, messages: Any = PUBLIC, **more: Any) -> Any:
    return await client.chat.completions.create(model=model, messages=messages, **more)


async def test_a_graph_answers_a_chat_with_usage_and_receipt(
    front: Front, client: AsyncOpenAI
) -> None:
    front.far.answer("8", step="answer")

    answer = await ask(client, "leeward/ask-cloud")

    assert answer.choices[0].message.content == "8"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens > 0
    receipt = answer.leeward["receipt"]
    assert receipt["left_the_edge"] is True
    assert receipt["steps"][0]["node"] == "cloud"


async def test_a_stream_restores_the_name_and_ends_with_its_finish_reason(
    front: Front, client: AsyncOpenAI
) -> None:
    pieces = ("<PER", "SON_", "1> takes", " 2 mg")
    front.far.answer(Script("", pieces=pieces), step="answer")

    stream = await ask(
        client, "leeward/auto", PERSONAL, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]

    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "Anna Kowalska takes 2 mg"
    assert "Kowalska" not in front.far.texts_seen()
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage.prompt_tokens > 0
    assert chunks[-1].leeward["receipt"]["releases"][0]["by"] == "redact"


async def test_a_plain_edge_model_answers_by_its_own_name(
    front: Front, client: AsyncOpenAI
) -> None:
    front.near.answer("8", step="answer")

    answer = await ask(client, "small", temperature=0.5, max_tokens=7, stop=["x"])

    assert answer.choices[0].message.content == "8"
    sampling = front.near.requests[0].sampling
    assert (sampling.temperature, sampling.max_tokens, sampling.stop) == (0.5, 7, ("x",))


async def test_penalties_and_biases_reach_the_model(front: Front, client: AsyncOpenAI) -> None:
    front.near.answer("8", step="answer")

    await ask(
        client,
        "small",
        frequency_penalty=0.5,
        presence_penalty=-1.0,
        logit_bias={"70": 5, "8": -100},
    )

    sampling = front.near.requests[0].sampling
    assert (sampling.frequency_penalty, sampling.presence_penalty) == (0.5, -1.0)
    assert sampling.logit_bias == ((8, -100.0), (70, 5.0))


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_log_probabilities_come_in_the_chat_format(
    front: Front, client: AsyncOpenAI, *, is_streamed: bool
) -> None:
    front.near.answer(Script("8 caté", logprob=-0.5), step="answer")

    answer = await ask(client, "small", logprobs=True, top_logprobs=2, stream=is_streamed)
    if is_streamed:
        choices = [chunk.choices[0] async for chunk in answer if chunk.choices]
    else:
        choices = answer.choices

    entries = [entry for one in choices if one.logprobs for entry in one.logprobs.content]
    assert [(entry.token, entry.logprob) for entry in entries] == [("8", -0.5), (" caté", -0.5)]
    assert bytes(entries[1].bytes) == " caté".encode()
    assert front.near.requests[0].sampling.logprobs == 2


async def test_a_restored_answer_has_no_log_probabilities(
    front: Front, client: AsyncOpenAI
) -> None:
    front.far.answer(Script("", pieces=("<PERSON_1>", " rests"), logprob=-0.5), step="answer")

    answer = await ask(client, "leeward/auto", PERSONAL, logprobs=True)

    assert answer.choices[0].message.content == "Anna Kowalska rests"
    assert answer.choices[0].logprobs is None


async def test_declared_labels_keep_a_request_on_the_edge(
    front: Front, client: AsyncOpenAI
) -> None:
    front.near.answer("8", step="answer")

    answer = await ask(client, "leeward/ask-cloud", extra_body={"leeward": {"labels": ["health"]}})

    assert answer.leeward["receipt"]["left_the_edge"] is False
    assert not front.far.requests


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_a_model_that_is_asked_by_name_is_offered_tools(
    front: Front, client: AsyncOpenAI, *, is_streamed: bool
) -> None:
    call = ToolCall("call_1", "dose", '{"mg": 2}')
    script = Script("", finish_reason=FinishReason.TOOL_CALLS, tool_calls=(call,))
    front.near.answer(script, step="answer")

    answer = await ask(client, "small", tools=[TOOL], tool_choice="required", stream=is_streamed)
    if is_streamed:
        choices = [chunk.choices[0] async for chunk in answer if chunk.choices]
        calls = [call for one in choices for call in one.delta.tool_calls or []]
    else:
        choices = answer.choices
        calls = choices[0].message.tool_calls
        assert choices[0].message.content is None

    assert choices[-1].finish_reason == "tool_calls"
    assert [(c.id, c.function.name, c.function.arguments) for c in calls] == [
        ("call_1", "dose", '{"mg": 2}')
    ]
    asked = front.near.requests[0]
    assert [tool.name for tool in asked.tools] == ["dose"]
    assert asked.tool_choice == "required"


async def test_what_a_tool_gave_goes_back_to_the_model(front: Front, client: AsyncOpenAI) -> None:
    result = {"role": "tool", "tool_call_id": "c1", "content": "2 mg"}

    await ask(client, "small", [*PUBLIC, ASKED_FOR_A_TOOL, result], tools=[TOOL])

    _, turn, given = front.near.requests[0].messages
    assert turn.tool_calls == (ToolCall("c1", "dose", "{}"),)
    assert (given.role, given.content, given.tool_call_id) == ("tool", "2 mg", "c1")


async def test_a_persons_name_anywhere_in_tools_is_content_like_any_other(
    front: Front, client: AsyncOpenAI
) -> None:
    name = "Anna Kowalska"
    tool = {"type": "function", "function": {"name": "dose", "description": f"Dose of {name}."}}
    turn = {
        "role": "assistant",
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "dose", "arguments": json.dumps({"patient": name})},
            }
        ],
    }
    result = {"role": "tool", "tool_call_id": "c1", "content": f"Patient {name}: 2 mg"}
    asks = ToolCall("call_1", "dose", '{"patient": "<PERSON_1>"}')
    front.far.answer(Script("<PERSON_1> asks", tool_calls=(asks,)), step="answer")

    answer = await ask(client, "large", [*PUBLIC, turn, result], tools=[tool])

    assert "Kowalska" not in front.far.texts_seen()
    assert front.far.texts_seen().count("<PERSON_1>") == 3
    assert answer.choices[0].message.content == "Anna Kowalska asks"
    # The policy says nothing of restoring into what goes to a tool, so it does not.
    assert answer.choices[0].message.tool_calls[0].function.arguments == asks.arguments


async def test_a_policy_can_allow_restoring_into_a_tools_arguments() -> None:
    asks = ToolCall("call_1", "dose", '{"patient": "<PERSON_1>"}')
    policy = POLICY + "restore_tool_arguments: true\n"

    async with (
        running_front(policy=policy) as front,
        AsyncOpenAI(base_url=f"{front.url}/v1", api_key="none") as client,
    ):
        front.far.answer(Script("", tool_calls=(asks,)), step="answer")
        answer = await ask(client, "large", PERSONAL, tools=[TOOL])

    (call,) = answer.choices[0].message.tool_calls
    assert call.function.arguments == '{"patient": "Anna Kowalska"}'


async def test_a_priority_within_the_bounds_reaches_the_model() -> None:
    async with (
        running_front(max_priority=3) as front,
        AsyncOpenAI(base_url=f"{front.url}/v1", api_key="none") as client,
    ):
        for priority in (3, -9):
            await ask(client, "small", extra_body={"leeward": {"priority": priority}})
        with pytest.raises(openai.BadRequestError) as refused:
            await ask(client, "small", extra_body={"leeward": {"priority": 4}})

    assert [request.priority for request in front.near.requests] == [3, -9]
    assert refused.value.param == "priority"


async def test_a_model_is_looked_up_by_its_name(client: AsyncOpenAI) -> None:
    assert (await client.models.retrieve("leeward/ask-cloud")).owned_by == "leeward"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("none")


async def test_plain_completions_are_served(front: Front, client: AsyncOpenAI) -> None:
    front.near.answer("8", step="answer")

    answer = await client.completions.create(model="small", prompt="two cats?")

    assert answer.choices[0].text == "8"


async def test_models_lists_graphs_and_models(client: AsyncOpenAI) -> None:
    names = [model.id async for model in client.models.list()]

    assert names == ["leeward/auto", "leeward/ask-cloud", "small", "large"]


async def test_embeddings_come_back_as_the_client_expects(client: AsyncOpenAI) -> None:
    answer = await client.embeddings.create(model="small", input="a", encoding_format="float")

    assert answer.data[0].embedding == [1.0, 0.0]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"model": "nope"}, 404, "model_not_found"),
        ({"model": "leeward/nope"}, 404, "model_not_found"),
        ({"n": 9}, 400, "RequestInvalid"),
        ({"tools": [{"type": "function"}]}, 400, "RequestInvalid"),
        ({"tools": [TOOL], "model": "leeward/auto"}, 400, "RequestInvalid"),
        ({"tools": [TOOL], "tool_choice": "other"}, 400, "RequestInvalid"),
        ({"tool_choice": "required"}, 400, "RequestInvalid"),
        ({"messages": [{"role": "tool", "content": "x"}]}, 400, "RequestInvalid"),
        ({"messages": [ASKED_FOR_A_TOOL]}, 400, "RequestInvalid"),
        ({"leeward": {"priority": 3}}, 400, "RequestInvalid"),
        ({"leeward": {"priority": 10}}, 400, "RequestInvalid"),
        ({"temperature": 99}, 400, "RequestInvalid"),
        ({"frequency_penalty": 3}, 400, "RequestInvalid"),
        ({"logit_bias": {"x": 1}}, 400, "RequestInvalid"),
        ({"logit_bias": {"1": 101}}, 400, "RequestInvalid"),
        ({"top_logprobs": 21}, 400, "RequestInvalid"),
        ({"messages": []}, 400, "RequestInvalid"),
        ({"messages": [{"role": "system", "content": "x"}]}, 400, "RequestInvalid"),
        ({"leeward": {"lables": ["health"]}}, 400, "RequestInvalid"),
        ({"response_format": {"type": "xml"}}, 400, "RequestInvalid"),
        (
            {"grammar": "root ::= x", "response_format": {"type": "json_object"}},
            400,
            "RequestInvalid",
        ),
    ],
)
async def test_a_bad_request_is_told_by_field_and_never_quoted(
    front: Front, change: dict[str, Any], status: int, code: str
) -> None:
    secret = "Anna Kowalska"
    body = {"model": "small", "messages": [{"role": "user", "content": secret}], **change}

    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{front.url}/v1/chat/completions", json=body)

    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert secret not in answer.text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"model": 3}', b"null"])
async def test_hostile_bodies_are_refused(front: Front, body: bytes) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{front.url}/v1/chat/completions", content=body)

    assert answer.status_code == 400


async def test_a_failure_after_the_first_text_is_an_error_event_and_no_finish(
    front: Front, client: AsyncOpenAI
) -> None:
    broken = Script("", pieces=("4", "2"), error=EngineCrashed("gone"), fails_after=1)
    front.near.answer(broken, step="answer")

    with pytest.raises(openai.APIError) as failed:
        _ = [chunk async for chunk in await ask(client, "small", stream=True)]

    assert failed.value.code == "StreamBroken"


async def test_a_failure_before_the_first_text_is_an_http_status(
    front: Front, client: AsyncOpenAI
) -> None:
    front.near.answer(EngineCrashed("gone"), EngineCrashed("gone"), step="answer")

    with pytest.raises(openai.InternalServerError) as failed:
        await ask(client, "small", stream=True)

    assert failed.value.status_code == 503


async def test_a_bearer_token_is_asked_for_when_one_is_configured() -> None:
    async with running_front(bearer_token="right") as front, httpx.AsyncClient() as http:
        url = f"{front.url}/v1/models"
        without = await http.get(url)
        wrong = await http.get(url, headers={"authorization": "Bearer wrong"})
        right = await http.get(url, headers={"authorization": "Bearer right"})

    assert [without.status_code, wrong.status_code, right.status_code] == [401, 401, 200]


async def test_an_oversize_body_is_refused(front: Front) -> None:
    body = json.dumps(
        {"model": "small", "messages": [{"role": "user", "content": "x" * 9_000_000}]}
    )

    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{front.url}/v1/chat/completions", content=body)

    assert answer.status_code == 413
