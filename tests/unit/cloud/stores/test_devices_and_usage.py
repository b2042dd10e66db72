"""Devices and what they used, on both databases."""

from datetime import UTC, datetime

import pytest

from cloud.stores.database import Database
from cloud.stores.devices import DeviceStore
from cloud.stores.usage import UsageRecord, UsageStore
from runtime.errors import NotFound
from runtime.ids import DeviceId
from tests.unit.cloud.conftest import DriverFactory

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DEVICE = DeviceId("edge-1")


def record(**changes: object) -> UsageRecord:
    values: dict[str, object] = {
        "at": NOW.isoformat(),
        "device": "edge-1",
        "model": "big",
        "graph": "g",
        "request_id": "r",
        "plan_id": "p",
        "step_id": "s",
        "status": "stop",
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "cost_usd": 0.5,
        "estimated": False,
        "latency_s": 0.1,
    }
    return UsageRecord(**{**values, **changes})  # type: ignore[arg-type]


async def test_usage_is_summed_per_device_and_model(database: Database) -> None:
    usage = UsageStore(database)
    await usage.record(record())
    await usage.record(record(status="UpstreamUnavailable", cost_usd=0.0))
    await usage.record(record(device="edge-2"))

    first, second = await usage.totals(NOW)

    assert (first.device, first.calls, first.failed, first.cost_usd) == ("edge-1", 2, 1, 0.5)
    assert second.device == "edge-2"


async def test_usage_survives_a_restart(new_driver: DriverFactory) -> None:
    first = await Database.open(new_driver())
    await UsageStore(first).record(record())
    await first.close()

    second = await Database.open(new_driver())
    totals = await UsageStore(second).totals(NOW)
    await second.close()

    assert len(totals) == 1


async def test_strangers_and_revoked_devices_are_not_admitted(database: Database) -> None:
    devices = DeviceStore(database)
    await devices.enrol(DEVICE, serial="1", enrolled_at=NOW, expires_at=NOW)

    assert await devices.is_admitted(DEVICE)
    assert not await devices.is_admitted(DeviceId("stranger"))
    await devices.revoke(DEVICE, at=NOW)
    assert not await devices.is_admitted(DEVICE)


async def test_revoking_a_stranger_is_an_error(database: Database) -> None:
    with pytest.raises(NotFound):
        await DeviceStore(database).revoke(DeviceId("stranger"), at=NOW)


async def test_an_older_ledger_head_never_replaces_a_newer_one(database: Database) -> None:
    devices = DeviceStore(database)
    await devices.enrol(DEVICE, serial="1", enrolled_at=NOW, expires_at=NOW)

    await devices.note_head(DEVICE, position=5, head_mac=b"five")
    await devices.note_head(DEVICE, position=4, head_mac=b"four")

    (device,) = await devices.all()
    assert device.ledger_position == 5
