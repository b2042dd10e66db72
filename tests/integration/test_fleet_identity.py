"""A real daemon and its gateway: certificates that end soon or have ended, and a ledger cut short.

Its certificate is made with the authority's own key, so that no test waits for days.
"""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runtime.clock import SystemClock
from runtime.identity.authority import CertificateAuthority
from runtime.identity.csr import create_csr
from runtime.identity.keys import load_device_keys
from runtime.ids import DeviceId
from runtime.private_files import write_private_file
from runtime.testing.faulty_house import FaultyHouse, ask, enrol_edge
from runtime.testing.local_roles import edit_yaml, leeward
from runtime.testing.scripted_provider import Script

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="session"),
]

PUBLIC = "How much is 6 times 7?"


async def _device(house: FaultyHouse, name: str, *, left_s: float) -> tuple[str, Path]:
    """Enrol a device, and leave so much of its certificate; return its id and configuration."""
    root = house.layout.root
    config, state = root / f"{name}.yaml", root / f"{name}-state"
    edit_yaml(house.layout.edge_config, config, {"state": f"{name}-state"})
    gateway = {"grpc": house.gateway, "enrolment": house.enrolment}
    device = await enrol_edge(house.layout, config, gateway, environment=house.environment)
    authority = CertificateAuthority.load(root / "gateway-state" / "authority", clock=SystemClock())
    keys = load_device_keys(state / "identity")
    issued = authority.issue_client(create_csr(keys.tls), DeviceId(device), lifetime_s=left_s)
    write_private_file(state / "identity" / "device.pem", issued.chain_pem)
    return device, config


async def _wait_logged(house: FaultyHouse, name: str, event: str) -> None:
    async with asyncio.timeout(60):
        while f'"event":"{event}"' not in house.roles.log(name).read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_a_daemon_that_was_away_recovers_and_its_shortened_ledger_is_found_out(
    house: FaultyHouse,
) -> None:
    house.play(Script())
    device, config = await _device(house, "away", left_s=-1)
    ledger, anchor = house.layout.root / "away-state" / "ledger", house.layout.root / "anchor.json"
    addresses = await house.roles.serve("away", "edge", config)
    await _wait_logged(house, "away", "certificate_renewed")
    async with asyncio.timeout(30):
        told = await ask(addresses["grpc"], "ask-cloud", PUBLIC)
        while told.receipt.steps[0].node != "cloud":  # the link looks for the gateway once a second
            await asyncio.sleep(0.5)
            told = await ask(addresses["grpc"], "ask-cloud", PUBLIC)
    await house.roles.kill("away")

    cloud = ("--config", str(house.layout.cloud_config))
    made = await leeward(
        "cloud", "device", "anchor", device, "--out", str(anchor), *cloud,
        environment=house.environment, timeout_s=90,
    )  # fmt: skip
    key = await leeward(
        "cloud", "authority", "anchor-key", *cloud, environment=house.environment, timeout_s=90
    )
    key_file = house.layout.root / "gateway.pub.pem"
    key_file.write_text(key.stdout)
    checked = ("ledger", "verify", str(ledger), "--json")
    held_against = ("--anchor", str(anchor), "--anchor-key", str(key_file))
    whole = await leeward(*checked, *held_against, environment={}, timeout_s=90)
    position = json.loads(anchor.read_text())["position"]
    _cut_before(ledger, position)
    unsuspected = await leeward(*checked, environment={}, timeout_s=90)
    found_out = await leeward(*checked, *held_against, environment={}, timeout_s=90)

    assert made.exit_code == 0, made.stderr
    assert told.receipt.steps[0].ledger_positions[-1] <= position
    assert (whole.exit_code, json.loads(whole.stdout)["anchored"]) == (0, True)
    assert unsuspected.exit_code == 0
    assert found_out.exit_code == 26
    assert json.loads(found_out.stdout)["problems"][-1]["position"] == position


def _cut_before(ledger: Path, position: int) -> None:
    """Remove an entry and all behind it, as somebody would who hides that something left."""
    (segment,) = ledger.glob("*.jsonl")
    kept = segment.read_bytes().splitlines(keepends=True)[:position]
    segment.write_bytes(b"".join(kept))


async def test_a_daemon_whose_certificate_is_due_renews_it_with_its_first_words(
    house: FaultyHouse,
) -> None:
    house.play(Script())
    _, config = await _device(house, "renewing", left_s=20)
    addresses = await house.roles.serve("renewing", "edge", config)

    await _wait_logged(house, "renewing", "certificate_renewed")
    told = await ask(addresses["grpc"], "ask-cloud", PUBLIC)
    status = await leeward(
        "edge", "status", "--config", str(config), "--address", addresses["grpc"], "--json",
        environment={}, timeout_s=90,
    )  # fmt: skip
    await house.roles.kill("renewing")

    assert told.receipt.steps[0].node == "cloud"
    ends = datetime.fromisoformat(json.loads(status.stdout)["certificate_expires_at"])
    assert ends > datetime.now(UTC) + timedelta(hours=1)
