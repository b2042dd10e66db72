"""Requests that wait for the cloud, with real processes, TLS, a cut link and ``kill -9``."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Sequence

import httpx2
import pytest
import pytest_asyncio

from runtime.codec.queued import QueuedAnswer
from runtime.errors import LeewardError, RequestQueued
from runtime.testing.local_roles import leeward
from runtime.testing.queueing_house import QueueingHouse, running_queueing_house
from runtime.testing.scripted_provider import Script
from tests.integration.conftest import EDGE_WEIGHTS

ANNA = "write a note to Anna Kowalska"
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueueingHouse]:
    root = tmp_path_factory.mktemp("outbox")
    script = Script(pieces=("Dear <PERSON_1>, ", "hello"))
    async with running_queueing_house(
        root, EDGE_WEIGHTS, dict(os.environ), script=script
    ) as running:
        yield running


async def answered(house: QueueingHouse, key: str) -> str:
    async with asyncio.timeout(90):
        while True:
            try:
                found = await house.queued(key)
            except LeewardError:  # it is being started
                found = None
            if found is not None and found.answer is not None:
                return found.answer.text
            await asyncio.sleep(0.2)


async def away(house: QueueingHouse, key: str) -> None:
    """Ask while the link is cut, until the edge has seen that it is."""
    async with asyncio.timeout(60):
        while True:
            with pytest.raises(RequestQueued) as queued:
                await house.ask(ANNA, key=key)
            assert queued.value.idempotency_key == key
            return


async def test_a_request_survives_cut_and_kill_and_is_answered_and_charged_once(
    house: QueueingHouse,
) -> None:
    house.provider.calls.clear()
    await house.link.cut()
    await away(house, "survivor")
    await house.roles.kill("edge")
    await house.start_edge()
    house.link.mend()

    text = await answered(house, "survivor")
    again = await house.ask(ANNA, key="survivor")

    assert text == again.answer == "Dear Anna Kowalska, hello"
    (sent,) = house.provider.calls
    assert "Kowalska" not in str(sent)
    with sqlite3.connect(house.layout.root / "gateway-state" / "gateway.sqlite") as books:
        charged = books.execute(
            "SELECT COUNT(*) FROM usage_record WHERE request_id = ? AND cost_micros > 0",
            (again.receipt.request_id,),
        ).fetchone()
    assert charged == (1,)


async def test_what_a_device_queued_offline_cannot_pass_its_budget(house: QueueingHouse) -> None:
    keys = [f"dear-{number}" for number in range(6)]
    cap_usd = 3.0  # room for the worst case of one call, and for what some of them really cost
    said, usual = "word " * 400, house.provider.script
    house.provider.script = Script(pieces=(said,), usage=(7, 400))
    before = spent_usd(house)
    await budget(house, before + cap_usd)
    await house.link.cut()
    for key in keys:
        await away(house, key)
    house.link.mend()

    waiting = await settled(house, keys)

    assert 0 < len(waiting) < len(keys)
    assert {found.run.error for found in waiting} == {"BudgetExhausted"}
    assert spent_usd(house) - before <= cap_usd

    await budget(house, before + 100)
    assert {await answered(house, key) for key in keys} == {said}
    house.provider.script = usual


async def settled(house: QueueingHouse, keys: Sequence[str]) -> list[QueuedAnswer]:
    """Wait until each is answered or has heard why not; return those that wait."""
    async with asyncio.timeout(90):
        while True:
            found = [await house.queued(key) for key in keys]
            waiting = [one for one in found if one.answer is None]
            if all(one.run.error not in {"", "CloudAway"} for one in waiting):
                return waiting
            await asyncio.sleep(0.2)


async def budget(house: QueueingHouse, usd: float) -> None:
    words = ("set", "all", "--usd", f"{usd:.6f}", "--period", "total")
    ran = await leeward(
        "cloud", "budget", *words, "--config", str(house.layout.cloud_config),
        environment=dict(os.environ), timeout_s=100,
    )  # fmt: skip
    assert ran.exit_code == 0, ran.stderr


def spent_usd(house: QueueingHouse) -> float:
    with sqlite3.connect(house.layout.root / "gateway-state" / "gateway.sqlite") as books:
        (micros,) = books.execute("SELECT SUM(cost_micros) FROM usage_record").fetchone()
    return float(micros or 0) / 1e6


async def test_http_callers_are_told_the_key_not_to_come_again_and_where_the_answer_is(
    house: QueueingHouse,
) -> None:
    await house.link.cut()
    body = {"model": "leeward/ask-cloud", "messages": [{"role": "user", "content": ANNA}]}
    async with httpx2.AsyncClient(base_url=house.edge_http, timeout=60) as client:
        told = await client.post(
            "/chat/completions", json=body, headers={"Idempotency-Key": "by-http"}
        )
        waiting = await client.get("/outbox/by-http")
        house.link.mend()
        await answered(house, "by-http")
        there = (await client.get("/outbox/by-http")).json()
        unknown = await client.get("/outbox/nobody")

    assert told.status_code == 503
    assert told.json()["error"]["code"] == "RequestQueued"
    assert told.headers["x-leeward-outbox-key"] == "by-http"
    assert told.headers["x-should-retry"] == "false"
    assert waiting.json()["state"] in {"waiting", "running"}
    assert there["state"] == "answered"
    content = there["response"]["choices"][0]["message"]["content"]
    assert content == "Dear Anna Kowalska, hello"
    assert unknown.status_code == 404


async def test_the_command_line_lists_shows_and_cancels(house: QueueingHouse) -> None:
    await house.link.cut()
    await away(house, "unwanted")

    async def outbox(*arguments: str) -> str:
        ran = await leeward(
            "edge", "outbox", *arguments, "--address", house.edge,
            environment=dict(os.environ), timeout_s=100,
        )  # fmt: skip
        assert ran.exit_code == 0, ran.stderr
        return ran.stdout

    listed = await outbox("list")
    cancelled = await outbox("cancel", "unwanted")
    shown = await outbox("show", "unwanted", "--json")
    house.link.mend()

    assert "unwanted" in listed
    assert "Kowalska" not in listed
    assert cancelled.startswith("unwanted: cancelled")
    assert '"answer": null' in shown
