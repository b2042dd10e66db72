"""`leeward fleet rollout`, `diff`, `telemetry` on a real store: what people and programs read."""

import asyncio
import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from typer.testing import CliRunner, Result

from cloud.cli_fleet import app
from cloud.stores.audit import Act
from cloud.stores.database import Database
from cloud.stores.devices import write_device
from cloud.stores.fleet_devices import FleetStore
from cloud.stores.sqlite import SqliteDriver
from runtime.clock import SystemClock
from runtime.fleet.report import HostReport, StateReport, SyncReport, UsageBatch, UsageReport
from runtime.ids import DeviceId, ModelName

CONFIG = """
leeward: cloud/v1
upstreams:
  here: {base_url: "http://127.0.0.1:1/v1", api_key_env: NOT_READ}
models:
  small: {targets: [{upstream: here, model: m}]}
"""
STATE = """\
leeward: fleet-state/v1
name: clinics
revision: 1
base: {policy: policy.yaml, catalog: catalog.yaml, graphs: graphs}
overlays:
- {for: {devices: [device-1]}, policy: open.yaml}
"""
POLICY = """\
leeward: policy/v1
categories: {person: confidential}
clearance: {edge: %s, cloud: public}
releases: [{categories: [person], to: cloud, by: redact}]
"""
CATALOG = """\
leeward: catalog/v1
nodes: {edge: {zone: edge}, cloud: {zone: cloud}}
models: {small: {node: edge}, large: {node: cloud}}
"""
GRAPH = "leeward: graph/v1\nname: ask\nsteps: {far: {role: assistant, model: large}}\n"
Run = Callable[..., Result]


async def enrol(path: Path, names: list[str]) -> None:
    now = SystemClock().now()

    def write(connection: Connection) -> None:
        for name in names:
            write_device(
                connection,
                DeviceId(name),
                Act("test", now),
                tenant="default",
                serial="1",
                expires_at=now + timedelta(days=1),
                authority="",
            )

    database = await Database.open(SqliteDriver(path))
    await database.run(write)
    await database.close()


@pytest.fixture
def run(tmp_path: Path, migrated_file: Path) -> Run:
    (tmp_path / "cloud.yaml").write_text(CONFIG)
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "ask.yaml").write_text(GRAPH)
    (tmp_path / "state.yaml").write_text(STATE)
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    (tmp_path / "policy.yaml").write_text(POLICY % "internal")
    (tmp_path / "open.yaml").write_text(POLICY % "restricted")
    (tmp_path / "gateway-state").mkdir(mode=0o700)
    shutil.copyfile(migrated_file, tmp_path / "gateway-state" / "gateway.sqlite")
    asyncio.run(enrol(tmp_path / "gateway-state" / "gateway.sqlite", ["device-1", "device-2"]))

    def invoke(*arguments: str) -> Result:
        config = ["--config", str(tmp_path / "cloud.yaml")]
        return CliRunner().invoke(app, [*arguments, *config])

    return invoke


def create(run: Run, tmp_path: Path, *options: str) -> Result:
    files = (str(tmp_path / "state.yaml"), "--key", str(tmp_path / "op.pem"))
    return run("rollout", "create", *files, *options)


def data(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_dry_run_says_which_devices_would_refuse_what_without_the_cloud(
    run: Run, tmp_path: Path
) -> None:
    shown = create(run, tmp_path, "--dry-run", "--waves", "1")
    made = data(create(run, tmp_path, "--dry-run", "--json"))

    assert "rollout 1 would begin: clinics@1 to 2 devices" in shown.stdout
    assert 'without the cloud, 1 of them refuse graph "ask"' in shown.stdout
    (lacking,) = made["no_edge_plans"]
    assert (lacking["devices"], lacking["level"]) == (["device-2"], "confidential")
    assert data(run("rollout", "list", "--json")) == []


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_a_state_that_asks_for_edge_plans_is_refused_before_anything_is_signed(
    run: Run, tmp_path: Path, options: tuple[str, ...]
) -> None:
    with (tmp_path / "state.yaml").open("a") as file:
        file.write("health: {needs_edge_plans: true}\n")

    refused = create(run, tmp_path, *options)

    assert refused.exit_code == 60
    assert 'needs the cloud on device-2: graph "ask"' in refused.stderr
    assert data(run("rollout", "list", "--json")) == []
    assert data(create(run, tmp_path, "--device", "device-1", "--json"))["no_edge_plans"] == []


def test_a_diff_says_what_a_device_gets(run: Run, tmp_path: Path) -> None:
    found = data(run("diff", str(tmp_path / "state.yaml"), "--device", "device-1", "--json"))

    assert [(one["kind"], one["part"]) for one in found["device-1"]] == [
        ("added", "policy"),
        ("added", "catalog"),
        ("added", "graph"),
    ]


def test_telemetry_says_how_calls_went_and_how_much_room_there_is(run: Run, tmp_path: Path) -> None:
    counts = {"total_s.0.3": 90, "total_s.30": 10, "failed.EngineCrashed": 4, "restarts": 2}
    usage = UsageReport(ModelName("slm"), 100, 4, 900, 300, counts)
    report = SyncReport(
        StateReport(),
        is_complete=True,
        batch=UsageBatch(7, 1, (usage,)),
        host=HostReport(disk_free_mib=9_000, memory_free_mib=400, models_mib=70),
    )
    asyncio.run(tell(tmp_path / "gateway-state" / "gateway.sqlite", report))

    shown, read = run("telemetry"), data(run("telemetry", "--device", "device-1", "--json"))

    assert "device-1  slm    100    within 0.3 s  within 30 s" in shown.stdout
    assert "4 EngineCrashed" in shown.stdout
    assert "9,000 MiB" in shown.stdout
    assert read["models"][0]["counts"] == counts
    assert read["devices"][0]["host"]["models_mib"] == 70
    assert data(run("telemetry", "--device", "device-2", "--json")) == {"models": [], "devices": []}


async def tell(path: Path, report: SyncReport) -> None:
    database = await Database.open(SqliteDriver(path))
    await FleetStore(database).sync(DeviceId("device-1"), report, SystemClock().now())
    await database.close()
