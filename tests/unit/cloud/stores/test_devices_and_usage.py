"""Devices and what they used, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from cloud.stores.audit import Act
from cloud.stores.database import Database
from cloud.stores.devices import DeviceStore, write_device
from cloud.stores.tenants import TenantStore
from cloud.stores.usage import UsageRecord, UsageStore
from runtime.errors import NotFound
from runtime.ids import DeviceId
from tests.unit.cloud.conftest import DriverFactory

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DEVICE, STRANGER = DeviceId("edge-1"), DeviceId("stranger")
ACT = Act("operator:ann", NOW)


def record(**changes: object) -> UsageRecord:
    values: dict[str, object] = {
        "at": NOW,
        "tenant": "default",
        "caller_kind": "device",
        "caller": "edge-1",
        "model": "big",
        "graph": "g",
        "request_id": "r",
        "plan_id": "p",
        "step_id": "s",
        "status": "stop",
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "cost_micros": 500_000,
        "estimated": False,
        "cache_hit": False,
        "latency_s": 0.1,
    }
    return UsageRecord(**{**values, **changes})  # type: ignore[arg-type]


async def test_usage_is_added_up_by_what_is_asked_for(database: Database) -> None:
    usage = UsageStore(database)
    await usage.record(record())
    await usage.record(record(status="UpstreamUnavailable", cost_micros=0))
    await usage.record(record(at=NOW + timedelta(hours=30), caller="edge-2", cache_hit=True))
    await usage.record(record(tenant="acme", caller_kind="key", caller="k1", graph="other"))

    by_device = await usage.totals(NOW, by=("device",))
    by_day = await usage.totals(NOW, by=("tenant", "day"))

    assert [(t.group, t.calls, t.failed, t.cached, t.cost_micros) for t in by_device] == [
        ({"device": ""}, 1, 0, 0, 500_000),
        ({"device": "edge-1"}, 2, 1, 0, 500_000),
        ({"device": "edge-2"}, 1, 0, 1, 500_000),
    ]
    assert [(t.group, t.calls, t.prompt_tokens) for t in by_day] == [
        ({"tenant": "acme", "day": "2026-11-24"}, 1, 10),
        ({"tenant": "default", "day": "2026-11-24"}, 2, 20),
        ({"tenant": "default", "day": "2026-11-25"}, 1, 10),
    ]


async def test_usage_outside_of_the_time_asked_for_does_not_count(database: Database) -> None:
    usage = UsageStore(database)
    for hours in (-1, 0, 1, 2):
        await usage.record(record(at=NOW + timedelta(hours=hours)))

    (total,) = await usage.totals(NOW, until=NOW + timedelta(hours=2), by=("model",))

    assert total.calls == 2
    assert await usage.totals(NOW + timedelta(days=9), by=()) == []


async def test_usage_survives_a_restart(new_driver: DriverFactory) -> None:
    first = await Database.open(new_driver())
    await UsageStore(first).record(record())
    await first.close()

    second = await Database.open(new_driver())
    totals = await UsageStore(second).totals(NOW, by=("tenant",))
    await second.close()

    assert len(totals) == 1


async def enrol(database: Database) -> DeviceStore:
    def write(connection: Connection) -> None:
        write_device(
            connection, DEVICE, ACT, tenant="default", serial="1", expires_at=NOW, authority="a"
        )

    await database.run(write)
    return DeviceStore(database)


async def test_a_device_revoked_twice_keeps_its_first_moment(database: Database) -> None:
    devices = await enrol(database)

    await devices.revoke(DEVICE, ACT)
    await devices.revoke(DEVICE, Act("operator:bob", NOW + timedelta(days=1)))

    (device,) = await devices.all()
    assert device.revoked_at == NOW


async def test_a_device_is_given_to_a_tenant_that_is_there(database: Database) -> None:
    devices = await enrol(database)
    await TenantStore(database).create("acme", ACT)

    await devices.assign(DEVICE, "acme", ACT)

    with pytest.raises(NotFound, match="tenant"):
        await devices.assign(DEVICE, "nobody", ACT)
    (device,) = await devices.all()
    assert device.tenant == "acme"


async def test_a_stranger_is_neither_revoked_nor_given_away(database: Database) -> None:
    devices = DeviceStore(database)

    for change in (devices.revoke(STRANGER, ACT), devices.assign(STRANGER, "default", ACT)):
        with pytest.raises(NotFound):
            await change
