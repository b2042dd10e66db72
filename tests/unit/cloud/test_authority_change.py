"""An authority takes over from another without locking a device out, on a real store."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection

from cloud.access import Access
from cloud.audit_trail import AuditTrail
from cloud.authorities import Authorities
from cloud.authority_change import AuthorityChange
from cloud.authority_files import load_authorities, make_authority
from cloud.authority_watch import AuthorityWatch
from cloud.stores.audit import Act, AuditStore
from cloud.stores.authority import claim_authorities
from cloud.stores.database import Database
from cloud.stores.devices import DeviceStore, write_device
from cloud.stores.sqlite import SqliteDriver
from runtime.errors import NotFound, NotPermitted
from runtime.identity.certificates import check_device_chain, load_certificates
from runtime.identity.csr import create_csr
from runtime.identity.keys import create_device_keys
from runtime.ids import DeviceId
from runtime.rpc.peer import VerifiedPeer
from runtime.testing.fakes import ManualClock

DEVICE = DeviceId("device-1")
DAY = timedelta(days=1)


@dataclass(slots=True)
class World:
    """A store, a directory, and a gateway that follows them."""

    clock: ManualClock
    database: Database
    directory: Path
    gateway: Authorities
    watch: AuthorityWatch
    changes: list[str]

    @property
    def act(self) -> Act:
        return Act("operator:test", self.clock.now())

    async def command(self) -> AuthorityChange:
        """What a command opens: the authorities as they are now."""
        self.clock.advance(1)
        claimed = await claim_authorities(
            self.database,
            self.directory,
            self.act,
            load=lambda: load_authorities(None, self.directory, clock=self.clock),
            make=lambda: make_authority(self.directory, clock=self.clock, is_first=True),
        )
        return AuthorityChange(
            Authorities(claimed), self.database, self.directory, window=DAY, clock=self.clock
        )

    async def renew(self) -> bytes:
        """What a device is answered that renews; returns its chain."""
        csr = create_csr(create_device_keys().tls)
        issued = await self.gateway.certify_device(csr, DEVICE, lifetime=DAY)
        await DeviceStore(self.database).note_certificate(
            DEVICE,
            serial=f"{issued.serial:x}",
            expires_at=issued.expires_at,
            authority=self.gateway.newest.fingerprint,
        )
        return issued.chain_pem

    async def call(self, chain_pem: bytes) -> None:
        """What a device does now and then, with the newest certificate that it has got."""
        trail = AuditTrail(AuditStore(self.database), self.clock)
        access = Access(self.database, trail, self.clock)
        await access.by_certificate(VerifiedPeer(DEVICE, chain_pem))


@pytest.fixture
async def world(migrated_file: Path, tmp_path: Path) -> AsyncIterator[World]:
    shutil.copyfile(migrated_file, tmp_path / "gateway.sqlite")
    clock, directory = ManualClock(), tmp_path / "authority"
    database = await Database.open(SqliteDriver(tmp_path / "gateway.sqlite"))
    gateway = Authorities([make_authority(directory, clock=clock, is_first=True)])
    changes: list[str] = []
    watch = AuthorityWatch(
        gateway,
        database,
        partial(load_authorities, None, directory),
        lambda: changes.append("changed"),
        clock=clock,
    )
    made = World(clock, database, directory, gateway, watch, changes)
    await made.command()

    def write(connection: Connection) -> None:
        write_device(
            connection,
            DEVICE,
            made.act,
            tenant="default",
            serial="1",
            expires_at=clock.now() + DAY,
            authority=gateway.newest.fingerprint,
        )

    await database.run(write)
    yield made
    await database.close()


async def test_both_are_trusted_until_every_device_knows_the_newer_one(world: World) -> None:
    old = world.gateway.newest
    world.clock.advance(60)
    new = await (await world.command()).rotate(world.act)
    await world.watch.look()

    assert world.changes == ["changed"]
    assert [one.fingerprint for one in world.gateway.members] == [old.fingerprint, new.fingerprint]
    assert world.gateway.oldest.fingerprint == old.fingerprint
    records = await (await world.command()).records()
    assert [(one.signs_servers, one.signs_devices) for one in records] == [
        (True, False),
        (False, True),
    ]
    assert [one.devices_without_newer for one in records] == [1, 0]
    with pytest.raises(NotPermitted, match="device-1"):
        await (await world.command()).retire(old.fingerprint, world.act, force=False)

    chain = await world.renew()
    bundle = load_certificates(world.gateway.bundle_pem)
    assert len(bundle) == 2
    assert check_device_chain(load_certificates(chain), bundle, now=world.clock.now()) == DEVICE
    await world.call(chain)
    await (await world.command()).retire(old.fingerprint[:12], world.act, force=False)
    await world.watch.look()

    assert [one.fingerprint for one in world.gateway.members] == [new.fingerprint]
    left = load_authorities(None, world.directory, clock=world.clock)
    assert [one.fingerprint for one in left] == [new.fingerprint]
    assert not (world.directory / "ca-key.pem").exists()


async def test_a_device_whose_answer_was_lost_is_not_locked_out(world: World) -> None:
    old = world.gateway.newest
    former = await world.renew()
    await (await world.command()).rotate(world.act)
    await world.watch.look()
    lost = await world.renew()

    await world.call(former)  # which is all that it has
    with pytest.raises(NotPermitted, match="device-1"):
        await (await world.command()).retire(old.fingerprint, world.act, force=False)

    second = await world.renew()
    await world.call(lost)  # late, and no longer the newest
    with pytest.raises(NotPermitted, match="device-1"):
        await (await world.command()).retire(old.fingerprint, world.act, force=False)
    await world.call(second)
    await (await world.command()).retire(old.fingerprint, world.act, force=False)


async def test_a_device_that_cannot_come_back_holds_nobody_up(world: World) -> None:
    old = world.gateway.newest
    await (await world.command()).rotate(world.act)
    world.clock.advance((3 * DAY).total_seconds())

    await (await world.command()).retire(old.fingerprint, world.act, force=False)

    assert len(await (await world.command()).records()) == 1


async def test_devices_are_locked_out_by_force_alone(world: World) -> None:
    old = world.gateway.newest
    await (await world.command()).rotate(world.act)

    retired = await (await world.command()).retire(old.fingerprint, world.act, force=True)

    assert retired.fingerprint == old.fingerprint


async def test_the_newest_is_not_retired_nor_is_one_that_is_not_there(world: World) -> None:
    command = await world.command()

    with pytest.raises(NotPermitted, match="rotate"):
        await command.retire(world.gateway.newest.fingerprint, world.act, force=True)
    for name in ("0" * 12, world.gateway.newest.fingerprint[:4], ""):
        with pytest.raises(NotFound):
            await command.retire(name, world.act, force=True)


async def test_one_takes_over_at_a_time(world: World) -> None:
    await (await world.command()).rotate(world.act)

    with pytest.raises(NotPermitted, match="retire"):
        await (await world.command()).rotate(world.act)


async def test_a_gateway_without_the_new_files_goes_on_as_before(world: World) -> None:
    new = await (await world.command()).rotate(world.act)
    shutil.rmtree(world.directory / new.fingerprint[:16])

    await world.watch.look()

    assert world.changes == []
    assert len(world.gateway.members) == 1
