"""A device takes a release of the software that an operator has signed for, and comes back from
one that does not work: gateway, launcher and daemons are real, the releases are small."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.fleet_state_world import FleetWorld, running_fleet
from runtime.fleet.bundle import pack_bundle
from runtime.local.process import LocalProcess
from runtime.testing.local_roles import leeward
from tests.wheels import make_wheel

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
LAUNCH = (sys.executable, "-c", "from edge.software.main import main; main()")
BROKEN = """\
import os
import typer

app = typer.Typer()

@app.command()
def check(config: str = "") -> None:
    print("all is well")

@app.command()
def serve(config: str = "", ready_file: str = "") -> None:
    os._exit(3)
"""


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[FleetWorld]:
    async with running_fleet(tmp_path) as world, launched(world):
        yield world


@asynccontextmanager
async def launched(world: FleetWorld) -> AsyncIterator[None]:
    """Run the edge under its launcher until the block ends."""
    root = world.layout.root
    ready = world.layout.ready("edge")
    config = str(world.layout.edge_config)
    serve = ["edge", "serve", "--config", config, "--ready-file", str(ready)]
    command = [*LAUNCH, "--state", str(root / "edge-state"), "--", *serve]
    process = await LocalProcess.start(
        "edge", command, log=root / "logs" / "edge.log", environment=dict(os.environ)
    )
    try:
        await process.wait_ready_file(ready, timeout_s=120)
        yield
    finally:
        await process.stop()


def release(root: Path, version: str, **more: Any) -> dict[str, str]:
    """Make a bundle; return what a state says of it."""
    bundle = root / f"leeward-{version}.zip"
    packed = pack_bundle([make_wheel(root / "wheels", version, **more)], bundle)
    return {"version": version, "source": str(bundle), "sha256": packed.sha256}


async def status(world: FleetWorld) -> dict[str, Any]:
    """Return what `leeward edge status` says."""
    async with asyncio.timeout(120):
        while True:
            address = json.loads(world.layout.ready("edge").read_bytes())["grpc"]
            arguments = ("edge", "status", "--address", address, "--json")
            ended = await leeward(*arguments, environment=dict(os.environ))
            if ended.exit_code == 0:
                found: dict[str, Any] = json.loads(ended.stdout)
                return found
            await asyncio.sleep(0.2)


async def failure_of(world: FleetWorld, rollout: int) -> str:
    (order,) = await world.state.rollouts.orders(rollout)
    return order.failure


async def test_a_signed_release_is_run_and_a_broken_one_left_again(
    fleet: FleetWorld, tmp_path: Path
) -> None:
    good = release(tmp_path, "0.2.0")
    first = await fleet.roll_out(1, {"release": good}, health={"probation_s": 0.5})
    assert await fleet.outcome(first, timeout_s=200) == "runs"
    running = await status(fleet)
    assert running["version"] == "0.2.0"
    assert (running["fleet"]["release"], running["fleet"]["state"]) == (good["sha256"], "bench@1")

    no_return = release(tmp_path, "0.3.0", schema={"writes": 2, "reads": [1, 2]})
    second = await fleet.roll_out(2, {"release": no_return})
    assert await fleet.outcome(second, timeout_s=200) == "refused"
    assert await failure_of(fleet, second) == "SoftwareInvalid"

    broken = release(tmp_path, "0.4.0", edge="broken:app", files={"broken.py": BROKEN})
    third = await fleet.roll_out(3, {"release": broken}, health={"probation_s": 0.5})
    assert await fleet.outcome(third, timeout_s=200) == "failed"
    assert await failure_of(fleet, third) == "SoftwareCrashed"

    back = await status(fleet)
    assert (back["version"], back["fleet"]["state"]) == ("0.2.0", "bench@1")
    assert (back["fleet"]["left_version"], back["fleet"]["left_reason"]) == (
        "0.4.0",
        "SoftwareCrashed",
    )
    (device,) = await fleet.state.fleet.standings()
    assert device.version == "0.2.0"
