"""SIGTERM and kill -9 of an edge at work: streams end, nothing is left, the ledger verifies."""

import asyncio
import json
import os
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from runtime.errors import LeewardError
from runtime.executor.events import AnswerDelta, RunFinished
from runtime.testing.faulty_house import FaultyHouse, ask, enrol_edge
from runtime.testing.local_roles import CommandResult, edit_yaml, leeward, run_graph
from runtime.testing.scripted_provider import Script

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="session"),
]

PUBLIC = "How much is 6 times 7?"
ROUNDS = 10
CALLERS = 6
GRACE_S = 15.0
NAME = "victim"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def victim(house: FaultyHouse) -> AsyncIterator[Path]:
    """The configuration of a third edge, enrolled and not running."""
    config = house.layout.root / f"{NAME}.yaml"
    edit_yaml(house.layout.edge_config, config, {"state": f"{NAME}-state"})
    cloud = {"grpc": house.gateway, "enrolment": house.enrolment}
    await enrol_edge(house.layout, config, cloud, environment=house.environment)
    yield config


def _ledger(house: FaultyHouse) -> Path:
    return house.layout.root / f"{NAME}-state" / "ledger"


async def _verify(house: FaultyHouse) -> CommandResult:
    return await leeward("ledger", "verify", str(_ledger(house)), "--json", environment={})


async def _ask_on(target: str, *, graph: str) -> int:
    """Ask until the edge is gone; return how often it answered."""
    answered = 0
    while True:
        try:
            await ask(target, graph, PUBLIC, timeout_s=5)
        except LeewardError:
            return answered
        answered += 1


async def _wait_gone(pids: list[int]) -> None:
    async with asyncio.timeout(5):
        while any(_is_alive(pid) for pid in pids):  # noqa: ASYNC110 - other people's processes
            await asyncio.sleep(0.02)


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _children(house: FaultyHouse) -> list[int]:
    process = psutil.Process(house.roles.pid(NAME))
    return [child.pid for child in process.children(recursive=True)]


async def test_the_ledger_verifies_after_each_kill_under_load(
    house: FaultyHouse, victim: Path
) -> None:
    house.play(Script())
    rng = random.Random(20260101)
    lengths: list[int] = []
    answered = 0

    for _ in range(ROUNDS):
        addresses = await house.roles.serve(NAME, "edge", victim)
        children = _children(house)
        graphs = ("ask-cloud", "parallel-fuse")
        callers = [
            asyncio.create_task(_ask_on(addresses["grpc"], graph=graphs[number % 2]))
            for number in range(CALLERS)
        ]
        await asyncio.sleep(rng.uniform(0.05, 0.6))
        await house.roles.kill(NAME)
        answered += sum(await asyncio.gather(*callers))
        await _wait_gone(children)
        verified = await _verify(house)
        assert verified.exit_code == 0, verified.stdout + verified.stderr
        lengths.append(_lines(house))

    assert children
    assert answered > ROUNDS
    assert lengths == sorted(set(lengths))


def _lines(house: FaultyHouse) -> int:
    return sum(file.read_bytes().count(b"\n") for file in sorted(_ledger(house).rglob("*.jsonl")))


async def test_a_line_torn_by_hand_is_recovered_and_reported(
    house: FaultyHouse, victim: Path
) -> None:
    house.play(Script())
    addresses = await house.roles.serve(NAME, "edge", victim)
    await ask(addresses["grpc"], "ask-cloud", PUBLIC)
    await house.roles.kill(NAME)
    segment = max(_ledger(house).rglob("*.jsonl"))
    os.truncate(segment, segment.stat().st_size - 20)
    size = house.roles.log(NAME).stat().st_size

    torn = await _verify(house)
    addresses = await house.roles.serve(NAME, "edge", victim)
    told = await ask(addresses["grpc"], "ask-cloud", PUBLIC)
    await house.roles.kill(NAME)
    recovered = await _verify(house)

    assert torn.exit_code == 0
    assert "torn" in torn.stdout
    assert told.answer == "fourty-two"
    assert "torn" in house.roles.log(NAME).read_bytes()[size:].decode()
    assert recovered.exit_code == 0
    assert json.loads(recovered.stdout)


async def test_sigterm_lets_a_running_stream_finish(house: FaultyHouse, victim: Path) -> None:
    house.play(Script(pieces=tuple(["word "] * 2000)))
    addresses = await house.roles.serve(NAME, "edge", victim)
    children = _children(house)
    last: object = None
    stopping = False

    async for event in run_graph(addresses["grpc"], "ask-cloud", PUBLIC):
        if isinstance(event, AnswerDelta) and not stopping:
            stopping = True
            house.roles.signal(NAME, signal.SIGTERM)
        last = event
    code = await house.roles.wait_exit(NAME, timeout_s=GRACE_S)
    await _wait_gone(children)

    assert isinstance(last, RunFinished)
    assert code == 0
    assert (await _verify(house)).exit_code == 0


async def test_sigterm_ends_a_stream_that_hangs_with_a_typed_error_within_the_grace(
    house: FaultyHouse, victim: Path
) -> None:
    house.play(Script(stall_before=1))
    addresses = await house.roles.serve(NAME, "edge", victim)
    children = _children(house)

    with pytest.raises(LeewardError):
        await _stop_at_first_text(house, addresses["grpc"])
    code = await house.roles.wait_exit(NAME, timeout_s=GRACE_S)
    await _wait_gone(children)

    assert code == 0
    assert '"event":"edge_stopping"' in house.roles.log(NAME).read_text()
    assert "Traceback" not in house.roles.log(NAME).read_text()
    assert (await _verify(house)).exit_code == 0


async def _stop_at_first_text(house: FaultyHouse, target: str) -> None:
    async for event in run_graph(target, "ask-cloud", PUBLIC):
        if isinstance(event, AnswerDelta):
            house.roles.signal(NAME, signal.SIGTERM)
