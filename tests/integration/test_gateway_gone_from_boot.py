"""A device that starts without its gateway answers what it can, rebooted and with a wrong clock."""

from contextlib import aclosing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import edge.app
from bench.fleet_state_world import FleetWorld, running_fleet
from edge.egress.local import read_status
from runtime.clock import SystemClock
from runtime.executor.events import RunFinished
from runtime.testing.local_roles import run_graph

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
YEARS = 365.25


class WrongClock(SystemClock):
    """Years from the truth; set before a device boots."""

    wrong = timedelta()

    def now(self) -> datetime:
        return super().now() + self.wrong


async def places(fleet: FleetWorld, graph: str) -> set[str]:
    """Ask a graph; return where its steps ran."""
    events = run_graph(fleet.addresses["grpc"], graph, "Hello", timeout_s=60)
    async with aclosing(events):
        async for event in events:
            if isinstance(event, RunFinished):
                return {step.node for step in event.receipt.steps}
    raise AssertionError("the stream ended early")


async def test_all_that_the_policy_lets_stay_here_is_answered_without_a_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_fleet(tmp_path) as fleet:
        pass  # enrolled; the gateway is gone before the device ever boots
    monkeypatch.setattr(edge.app, "SystemClock", WrongClock)

    # A first boot, a clock that has lost its battery, and one that is far ahead: each a reboot.
    for years in (0.0, -30.0, 25.0):
        monkeypatch.setattr(WrongClock, "wrong", timedelta(days=years * YEARS))
        async with fleet.edge():
            assert (await read_status(fleet.addresses["grpc"]))["no_edge_plans"] == []
            for graph in ("ask-edge", "ask-cloud"):
                assert await places(fleet, graph) == {"edge"}, (years, graph)
