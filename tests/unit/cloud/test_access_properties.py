"""Whatever operators do, in any order: a key is admitted exactly while it should be, everywhere."""

import asyncio
import shutil
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.access import Access
from cloud.audit_trail import AuditTrail
from cloud.stores.audit import Act, AuditStore
from cloud.stores.database import Database
from cloud.stores.keys import KeyStore
from cloud.stores.sqlite import SqliteDriver
from cloud.stores.tenants import TenantStore
from runtime.errors import KeyRefused, RequestInvalid
from runtime.testing.fakes import ManualClock

TENANTS = ("default", "acme")
A_SECOND = 1.0

Step = tuple[str, int, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(["create", "revoke", "rotate", "disable", "enable", "wait"]),
        st.integers(0, 5),  # which key or tenant
        st.integers(0, 4),  # how many hours: of life, of overlap, of waiting
    ),
    max_size=12,
)


@dataclass(frozen=True)
class Expected:
    """A key as it should be, by rules simple enough to be read."""

    id: str
    text: str
    tenant: str
    ends: datetime | None
    is_revoked: bool = False
    is_rotated: bool = False


class World:
    """A store, what is expected of it, and two replicas."""

    def __init__(self, here: Database, there: Database) -> None:
        self.clock = ManualClock()
        trail = AuditTrail(AuditStore(here), self.clock)
        self.replicas = [Access(database, trail, self.clock) for database in (here, there)]
        self.keys, self.tenants = KeyStore(here), TenantStore(here)
        self.expected: list[Expected] = []
        self.disabled: set[str] = set()

    @property
    def act(self) -> Act:
        return Act("operator:ann", self.clock.now())

    async def take(self, step: Step) -> None:
        action, which, hours = step
        tenant = TENANTS[which % len(TENANTS)]
        if action == "create":
            await self.create(tenant, timedelta(hours=hours) if hours else None)
        elif action == "wait":
            self.clock.advance(3600 * hours)
        elif action == "disable":
            await self.tenants.disable(tenant, self.act)
            self.disabled.add(tenant)
        elif action == "enable":
            await self.tenants.enable(tenant, self.act)
            self.disabled.discard(tenant)
        elif self.expected:
            await self.change(action, which % len(self.expected), timedelta(hours=hours))

    async def create(self, tenant: str, lifetime: timedelta | None) -> None:
        made = await self.keys.create("k", self.act, tenant=tenant, lifetime=lifetime)
        ends = None if lifetime is None else self.clock.now() + lifetime
        self.expected.append(Expected(made.record.id, made.text, tenant, ends))

    async def change(self, action: str, index: int, overlap: timedelta) -> None:
        key = self.expected[index]
        if action == "revoke":
            await self.keys.revoke(key.id, self.act)
            self.expected[index] = replace(key, is_revoked=True)
        elif key.is_revoked or key.is_rotated or self.is_over(key):
            with pytest.raises(RequestInvalid):
                await self.keys.rotate(key.id, self.act, overlap=overlap)
        else:
            made = await self.keys.rotate(key.id, self.act, overlap=overlap)
            until = self.clock.now() + overlap
            ends = until if key.ends is None else min(until, key.ends)
            self.expected[index] = replace(key, ends=ends, is_rotated=True)
            self.expected.append(Expected(made.record.id, made.text, key.tenant, key.ends))

    def is_over(self, key: Expected) -> bool:
        return key.ends is not None and self.clock.now() >= key.ends

    async def check(self) -> None:
        for key in self.expected:
            is_good = not (key.is_revoked or self.is_over(key) or key.tenant in self.disabled)
            for replica in self.replicas:
                try:
                    caller = await replica.by_key(key.text)
                except KeyRefused:
                    assert not is_good
                else:
                    assert is_good
                    assert (caller.id, caller.tenant) == (key.id, key.tenant)


@settings(max_examples=30)
@given(steps=steps)
def test_a_key_is_admitted_exactly_while_it_should_be(
    steps: list[Step], migrated_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def scene() -> None:
        path = tmp_path_factory.mktemp("access") / "gateway.sqlite"
        shutil.copyfile(migrated_file, path)
        here, there = [await Database.open(SqliteDriver(path)) for _ in range(2)]
        world = World(here, there)
        await world.tenants.create("acme", world.act)
        for step in steps:
            await world.take(step)
            world.clock.advance(A_SECOND)
            await world.check()
        await here.close()
        await there.close()

    asyncio.run(scene())
