"""The recovery desk: a proof of the old key, within the policy, for a device that is still ours."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from cloud.access import Access
from cloud.audit_trail import AuditTrail
from cloud.authorities import Authorities
from cloud.enrolment.nonces import Nonces
from cloud.enrolment.pace import Pace
from cloud.enrolment.recovery import RecoveryDesk
from cloud.stores.audit import Act, AuditStore
from cloud.stores.database import Database
from cloud.stores.devices import DeviceStore, write_device
from runtime.codec.enrolment import RecoverCall
from runtime.errors import CapacityExhausted, CertificateInvalid, NotPermitted
from runtime.identity.authority import CertificateAuthority
from runtime.identity.certificates import check_device_chain, load_certificates
from runtime.identity.csr import create_csr
from runtime.identity.keys import DeviceKeys, create_device_keys
from runtime.identity.recovery import prove_key
from runtime.ids import DeviceId
from runtime.testing.fakes import ManualClock

DEVICE = DeviceId("device-1")
LIFETIME = timedelta(days=1)
OLD, NEW = create_device_keys(), create_device_keys()
CSR = create_csr(NEW.tls)


@dataclass(slots=True)
class World:
    clock: ManualClock
    authorities: Authorities
    devices: DeviceStore
    audit: AuditStore
    desk: Callable[..., RecoveryDesk]
    chain_pem: bytes
    """Of the old key; it has ended for an hour."""

    def call(self, desk: RecoveryDesk, *, key: DeviceKeys = OLD) -> RecoverCall:
        nonce = desk.nonce().value
        return RecoverCall(self.chain_pem, nonce, prove_key(key.tls, nonce, CSR), CSR)


@pytest.fixture
async def world(database: Database) -> World:
    clock = ManualClock()
    authority = CertificateAuthority.create("test", clock=clock, lifetime_s=1e9)
    authorities, devices = Authorities([authority]), DeviceStore(database)
    audit = AuditStore(database)
    access = Access(database, AuditTrail(audit, clock), clock)
    issued = authority.issue_client(
        create_csr(OLD.tls), DEVICE, lifetime_s=LIFETIME.total_seconds()
    )

    def write(connection: Connection) -> None:
        act = Act("device:device-1", clock.now())
        write_device(
            connection, DEVICE, act, tenant="default", serial="1", expires_at=act.at, authority=""
        )

    await database.run(write)
    clock.advance(LIFETIME.total_seconds() + 3600)

    def desk(*, window: timedelta = timedelta(days=30), per_minute: int = 100) -> RecoveryDesk:
        return RecoveryDesk(
            authorities=authorities,
            access=access,
            devices=devices,
            nonces=Nonces(b"s" * 32, clock=clock),
            pace=Pace(per_minute, clock=clock),
            lifetime=LIFETIME,
            window=window,
            clock=clock,
        )

    return World(clock, authorities, devices, audit, desk, issued.chain_pem)


async def test_the_old_key_buys_a_certificate_for_the_new_one(world: World) -> None:
    desk = world.desk()

    recovered = await desk.recover(world.call(desk))

    chain = load_certificates(recovered.chain_pem)
    known = load_certificates(recovered.ca_pem)
    assert check_device_chain(chain, known, now=world.clock.now()) == DEVICE
    assert chain[0].public_key() == NEW.tls.public_key()
    (device,) = await world.devices.all()
    assert device.expires_at == recovered.expires_at
    entries = await world.audit.entries(world.clock.now() - timedelta(minutes=1))
    assert [entry.action for entry in entries] == ["device_recovered"]


async def test_somebody_elses_key_buys_nothing(world: World) -> None:
    desk = world.desk()

    with pytest.raises(NotPermitted):
        await desk.recover(world.call(desk, key=NEW))


async def test_a_proof_is_good_once_and_for_its_own_request_and_nonce(world: World) -> None:
    desk = world.desk()
    call = world.call(desk)
    other = create_csr(create_device_keys().tls)
    await desk.recover(call)

    for changed in (
        call,
        replace(call, csr_pem=other),
        replace(call, nonce=desk.nonce().value),
        replace(call, nonce=bytes(32)),
    ):
        with pytest.raises(NotPermitted):
            await desk.recover(changed)


async def test_a_device_that_lost_the_answer_proves_the_old_key_again(world: World) -> None:
    desk = world.desk()
    await desk.recover(world.call(desk))

    again = await desk.recover(world.call(desk))

    leaf = load_certificates(again.chain_pem)[0]
    (device,) = await world.devices.all()
    assert leaf.public_key() == NEW.tls.public_key()
    assert device.serial == f"{leaf.serial_number:x}"
    entries = await world.audit.entries(world.clock.now() - timedelta(minutes=1))
    assert [entry.action for entry in entries] == ["device_recovered"] * 2


async def test_a_nonce_that_is_a_minute_old_is_refused(world: World) -> None:
    desk = world.desk()
    call = world.call(desk)
    world.clock.advance(61)

    with pytest.raises(NotPermitted):
        await desk.recover(call)


async def test_another_gateway_of_the_store_takes_the_nonce(world: World) -> None:
    call = world.call(world.desk())

    assert await world.desk().recover(call)


async def test_a_revoked_device_does_not_come_back(world: World) -> None:
    desk = world.desk()
    await world.devices.revoke(DEVICE, Act("operator:test", world.clock.now()))

    with pytest.raises(NotPermitted):
        await desk.recover(world.call(desk))


async def test_a_certificate_of_another_authority_proves_nothing(world: World) -> None:
    desk = world.desk()
    foreign = CertificateAuthority.create("test", clock=world.clock, lifetime_s=1e9)
    issued = foreign.issue_client(create_csr(OLD.tls), DEVICE, lifetime_s=1)

    with pytest.raises(NotPermitted):
        await desk.recover(replace(world.call(desk), expired_certificate_pem=issued.chain_pem))


async def test_the_policy_says_how_long_after_its_end_a_device_may_recover(world: World) -> None:
    late, never = world.desk(window=timedelta(minutes=30)), world.desk(window=timedelta())

    with pytest.raises(NotPermitted):
        await late.recover(world.call(late))
    with pytest.raises(NotPermitted):
        never.nonce()
    with pytest.raises(NotPermitted):
        await never.recover(world.call(world.desk()))


async def test_attempts_are_paced_and_a_malformed_request_is_told(world: World) -> None:
    desk = world.desk(per_minute=3)
    call = world.call(desk)

    with pytest.raises(CertificateInvalid):
        await desk.recover(replace(call, csr_pem=b"no"))
    await desk.recover(call)
    with pytest.raises(CapacityExhausted):
        desk.nonce()
