"""One trace over edge, gateway and attempt; the gateway's part as a real collector gets it."""

import json
import signal
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from runtime.testing.faulty_house import FaultyHouse, ask
from runtime.testing.local_roles import edit_yaml, leeward
from runtime.testing.scripted_provider import Script
from tests.trace_collector import Collector, running_collector

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

ASKED = "How much is 6 times 7?"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with running_collector() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def edge(house: FaultyHouse, collector: Collector) -> AsyncIterator[str]:
    """An edge of its own gateway, which sends its spans to the collector."""
    root, environment = house.layout.root, house.environment
    changes = {
        "traces": {"otlp": collector.endpoint},
        "state": "traced-state",
        "listen": "127.0.0.1:0",
        "enrolment": "127.0.0.1:0",
    }
    edit_yaml(house.layout.cloud_config, root / "traced.yaml", changes)
    edit_yaml(house.layout.edge_config, root / "seen.yaml", {"state": "seen-state"})
    cloud = await house.roles.serve("traced", "cloud", root / "traced.yaml")
    made = await leeward(
        "cloud", "token", "--config", str(root / "traced.yaml"),
        "--out", str(root / "seen.token.json"),
        "--gateway", cloud["grpc"], "--enrolment", cloud["enrolment"],
        environment=environment,
    )  # fmt: skip
    assert made.exit_code == 0, made.stderr
    enrolled = await leeward(
        "edge", "enroll", "--config", str(root / "seen.yaml"),
        "--token", str(root / "seen.token.json"), environment=environment,
    )  # fmt: skip
    assert enrolled.exit_code == 0, enrolled.stderr
    served = await house.roles.serve("seen", "edge", root / "seen.yaml")
    yield served["grpc"]
    await house.roles.kill("seen")


async def test_edge_gateway_and_attempt_are_one_trace_without_content(
    house: FaultyHouse, edge: str, collector: Collector
) -> None:
    house.play(Script())

    told = await ask(edge, "ask-cloud", ASKED)
    code = await _stopped(house, "traced")  # what was not yet sent is sent on the way out
    assert code == 0

    steps = [
        line
        for line in map(json.loads, house.roles.log("seen").read_text().splitlines())
        if line.get("event") == "span_ended" and line.get("node") == "cloud"
    ]
    spans = collector.spans()
    assert spans.keys() == {"call", "attempt"}, house.roles.log("traced").read_text()
    (step,), (call,), (attempt,) = steps, spans["call"], spans["attempt"]
    assert told.receipt.steps[0].node == "cloud"
    assert {step["trace_id"], call.trace_id.hex(), attempt.trace_id.hex()} == {
        told.receipt.request_id
    }
    assert call.parent_span_id.hex() == step["span_id"]
    assert attempt.parent_span_id == call.span_id
    assert not any(word in collector.received() for word in (b"times", b"much", b"fourty", b"two"))


async def _stopped(house: FaultyHouse, name: str) -> int:
    house.roles.signal(name, signal.SIGTERM)
    return await house.roles.wait_exit(name, timeout_s=20)
