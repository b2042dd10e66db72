"""A gateway that dies and comes back; an edge that was never enrolled."""

import asyncio
import signal
from collections.abc import AsyncGenerator

import pytest

from runtime.errors import CloudAway, LeewardError, StreamBroken
from runtime.executor.events import AnswerDelta, Event
from runtime.testing.faulty_house import FaultyHouse, Told, ask
from runtime.testing.local_roles import edit_yaml, run_graph
from runtime.testing.scripted_provider import Script

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="session"),
]

PUBLIC = "How much is 6 times 7?"
RECOVERY_S = 12.0


async def _kill_at_first_text(house: FaultyHouse, events: AsyncGenerator[Event]) -> None:
    async for event in events:
        if isinstance(event, AnswerDelta):
            house.roles.signal("cloud", signal.SIGKILL)


async def _wait_answered_by_cloud(house: FaultyHouse, edge: str) -> Told:
    """Ask until the cloud answers again; the edge has to find that out by itself."""
    async with asyncio.timeout(RECOVERY_S):
        while True:
            try:
                told = await ask(edge, "ask-cloud", PUBLIC)
            except LeewardError:
                told = None
            if told is not None and told.receipt.steps[0].node == "cloud":
                return told
            await asyncio.sleep(0.2)


async def _restart(house: FaultyHouse) -> None:
    house.play(Script())
    addresses = await house.roles.serve("cloud", "cloud", house.layout.cloud_config)
    assert addresses["grpc"] == house.gateway


async def test_a_gateway_killed_in_mid_stream_breaks_the_answer_and_is_found_again(
    house: FaultyHouse,
) -> None:
    house.play(Script(stall_before=1))

    with pytest.raises(StreamBroken):
        await _kill_at_first_text(house, run_graph(house.edge, "ask-cloud", PUBLIC))
    await house.roles.wait_exit("cloud", timeout_s=5)
    away = await ask(house.edge, "ask-cloud", PUBLIC)
    with pytest.raises(CloudAway):
        await ask(house.strict, "ask-cloud", PUBLIC)
    await _restart(house)
    back, strict_back = await asyncio.gather(
        _wait_answered_by_cloud(house, house.edge), _wait_answered_by_cloud(house, house.strict)
    )

    assert away.receipt.steps[0].node == "edge"
    assert not away.receipt.left_the_edge
    assert back.answer == strict_back.answer == "fourty-two"


async def test_a_gateway_killed_before_the_first_text_is_stood_in_for(house: FaultyHouse) -> None:
    house.play(Script(stall_before=0))

    running = asyncio.create_task(ask(house.edge, "ask-cloud", PUBLIC))
    async with asyncio.timeout(10):
        await house.provider.asked.wait()
    await house.roles.kill("cloud")
    told = await running
    await _restart(house)
    back = await _wait_answered_by_cloud(house, house.edge)

    assert told.receipt.steps[0].fell_back_from == "cloud"
    assert len(told.fell_back) == 1
    assert back.answer == "fourty-two"


async def test_an_edge_without_enrolment_serves_from_the_edge_alone(house: FaultyHouse) -> None:
    house.play(Script())
    config = house.layout.root / "alone.yaml"
    edit_yaml(house.layout.edge_config, config, {"state": "alone-state"})

    addresses = await house.roles.serve("alone", "edge", config)
    told = await ask(addresses["grpc"], "ask-cloud", PUBLIC)
    house.roles.signal("alone", signal.SIGTERM)
    code = await house.roles.wait_exit("alone", timeout_s=10)

    assert told.answer
    assert told.receipt.steps[0].node == "edge"
    assert house.provider.calls == []
    assert '"event":"no_cloud_identity"' in house.roles.log("alone").read_text()
    assert code == 0
