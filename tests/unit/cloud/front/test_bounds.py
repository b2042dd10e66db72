"""What callers of the front cannot do to it, and what it says to each."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from cloud.front.front import FrontBounds
from runtime.ports import Chunk, GenerateRequest, TextDelta
from tests.unit.cloud.front.conftest import END, Front, running_front

SECRET = "Anna Kowalska"
TOOL = {"type": "function", "function": {"name": "dose", "parameters": {"type": "object"}}}
CHAT = "/v1/chat/completions"
BODY: dict[str, Any] = {"model": "big", "messages": [{"role": "user", "content": SECRET}]}


async def post(front: Front, change: dict[str, Any], path: str = CHAT, **headers: str) -> Any:
    async with httpx.AsyncClient() as http:
        return await http.post(
            front.url + path, json={**BODY, **change}, headers={**front.headers, **headers}
        )


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"model": "nope"}, 404, None),
        ({"n": 2}, 400, "n"),
        ({"tools": [{"type": "function"}]}, 400, "tools.0.function"),
        ({"tools": [TOOL, TOOL]}, 400, "tools"),
        ({"tools": [TOOL], "tool_choice": {"function": {"name": SECRET}}}, 400, "tool_choice"),
        ({"tool_choice": "required"}, 400, "tool_choice"),
        ({"messages": [{"role": "tool", "content": "x"}]}, 400, "tool_call_id"),
        ({"messages": [{"role": "user"}]}, 400, "messages.content"),
        ({"modalities": ["audio"]}, 400, "modalities"),
        ({"reasoning_effort": "high"}, 400, "reasoning_effort"),
        ({"leeward": {"priority": 1}}, 400, "leeward.priority"),
        ({"temprature": 0}, 400, "temprature"),
        ({SECRET: 0}, 400, "body"),
        ({"temperature": 99}, 400, "temperature"),
        ({"logit_bias": {SECRET: 5}}, 400, "logit_bias.*.*"),
        ({"temperature": 1e400}, 400, "temperature"),
        ({"max_tokens": -1}, 400, "max_tokens"),
        ({"max_tokens": 10**30}, 400, "max_tokens"),
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"role": SECRET, "content": "x"}]}, 400, "messages.0.role"),
        ({"messages": [{"role": "user", "content": "x", "tool_calls": [{}]}]}, 400, None),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400, None),
        ({"leeward": {SECRET: ["health"]}}, 400, "leeward.*"),
        ({"response_format": {"type": "xml"}}, 400, "response_format.type"),
    ],
)
async def test_a_bad_request_is_told_by_field_and_never_quoted(
    front: Front,
    caplog: pytest.LogCaptureFixture,
    change: dict[str, Any],
    status: int,
    param: str | None,
) -> None:
    body = json.dumps({**BODY, **change}).replace("Infinity", "1e400")
    async with httpx.AsyncClient() as http:
        answer = await http.post(front.url + CHAT, content=body, headers=front.headers)

    assert answer.status_code == status
    error = answer.json()["error"]
    if param is not None:
        assert error["param"] == param
    assert error["message"]
    assert SECRET not in answer.text
    assert SECRET not in str([vars(record) for record in caplog.records])
    assert front.models.asked == []


@pytest.mark.parametrize(
    "change",
    [
        {"user": "u", "metadata": {"a": "b"}, "store": True, "service_tier": "auto"},
        {"frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}, "n": 1},
        {"tools": [TOOL], "parallel_tool_calls": False},
        {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "logprobs": False},
        {"messages": [{"role": "user", "name": "ada", "content": "hi", "tool_calls": []}]},
        {"functions": None, "stream_options": None},
    ],
)
async def test_what_changes_no_answer_is_passed_over(front: Front, change: dict[str, Any]) -> None:
    assert (await post(front, change)).status_code == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff\xfe", b'{"model": 3}', b"null", b"[" * 100_000]
)
async def test_hostile_bodies_are_refused(front: Front, body: bytes) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.post(front.url + CHAT, content=body, headers=front.headers)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "RequestInvalid"


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("x-leeward-timeout-s", "soon", 400),
        ("x-leeward-timeout-s", "0", 400),
        ("x-leeward-timeout-s", "-1", 400),
        ("x-leeward-timeout-s", "nan", 400),
        ("x-leeward-timeout-s", "999999", 400),
        ("x-leeward-timeout-s", "2.5", 200),
        ("idempotency-key", "k" * 129, 400),
        ("idempotency-key", "a b", 400),
        ("idempotency-key", "order-7", 200),
    ],
)
async def test_headers_are_read_or_refused(
    front: Front, header: str, value: str, status: int
) -> None:
    assert (await post(front, {}, **{header: value})).status_code == status


async def test_deadline_and_idempotency_key_reach_the_core(front: Front) -> None:
    await post(front, {}, **{"x-leeward-timeout-s": "2.5", "idempotency-key": "order-7"})

    (asked,) = front.models.asked
    assert isinstance(asked, GenerateRequest)
    assert (asked.timeout_s, asked.idempotency_key) == (2.5, "order-7")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1/chat", 404),
        ("GET", CHAT, 405),
        ("POST", "/v1/models", 405),
        ("DELETE", "/v1/models/big", 405),
        ("GET", "/healthz", 200),
    ],
)
async def test_paths_that_are_not_served_answer_in_json(
    front: Front, method: str, path: str, status: int
) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.request(method, front.url + path, headers=front.headers)

    assert answer.status_code == status
    assert answer.json()


async def test_an_oversize_body_is_refused_and_no_key_reads_none() -> None:
    async with running_front(FrontBounds(max_body_bytes=1000)) as front:
        known = await post(front, {"messages": [{"role": "user", "content": "x" * 2000}]})
        front.headers = {}
        stranger = await post(front, {"messages": [{"role": "user", "content": "x" * 2000}]})

    assert (known.status_code, stranger.status_code) == (413, 401)


async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    async with running_front(FrontBounds(body_timeout_s=0.2)) as front:
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        head = f"POST {CHAT} HTTP/1.1\r\nhost: h\r\nauthorization: {front.headers['authorization']}"
        writer.write(f"{head}\r\ncontent-length: 100\r\n\r\n{{".encode())

        status = await reader.readline()
        writer.close()

    assert b" 408 " in status


async def test_one_call_too_many_is_told_to_come_again() -> None:
    async with running_front(FrontBounds(max_calls=1)) as front:
        release = asyncio.Event()
        front.models.script = (release, END)
        first = asyncio.create_task(post(front, {}))
        await front.models.started.wait()

        second = await post(front, {})
        release.set()

        assert second.status_code == 429
        assert second.headers["retry-after"] == "1"
        assert (await first).status_code == 200
        assert (await post(front, {})).status_code == 200


async def test_a_front_that_drains_ends_what_runs_and_takes_nothing_new(front: Front) -> None:
    release = asyncio.Event()
    front.models.script = (TextDelta("for"), release, END)
    running = asyncio.create_task(post(front, {"stream": True}))
    await front.models.started.wait()

    front.app.announce_stop()

    async with httpx.AsyncClient() as http:
        assert (await http.get(f"{front.url}/healthz")).status_code == 503
    assert (await post(front, {"messages": []})).status_code == 400
    front.app.refuse_calls()
    assert (await post(front, {})).status_code == 503
    release.set()
    assert "[DONE]" in (await running).text


@pytest.mark.parametrize("stream", [False, True])
async def test_a_caller_that_hangs_up_cancels_its_call(front: Front, stream: bool) -> None:
    front.models.script = (TextDelta("for"), asyncio.Event(), END)
    with contextlib.suppress(httpx.ReadTimeout):
        async with httpx.AsyncClient(timeout=0.3) as http:
            body = {**BODY, "stream": stream}
            await http.post(front.url + CHAT, json=body, headers=front.headers)

    async with asyncio.timeout(2):
        await front.models.closed.wait()
        await front.budgets.ended.wait()

    assert [outcome.status for outcome in front.budgets.settled] == ["cancelled"]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_was_sent_is_closed_in_peace(
    front: Front, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    front.models.closing_s = 0.05

    assert (await post(front, {"stream": stream})).status_code == 200
    async with asyncio.timeout(2):
        await front.models.closed.wait()

    assert [record.msg for record in caplog.records if record.name.startswith("leeward")] == []


async def test_a_reader_that_stops_reading_holds_its_model_back_and_is_given_up(
    front: Front,
) -> None:
    front.models.script = _Endless()
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port, limit=1024)
    body = json.dumps({**BODY, "stream": True})
    head = f"POST {CHAT} HTTP/1.1\r\nhost: h\r\nauthorization: {front.headers['authorization']}"
    writer.write(f"{head}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
    await reader.readuntil(b"\r\n\r\n")

    async with asyncio.timeout(20):
        await front.models.closed.wait()
    writer.close()

    assert front.models.made * _Endless.SIZE < 20_000_000


class _Endless(list[Chunk]):
    """More text than any socket holds."""

    SIZE = 10_000

    def __iter__(self) -> Iterator[Chunk]:
        return itertools.repeat(TextDelta("x" * self.SIZE))
