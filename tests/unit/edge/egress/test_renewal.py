"""A device keeps its certificate good: in time, after failures, and after its end."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.egress.cloud_link import CloudLink, opened_link
from edge.egress.control import ControlLog
from edge.egress.renewal import Renewal, due_of
from edge.identity import DeviceIdentity, IdentityStore
from leeward.v1 import enrolment_pb2, enrolment_pb2_grpc, fleet_pb2, fleet_pb2_grpc
from runtime.clock import SystemClock
from runtime.codec.enrolment import (
    Credentials,
    Nonce,
    decode_recover_request,
    encode_credentials,
    encode_nonce_response,
)
from runtime.codec.renewal import Renewed, decode_renew_request, encode_renew_response
from runtime.errors import CapacityExhausted, NotPermitted
from runtime.identity.authority import CertificateAuthority
from runtime.identity.certificates import load_certificates
from runtime.identity.csr import create_csr
from runtime.identity.keys import DeviceKeys, create_device_keys, private_key_pem
from runtime.identity.recovery import check_proof
from runtime.ids import DeviceId, NodeName
from runtime.ledger.read import read_entries
from runtime.ledger.record import ControlPassage, ControlPurpose, Destination, Opened
from runtime.ledger.writer import LedgerWriter
from runtime.rpc.boundary import error_boundary
from runtime.rpc.servers import ServerHealth, bind, new_server, stop
from runtime.rpc.tls import KeyPair, ServerTls

DEVICE = DeviceId("device-7")
LIFE_S = 3600.0
LONG_S = 8 * 3600.0


class Shifted(SystemClock):
    """The machine's clock, ahead by as much as a test says."""

    def __init__(self) -> None:
        self.ahead = timedelta()
        self.later_s = 0.0

    def now(self) -> datetime:
        return super().now() + self.ahead

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.later_s


@dataclass(slots=True)
class Gateway(fleet_pb2_grpc.FleetServicer, enrolment_pb2_grpc.EnrolmentServicer):
    """Renews and recovers one device, unless told to refuse."""

    authority: CertificateAuthority
    refuses: bool = False
    is_busy: bool = False
    renewals: int = 0
    recoveries: int = 0
    positions: list[int] = field(default_factory=list)

    async def Renew(self, request: fleet_pb2.RenewRequest, context: Any) -> fleet_pb2.RenewResponse:
        async with error_boundary(context, "Fleet.Renew"):
            if self.refuses:
                raise NotPermitted("revoked")
            if self.is_busy:
                raise CapacityExhausted("busy", retry_after_s=17.5)
            call = decode_renew_request(request)
            self.renewals += 1
            if call.head is not None:
                self.positions.append(call.head.position)
            issued = self.authority.issue_client(call.csr_pem, DEVICE, lifetime_s=LONG_S)
            bundle = self.authority.certificate_pem
            return encode_renew_response(Renewed(issued.chain_pem, bundle, issued.expires_at))

    async def GetNonce(self, request: Any, context: Any) -> enrolment_pb2.GetNonceResponse:
        return encode_nonce_response(Nonce(b"n" * 32, SystemClock().now()))

    async def Recover(
        self, request: enrolment_pb2.RecoverRequest, context: Any
    ) -> enrolment_pb2.RecoverResponse:
        async with error_boundary(context, "Enrolment.Recover"):
            if self.refuses:
                raise NotPermitted("policy")
            call = decode_recover_request(request)
            old = load_certificates(call.expired_certificate_pem)[0]
            check_proof(old, call.nonce, call.csr_pem, call.proof)
            self.recoveries += 1
            issued = self.authority.issue_client(call.csr_pem, DEVICE, lifetime_s=LONG_S)
            credentials = Credentials(
                certificate_chain_pem=issued.chain_pem,
                ca_bundle_pem=self.authority.certificate_pem,
                gateway_address="elsewhere:1",
                expires_at=issued.expires_at,
                device_id=DEVICE,
            )
            return enrolment_pb2.RecoverResponse(credentials=encode_credentials(credentials))


@dataclass(slots=True)
class World:
    """A running gateway, and an enrolled device with its link."""

    gateway: Gateway
    server: grpc.aio.Server
    health: ServerHealth
    clock: Shifted
    store: IdentityStore
    link: CloudLink
    renewal: Renewal
    control: ControlLog
    directory: Path
    ledger: LedgerWriter

    def enrolled(self, keys: DeviceKeys) -> Credentials:
        return _credentials(self.gateway.authority, keys, self.link.identity.gateway)


def _credentials(
    authority: CertificateAuthority, keys: DeviceKeys, gateway: str, *, life_s: float = LIFE_S
) -> Credentials:
    issued = authority.issue_client(create_csr(keys.tls), DEVICE, lifetime_s=life_s)
    return Credentials(
        certificate_chain_pem=issued.chain_pem,
        ca_bundle_pem=authority.certificate_pem,
        gateway_address=gateway,
        expires_at=issued.expires_at,
        device_id=DEVICE,
    )


async def _serve(gateway: Gateway, *, asks_clients: bool) -> tuple[grpc.aio.Server, Any, str]:
    key = create_device_keys().tls
    issued = gateway.authority.issue_server(key.public_key(), ["127.0.0.1"], lifetime_s=LIFE_S)
    bundle = gateway.authority.certificate_pem if asks_clients else None
    server = new_server(max_concurrent_rpcs=8)
    fleet_pb2_grpc.add_FleetServicer_to_server(gateway, server)
    enrolment_pb2_grpc.add_EnrolmentServicer_to_server(gateway, server)
    health = ServerHealth(server, ["leeward.v1.Inference"])
    tls = ServerTls(KeyPair(issued.chain_pem, private_key_pem(key)), bundle)
    port = bind(server, "127.0.0.1:0", tls=tls)
    await health.start()
    await server.start()
    await health.set_all_serving()
    return server, health, f"127.0.0.1:{port}"


@asynccontextmanager
async def running_world(tmp_path: Path) -> AsyncIterator[World]:
    clock = Shifted()
    authority = CertificateAuthority.create("test", clock=SystemClock(), lifetime_s=1e7)
    gateway = Gateway(authority)
    server, health, address = await _serve(gateway, asks_clients=True)
    enrolling, enrolling_health, enrolment = await _serve(gateway, asks_clients=False)
    store = IdentityStore(tmp_path / "identity", clock=clock)
    keys = create_device_keys()
    identity = store.save(keys, _credentials(authority, keys, address), enrolment=enrolment)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(stop, server, health, grace_s=0)
        stack.push_async_callback(stop, enrolling, enrolling_health, grace_s=0)
        ledger = await stack.enter_async_context(
            LedgerWriter.open(tmp_path / "ledger", clock=SystemClock())
        )
        control = ControlLog(tmp_path / "ledger", ledger)
        destination = Destination(NodeName("cloud"), address)
        link = await stack.enter_async_context(
            opened_link(identity, destination, control=control, clock=clock)
        )
        renewal = Renewal(
            link, store, control=control, head=ledger.head, clock=clock, rng=random.Random(7)
        )
        yield World(
            gateway,
            server,
            health,
            clock,
            store,
            link,
            renewal,
            control,
            tmp_path / "ledger",
            ledger,
        )
        control.write()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running_world(tmp_path) as running:
        yield running


async def _wait_healthy(link: CloudLink) -> None:
    async with asyncio.timeout(30):
        while not link.is_healthy:  # noqa: ASYNC110 - a property to poll
            await asyncio.sleep(0.02)


async def test_a_certificate_is_renewed_for_a_new_key_when_its_time_has_come(world: World) -> None:
    before = world.link.identity
    world.clock.ahead = timedelta(seconds=0.45 * LIFE_S)
    early_s = await world.renewal.step()
    calls_before = world.gateway.renewals
    world.clock.ahead = timedelta(seconds=0.75 * LIFE_S)

    await world.renewal.step()

    after = world.link.identity
    assert 0 < early_s <= 60
    assert calls_before == 0
    assert world.gateway.renewals == 1
    assert world.gateway.positions == [0]
    assert world.store.load() == after
    assert after.private_key_pem != before.private_key_pem
    assert after.enrolment == before.enrolment
    assert world.link.certificate_left_s > 2 * LIFE_S
    await _wait_healthy(world.link)
    assert await world.renewal.step() > 0
    world.control.write()
    await world.ledger.append(Opened("test"))  # what was noted before is durable with it
    purposes = [
        entry.record.purpose
        for entry in read_entries(world.directory)
        if isinstance(entry.record, ControlPassage)
    ]
    assert ControlPurpose.RENEW in purposes


async def test_a_device_that_was_away_past_the_end_recovers_by_itself(world: World) -> None:
    world.clock.ahead = timedelta(seconds=2 * LIFE_S)
    assert not world.link.is_healthy
    gateway = world.link.identity.gateway

    await world.renewal.step()

    assert (world.gateway.renewals, world.gateway.recoveries) == (0, 1)
    assert world.store.load() == world.link.identity
    assert world.link.identity.gateway == gateway  # where its token led it, not "elsewhere"
    await _wait_healthy(world.link)


async def test_a_refused_device_stops_using_the_gateway_and_says_so(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.gateway.refuses = True
    world.clock.ahead = timedelta(seconds=0.75 * LIFE_S)

    first_s = await world.renewal.step()
    world.gateway.refuses = False
    second_s = await world.renewal.step()

    assert [first_s, second_s] == [pytest.approx(30)] * 2  # it looks, and does not ask again yet
    assert world.gateway.renewals == 0
    assert not world.link.is_healthy
    assert "device_refused" in [record.message for record in caplog.records]


async def test_a_gateway_that_is_away_is_asked_again_ever_more_slowly(world: World) -> None:
    before = world.link.identity
    await stop(world.server, world.health, grace_s=0)
    world.clock.ahead = timedelta(seconds=0.75 * LIFE_S)

    pauses = []
    for _ in range(3):
        pauses.append(await world.renewal.step())
        world.clock.later_s += pauses[-1]

    assert all(0 < pause_s <= 20 for pause_s in pauses)
    assert len(set(pauses)) == 3
    assert world.link.identity == before
    assert world.store.load() == before


async def test_a_gateway_that_says_when_is_asked_again_just_then(world: World) -> None:
    world.clock.ahead = timedelta(seconds=0.75 * LIFE_S)
    world.gateway.is_busy = True
    first_s = await world.renewal.step()
    world.gateway.is_busy = False
    world.clock.later_s += first_s - 1.0
    early_s = await world.renewal.step()
    world.clock.later_s += early_s

    await world.renewal.step()

    assert first_s == pytest.approx(17.5, abs=0.5)
    assert early_s == pytest.approx(1.0, abs=0.5)
    assert world.gateway.renewals == 1


async def test_an_identity_that_a_command_enrolled_is_taken_over(world: World) -> None:
    world.gateway.refuses = True
    world.clock.ahead = timedelta(seconds=0.75 * LIFE_S)
    await world.renewal.step()
    world.clock.ahead = timedelta()
    keys = create_device_keys()
    saved = world.store.save(keys, world.enrolled(keys), enrolment=world.link.identity.enrolment)

    await world.renewal.step()

    assert world.link.identity == saved
    assert world.gateway.renewals == 0
    await _wait_healthy(world.link)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.floats(60, 30 * 86_400))
def test_a_fleet_that_enrols_at_once_renews_spread_out_and_long_before_the_end(
    seed: int, life_s: float
) -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    ends = now + timedelta(seconds=life_s)

    moments = [due_of(ends, now, random.Random(seed + device)) for device in range(20)]

    shares = [(moment - now).total_seconds() / life_s for moment in moments]
    assert all(0.5 <= share <= 0.7 for share in shares)
    assert max(shares) - min(shares) > 0.05


async def test_keys_are_not_read_again_while_nobody_has_replaced_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = 0
    load = IdentityStore.load

    def counted(store: IdentityStore, *, at_any_time: bool = False) -> DeviceIdentity:
        nonlocal loads
        loads += 1
        return load(store, at_any_time=at_any_time)

    monkeypatch.setattr(IdentityStore, "load", counted)
    for _ in range(5):
        await world.renewal.step()
    assert loads == 1

    keys = create_device_keys()
    world.store.save(keys, world.enrolled(keys), enrolment=world.link.identity.enrolment)
    await world.renewal.step()
    assert loads == 3  # once by saving
