"""The newest ledger head of each device, on both databases; what cannot follow from it is told."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from cloud.authorities import Authorities
from cloud.fleet.anchoring import Anchors, anchor_key
from cloud.stores.anchors import AnchorStore
from cloud.stores.audit import Act, AuditStore
from cloud.stores.database import Database
from cloud.stores.devices import write_device
from runtime.identity.authority import CertificateAuthority
from runtime.identity.signing import SignaturePurpose, is_signed
from runtime.ids import DeviceId
from runtime.ledger.countersignature import Countersignature
from runtime.ledger.entry import Head
from runtime.testing.fakes import ManualClock

DEVICE = DeviceId("device-1")
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def head(position: int, mark: str = "a") -> Head:
    mac = mark.encode() * 32
    return Head(position=position, hash=mac, mac=mac, at=NOW)


class World:
    """One enrolled device, and a gateway that countersigns."""

    def __init__(self, database: Database) -> None:
        self.clock = ManualClock(NOW)
        self.store = AnchorStore(database)
        self.authorities = Authorities([self.authority()])
        self.anchors = Anchors(self.store, self.authorities, clock=self.clock)
        self.audit = AuditStore(database)

    def authority(self) -> CertificateAuthority:
        return CertificateAuthority.create("test", clock=self.clock, lifetime_s=1e9)

    def has_signed(self, given: Countersignature) -> bool:
        return is_signed(
            anchor_key(self.authorities).public_key(),
            given.seen.payload(),
            purpose=SignaturePurpose.COUNTERSIGNATURE,
            signature=given.signature,
        )

    async def alarms(self) -> list[str]:
        entries = await self.audit.entries(since=NOW - timedelta(days=1))
        return [entry.action for entry in entries if entry.action.startswith("ledger_")]


@pytest.fixture
async def world(database: Database) -> World:
    def write(connection: Connection) -> None:
        act = Act("device:device-1", NOW)
        write_device(
            connection, DEVICE, act, tenant="default", serial="1", expires_at=NOW, authority="a"
        )

    await database.run(write)
    return World(database)


async def test_the_newest_head_is_kept_with_a_signature_that_fits_what_was_seen(
    world: World,
) -> None:
    given = await world.anchors.countersign(DEVICE, head(7))

    kept = await world.store.of(DEVICE)

    assert kept == given
    assert (given.seen.device, given.seen.position) == (DEVICE, 7)
    assert world.has_signed(given)


async def test_another_authority_that_takes_over_vouches_for_old_heads_and_new(
    world: World,
) -> None:
    before = await world.anchors.countersign(DEVICE, head(7))
    world.authorities.use([*world.authorities.members, world.authority()])

    kept = await world.anchors.of(DEVICE)
    after = await world.anchors.countersign(DEVICE, head(8))

    assert kept is not None
    assert kept.seen == before.seen
    assert [world.has_signed(one) for one in (before, kept, after)] == [False, True, True]
    assert await world.anchors.of(DeviceId("device-2")) is None


async def test_an_older_head_never_replaces_a_newer_one(world: World) -> None:
    await world.anchors.note_head(DEVICE, position=5, head_mac=b"b" * 32)
    await world.anchors.note_head(DEVICE, position=4, head_mac=b"c" * 32)

    kept = await world.store.of(DEVICE)

    assert kept is not None
    assert (kept.seen.position, kept.seen.mac, kept.seen.hash) == (5, b"b" * 32, b"")
    assert await world.alarms() == []


async def test_two_heads_at_one_position_are_an_alarm_and_the_first_stays(world: World) -> None:
    await world.anchors.countersign(DEVICE, head(5))

    await world.anchors.countersign(DEVICE, head(5, "z"))

    kept = await world.store.of(DEVICE)
    assert kept is not None
    assert kept.seen.mac == b"a" * 32
    assert await world.alarms() == ["ledger_rewritten"]


async def test_a_ledger_that_is_shorter_than_a_while_ago_is_an_alarm(world: World) -> None:
    await world.anchors.countersign(DEVICE, head(50))
    await world.anchors.countersign(DEVICE, head(49, "b"))
    overtaken = await world.alarms()
    world.clock.advance(3600)

    await world.anchors.countersign(DEVICE, head(20, "c"))

    assert overtaken == []
    assert await world.alarms() == ["ledger_shortened"]


async def test_nobody_knows_a_head_of_a_stranger(world: World) -> None:
    await world.anchors.countersign(DeviceId("device-2"), head(1))

    assert await world.store.of(DeviceId("device-2")) is None
    assert await world.store.of(DEVICE) is None
