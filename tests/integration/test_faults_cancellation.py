"""A caller that goes away stops the work that was done for it, down to the provider."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from runtime.errors import DeadlineExceeded
from runtime.executor.events import AnswerDelta
from runtime.testing.faulty_house import FaultyHouse, ask, running_house
from runtime.testing.local_roles import run_graph
from runtime.testing.scripted_provider import Script

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="session"),
]

PUBLIC = "How much is 6 times 7?"
SILENT = Script(stall_before=0)
STALLS = Script(stall_before=1)
EDGE_WEIGHTS = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
PATIENCE_S = 600.0
"""The gateway of this house would wait so long: whoever hangs up here was told to."""
SOON_S = 15.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FaultyHouse]:
    root = tmp_path_factory.mktemp("patient-house")
    async with running_house(root, EDGE_WEIGHTS, os.environ, silence_s=PATIENCE_S) as running:
        yield running


async def _wait_asked(house: FaultyHouse) -> None:
    async with asyncio.timeout(10):
        await house.provider.asked.wait()


async def _assert_hung_up(house: FaultyHouse) -> None:
    async with asyncio.timeout(SOON_S):
        await house.provider.hung_up.wait()


@pytest.mark.parametrize("graph", ["ask-cloud", "parallel-fuse"])
async def test_a_cancelled_grpc_call_hangs_up_on_the_provider(
    house: FaultyHouse, graph: str
) -> None:
    house.play(SILENT)
    running = asyncio.create_task(ask(house.edge, graph, PUBLIC))
    await _wait_asked(house)

    running.cancel()

    await _assert_hung_up(house)
    await asyncio.wait([running])


async def test_a_grpc_stream_left_in_the_middle_hangs_up_on_the_provider(
    house: FaultyHouse,
) -> None:
    house.play(STALLS)

    async with aclosing(run_graph(house.edge, "ask-cloud", PUBLIC)) as events:
        async for event in events:
            if isinstance(event, AnswerDelta):
                break

    await _assert_hung_up(house)


async def test_a_grpc_deadline_hangs_up_on_the_provider(house: FaultyHouse) -> None:
    house.play(STALLS)

    with pytest.raises(DeadlineExceeded):
        await ask(house.edge, "ask-cloud", PUBLIC, timeout_s=0.4)

    await _assert_hung_up(house)


async def _leave(url: str, *, stream: bool, started: asyncio.Event) -> None:
    body = {
        "model": "leeward/ask-cloud",
        "messages": [{"role": "user", "content": PUBLIC}],
        "stream": stream,
    }
    async with (
        httpx.AsyncClient(timeout=20) as client,
        client.stream("POST", f"{url}/chat/completions", json=body) as answer,
    ):
        async for line in answer.aiter_lines():
            if '"content":"four"' in line:
                started.set()


@pytest.mark.parametrize("stream", [True, False])
async def test_an_http_caller_that_leaves_before_the_first_text_hangs_up_on_the_provider(
    house: FaultyHouse, stream: bool
) -> None:
    house.play(SILENT)
    leaving = asyncio.create_task(_leave(house.edge_http, stream=stream, started=asyncio.Event()))
    await _wait_asked(house)

    leaving.cancel()

    await _assert_hung_up(house)
    await asyncio.wait([leaving])


async def test_an_http_caller_that_leaves_a_stream_hangs_up_on_the_provider(
    house: FaultyHouse,
) -> None:
    house.play(STALLS)
    started = asyncio.Event()
    leaving = asyncio.create_task(_leave(house.edge_http, stream=True, started=started))
    async with asyncio.timeout(10):
        await started.wait()

    leaving.cancel()

    await _assert_hung_up(house)
    await asyncio.wait([leaving])


async def test_an_edge_that_was_left_so_often_answers_the_next_one(house: FaultyHouse) -> None:
    house.play(Script())

    told = await ask(house.edge, "ask-cloud", PUBLIC)

    assert told.answer == "fourty-two"
