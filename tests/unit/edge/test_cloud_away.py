"""What a device would refuse without its gateway is said when it loads, and refused on demand."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from edge import cli_doctor
from edge.cli import app
from edge.cloud_away import without_gateway
from edge.config import load_config
from edge.documents import load_documents
from edge.fleet.boot import FleetHome, effective
from edge.fleet.generations import Generations, Taken
from edge.fleet.pointer import AS_INSTALLED, Generation, PointerFile
from edge.models.store import ModelStore
from runtime.clock import SystemClock
from runtime.errors import StateInvalid
from runtime.fleet.order import Order, sign_order
from runtime.fleet.state import Target, pack_state, state_hash
from runtime.ids import DeviceId
from runtime.labels import Level

CONFIG = """\
leeward: edge/v1
listen: 127.0.0.1:1
gateway: cloud
policy: policy.yaml
catalog: catalog.yaml
graphs: graphs
default_graph: ask
models: {small: {file: small.gguf}}
"""
POLICY = """\
leeward: policy/v1
categories: {person: confidential}
clearance: {edge: %s, cloud: public}
releases: [{categories: [person], to: cloud, by: redact}]
cloud_away: edge_only
"""
CATALOG = """\
leeward: catalog/v1
nodes: {edge: {zone: edge}, cloud: {zone: cloud}}
models: {small: {node: edge}, large: {node: cloud}}
"""
GRAPH = "leeward: graph/v1\nname: ask\nsteps: {far: {role: assistant, model: large}}\n"
KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "graphs").mkdir()
    (tmp_path / "edge-state").mkdir(mode=0o700)
    files = {"edge.yaml": CONFIG, "catalog.yaml": CATALOG, "graphs/ask.yaml": GRAPH}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    clear(tmp_path, "internal")
    return tmp_path / "edge.yaml"


def clear(directory: Path, level: str) -> None:
    """Let the device see requests of a level."""
    (directory / "policy.yaml").write_text(POLICY % level)


def home(config: Path, *, needs_edge_plans: bool) -> tuple[FleetHome, Generation]:
    """A device that was told the policy of its own file, in a state."""
    state = pack_state(
        {
            "leeward": "fleet-state/v1",
            "name": "clinic",
            "revision": 1,
            "base": {"policy": {"text": (config.parent / "policy.yaml").read_text()}},
            "health": {"needs_edge_plans": needs_edge_plans},
        }
    )
    device = DeviceId("device-1")
    made = FleetHome(
        pointers=PointerFile(config.parent / "fleet"),
        generations=Generations(config.parent / "fleet"),
        store=ModelStore(config.parent, clock=SystemClock()),
        signers=[KEY.public_key()],
        target=Target(device),
        load=lambda changes: load_config(config, changes=changes),
    )
    order = Order(2, state_hash(state), 1, device=device)
    made.generations.keep(2, Taken(sign_order(order, KEY), state))
    return made, Generation(2, state_hash(state), "clinic", 1)


def test_a_graph_whose_stand_in_may_not_see_the_request_is_named(config: Path) -> None:
    loaded = load_config(config)

    found = {one.graph: one.level for one in without_gateway(loaded, load_documents(loaded))}

    assert found["ask"] is Level.CONFIDENTIAL


def test_nothing_is_said_where_every_graph_can_be_answered_here(config: Path) -> None:
    clear(config.parent, "restricted")
    loaded = load_config(config)

    assert without_gateway(loaded, load_documents(loaded)) == ()


def test_the_check_says_it_to_people_and_to_programs(config: Path) -> None:
    shown = CliRunner().invoke(app, ["check", "--config", str(config)])
    data = json.loads(CliRunner().invoke(app, ["check", "--config", str(config), "--json"]).stdout)

    assert shown.exit_code == 0
    assert 'without the cloud, graph "ask" refuses requests of level confidential' in shown.stdout
    assert "ask" in [one["graph"] for one in data["no_edge_plans"]]


def test_the_doctor_warns_of_what_the_running_daemon_says(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def status(_address: str) -> dict[str, object]:
        lacking = {"graph": "ask", "level": "confidential", "reason": "step far: ..."}
        return {
            "node": "edge",
            "version": "1",
            "refused_by_gateway": False,
            "no_edge_plans": [lacking],
        }

    monkeypatch.setattr(cli_doctor, "read_status", status)
    result = CliRunner().invoke(app, ["doctor", "--config", str(config), "--json"])

    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert checks["cloud away"]["status"] == "warning"
    assert '"ask"' in checks["cloud away"]["detail"]


def test_a_state_that_asks_for_edge_plans_is_refused_without_them(config: Path) -> None:
    told, generation = home(config, needs_edge_plans=True)
    with pytest.raises(StateInvalid, match=r'needs the cloud: graph "'):
        effective(told, generation, allows_older=True)
    assert effective(told, AS_INSTALLED, allows_older=True).documents.graphs

    untold, generation = home(config, needs_edge_plans=False)
    assert effective(untold, generation, allows_older=True).accepted

    clear(config.parent, "restricted")
    told, generation = home(config, needs_edge_plans=True)
    assert effective(told, generation, allows_older=True).accepted
