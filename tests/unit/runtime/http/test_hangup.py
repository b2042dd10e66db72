"""A caller that hangs up cancels what is being made for it; one that stays gets it."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest
from starlette.requests import Request

from runtime.errors import Cancelled, NotFound
from runtime.http.hangup import unless_gone

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


def _request(receive: Receive) -> Request:
    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)


async def _stays() -> MutableMapping[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError


async def _leaves() -> MutableMapping[str, Any]:
    return {"type": "http.disconnect"}


async def test_a_caller_that_stays_gets_the_result() -> None:
    async def work() -> str:
        return "made"

    assert await unless_gone(_request(_stays), work()) == "made"


async def test_a_failure_reaches_the_caller() -> None:
    async def work() -> str:
        raise NotFound("nothing of that name")

    with pytest.raises(NotFound):
        await unless_gone(_request(_stays), work())


async def test_work_has_ended_when_its_caller_is_reported_gone() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    with pytest.raises(Cancelled):
        await unless_gone(_request(_leaves), work())

    assert ended.is_set()


async def test_a_cancelled_handler_cancels_its_work() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    handler = asyncio.create_task(unless_gone(_request(_stays), work()))
    await started.wait()
    handler.cancel()
    await asyncio.wait([handler])

    assert handler.cancelled()
    assert ended.is_set()
