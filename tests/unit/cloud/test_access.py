"""Who is let in, on both databases; also by another replica."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from cloud.access import Access
from cloud.audit_trail import AuditTrail
from cloud.calls import Caller
from cloud.stores.audit import Act, AuditEntry, AuditStore
from cloud.stores.database import Database
from cloud.stores.devices import DeviceStore, write_device
from cloud.stores.keys import KeyStore, NewKey
from cloud.stores.tenants import TenantStore
from runtime.clock import SystemClock
from runtime.errors import DatabaseUnavailable, KeyRefused, LeewardError, NotPermitted
from runtime.ids import DeviceId
from runtime.rpc.peer import VerifiedPeer
from runtime.testing.fakes import ManualClock
from tests.unit.cloud.conftest import DriverFactory

DEVICE = DeviceId("device-1")
PEER = VerifiedPeer(DEVICE, b"")


@dataclass
class House:
    """Two replicas of a gateway, a clock, and what operators use."""

    here: Access
    there: Access
    database: Database
    trail: AuditTrail
    clock: ManualClock

    @property
    def act(self) -> Act:
        return Act("operator:ann", self.clock.now())

    async def new_key(self, **options: object) -> NewKey:
        return await KeyStore(self.database).create(
            "web",
            self.act,
            **({"tenant": "acme"} | options),  # type: ignore[arg-type]
        )

    async def refused(self) -> list[AuditEntry]:
        await self.trail.flush()
        return await AuditStore(self.database).entries(
            self.clock.now() - timedelta(days=9), actions=["call_refused"]
        )


@pytest.fixture
async def house(new_driver: DriverFactory) -> AsyncIterator[House]:
    here, there = await Database.open(new_driver()), await Database.open(new_driver())
    clock = ManualClock()
    trail = AuditTrail(AuditStore(here), clock)
    made = House(Access(here, trail, clock), Access(there, trail, clock), here, trail, clock)
    await TenantStore(here).create("acme", made.act)

    def enrol(connection: Connection) -> None:
        write_device(
            connection,
            DEVICE,
            made.act,
            tenant="acme",
            serial="1",
            expires_at=clock.now(),
            authority="a",
        )

    await here.run(enrol)
    yield made
    for database in (here, there):
        await database.close()


async def test_a_device_calls_for_its_tenant(house: House) -> None:
    assert await house.here.by_certificate(PEER) == Caller("acme", "device", DEVICE)


async def test_a_key_calls_for_its_tenant_with_the_models_it_may_use(house: House) -> None:
    key = await house.new_key(models=["small"])

    caller = await house.here.by_key(key.text)

    assert (caller.tenant, caller.kind, caller.id) == ("acme", "key", key.record.id)
    assert caller.models == {"small"}
    assert key.text not in repr(caller)


Change = Callable[[House, NewKey], Awaitable[object]]


async def revoke(house: House, key: NewKey) -> None:
    await KeyStore(house.database).revoke(key.record.id, house.act)


async def rotate(house: House, key: NewKey) -> None:
    await KeyStore(house.database).rotate(key.record.id, house.act, overlap=timedelta(0))


async def disable(house: House, key: NewKey) -> None:
    await TenantStore(house.database).disable("acme", house.act)


@pytest.mark.parametrize("change", [revoke, rotate, disable])
async def test_a_key_stops_on_every_replica_within_a_second(house: House, change: Change) -> None:
    key = await house.new_key()
    for replica in (house.here, house.there):
        await replica.by_key(key.text)  # now remembered

    await change(house, key)
    house.clock.advance(0.99)

    for replica in (house.here, house.there):
        with pytest.raises(KeyRefused):
            await replica.by_key(key.text)


async def test_a_device_stops_on_every_replica_within_a_second(house: House) -> None:
    for replica in (house.here, house.there):
        await replica.by_certificate(PEER)

    await DeviceStore(house.database).revoke(DEVICE, house.act)
    house.clock.advance(0.99)

    for replica in (house.here, house.there):
        with pytest.raises(NotPermitted):
            await replica.by_certificate(PEER)


async def test_a_device_of_a_disabled_tenant_is_served_again_once_it_is_enabled(
    house: House,
) -> None:
    tenants = TenantStore(house.database)
    await tenants.disable("acme", house.act)
    with pytest.raises(NotPermitted):
        await house.here.by_certificate(PEER)

    await tenants.enable("acme", house.act)
    house.clock.advance(0.99)

    assert (await house.here.by_certificate(PEER)).id == DEVICE


async def test_a_caller_that_was_unknown_is_known_once_it_is_there(house: House) -> None:
    newcomer = VerifiedPeer(DeviceId("device-2"), b"")
    with pytest.raises(NotPermitted):
        await house.there.by_certificate(newcomer)

    def enrol(connection: Connection) -> None:
        write_device(
            connection,
            newcomer.device_id,
            house.act,
            tenant="default",
            serial="2",
            expires_at=house.clock.now(),
            authority="a",
        )

    await house.database.run(enrol)
    house.clock.advance(0.99)

    assert (await house.there.by_certificate(newcomer)).tenant == "default"


async def test_a_key_ends_when_it_expires_without_anybody_asking_the_store(house: House) -> None:
    key = await house.new_key(lifetime=timedelta(seconds=10))
    await house.here.by_key(key.text)

    house.clock.advance(10)

    with pytest.raises(KeyRefused):
        await house.here.by_key(key.text)


async def test_whatever_is_wrong_with_a_key_its_bearer_hears_the_same(house: House) -> None:
    good, revoked, expired, other = [
        await house.new_key(**options)
        for options in ({}, {}, {"lifetime": timedelta(seconds=1)}, {"tenant": "default"})
    ]
    await revoke(house, revoked)
    await TenantStore(house.database).disable("default", house.act)
    house.clock.advance(2)
    wrong = good.text[:-1] + ("A" if good.text[-1] != "A" else "B")
    unknown = "lw-000000000000-" + "a" * 43
    heard = set()

    for bearer in (wrong, unknown, revoked.text, expired.text, other.text, "", "x" * 9_999):
        with pytest.raises(KeyRefused) as refused:
            await house.here.by_key(bearer)
        heard.add(f"{refused.value!r}{refused.value.__cause__}{refused.value.__context__}")

    assert len(heard) == 1
    told = {(entry.actor, entry.reason, entry.count) for entry in await house.refused()}
    assert told == {
        (f"key:{good.record.id}", "wrong", 1),
        ("key:unknown", "unknown", 3),
        (f"key:{revoked.record.id}", "revoked", 1),
        (f"key:{expired.record.id}", "expired", 1),
        (f"key:{other.record.id}", "tenant_disabled", 1),
    }


async def test_what_is_shown_instead_of_a_key_is_written_nowhere(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(KeyRefused) as refused:
        await house.here.by_key("my diagnosis is private")

    entries = await house.refused()
    assert len(entries) == 1
    everything = f"{refused.value}{entries}{[vars(record) for record in caplog.records]}"
    assert "diagnosis" not in everything


async def test_who_is_remembered_costs_no_look_up(house: House) -> None:
    key = await house.new_key()
    await house.here.by_key(key.text)
    await house.here.by_certificate(PEER)
    await house.database.close()

    assert (await house.here.by_key(key.text)).id == key.record.id
    assert (await house.here.by_certificate(PEER)).id == DEVICE
    house.clock.advance(1)
    for asked in (house.here.by_key(key.text), house.here.by_certificate(PEER)):
        with pytest.raises(DatabaseUnavailable):
            await asked


async def test_a_revocation_is_never_missed_by_calls_that_run_meanwhile(
    new_driver: DriverFactory, house: House
) -> None:
    """On the real clock: calls hammer both replicas while keys are revoked one by one."""
    clock = SystemClock()
    replica = await Database.open(new_driver())
    access = Access(replica, house.trail, clock)
    keys = [await house.new_key() for _ in range(10)]

    async def call_until_refused(key: NewKey) -> float:
        while True:
            try:
                await access.by_key(key.text)
            except LeewardError:
                return clock.monotonic_s()
            await asyncio.sleep(0.001)

    calling = [asyncio.create_task(call_until_refused(key)) for key in keys]
    revoked_s = []
    for key in keys:
        await asyncio.sleep(0.03)
        await revoke(house, key)
        revoked_s.append(clock.monotonic_s())

    delays = [
        end - start for end, start in zip(await asyncio.gather(*calling), revoked_s, strict=True)
    ]
    assert max(delays) < 1.0
    await replica.close()
