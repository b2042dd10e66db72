"""Renewal on the port for devices: over real mutual TLS, on a real store."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

import grpc
import pytest
from sqlalchemy import Connection

from cloud.authorities import Authorities
from cloud.fleet.anchoring import Anchors
from cloud.fleet.desk import SyncDesk
from cloud.fleet.renewing import Renewing
from cloud.servicers.fleet import FleetServicer
from cloud.stores.anchors import AnchorStore
from cloud.stores.audit import Act
from cloud.stores.database import Database
from cloud.stores.devices import DeviceStore, write_device
from cloud.stores.fleet_devices import FleetStore
from cloud.stores.sqlite import SqliteDriver
from leeward.v1 import fleet_pb2_grpc
from runtime.clock import SystemClock
from runtime.codec.fleet import decode_sync_response, encode_sync_request
from runtime.codec.renewal import RenewCall, decode_renew_response, encode_renew_request
from runtime.errors import CertificateInvalid, LeewardError, NotPermitted
from runtime.fleet.report import StateReport, SyncReport
from runtime.identity.authority import CertificateAuthority
from runtime.identity.certificates import check_device_chain, load_certificates
from runtime.identity.csr import create_csr
from runtime.identity.keys import create_device_keys, private_key_pem
from runtime.ids import DeviceId
from runtime.ledger.entry import Head
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.servers import bind, new_server
from runtime.rpc.status import from_rpc_error
from runtime.rpc.tls import ClientTls, KeyPair, ServerTls
from tests.unit.cloud.servicers.conftest import OneDevice

CLOCK = SystemClock()
DEVICE = DeviceId("edge-1")
LIFETIME = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Gateway:
    address: str
    authorities: Authorities
    devices: DeviceStore
    anchors: AnchorStore

    def tls(self, device: DeviceId = DEVICE) -> ClientTls:
        keys = create_device_keys()
        issued = self.authorities.newest.issue_client(create_csr(keys.tls), device, lifetime_s=60)
        pair = KeyPair(issued.chain_pem, private_key_pem(keys.tls))
        return ClientTls(self.authorities.bundle_pem, pair)


@asynccontextmanager
async def running_gateway(file: Path) -> AsyncIterator[Gateway]:
    database = await Database.open(SqliteDriver(file))
    authority = CertificateAuthority.create("test", clock=CLOCK, lifetime_s=86_400)
    authorities, devices = Authorities([authority]), DeviceStore(database)
    anchors = AnchorStore(database)

    def write(connection: Connection) -> None:
        act = Act("device:edge-1", CLOCK.now())
        write_device(
            connection, DEVICE, act, tenant="default", serial="1", expires_at=act.at, authority=""
        )

    await database.run(write)
    witness = Anchors(anchors, authorities, clock=CLOCK)
    renewing = Renewing(
        access=OneDevice(),
        authorities=authorities,
        devices=devices,
        anchors=witness,
        lifetime=LIFETIME,
    )
    desk = SyncDesk(
        OneDevice(), FleetStore(database), witness, interval_s=60.0, clock=CLOCK, rng=Random(1)
    )
    server = new_server(max_concurrent_rpcs=4)
    fleet_pb2_grpc.add_FleetServicer_to_server(FleetServicer(renewing, desk), server)
    identity = authorities.certify_server(["127.0.0.1"], lifetime=LIFETIME)
    port = bind(server, "127.0.0.1:0", tls=ServerTls(identity, authorities.bundle_pem))
    await server.start()
    yield Gateway(f"127.0.0.1:{port}", authorities, devices, anchors)
    await server.stop(0)
    await database.close()


@pytest.fixture
async def gateway(migrated_file: Path, tmp_path: Path) -> AsyncIterator[Gateway]:
    shutil.copyfile(migrated_file, tmp_path / "gateway.sqlite")
    async with running_gateway(tmp_path / "gateway.sqlite") as running:
        yield running


async def test_a_device_gets_a_certificate_for_its_new_key_under_its_old_name(
    gateway: Gateway,
) -> None:
    new = create_device_keys()
    wished = create_csr(new.tls, DeviceId("somebody-else"))
    head = Head(position=3, hash=b"h" * 32, mac=b"m" * 32, at=CLOCK.now())

    async with open_channel(ChannelSettings(gateway.address, gateway.tls())) as channel:
        stub = fleet_pb2_grpc.FleetStub(channel)
        answer = await stub.Renew(encode_renew_request(RenewCall(wished, head)))

    renewed = decode_renew_response(answer)
    chain = load_certificates(renewed.certificate_chain_pem)
    assert check_device_chain(chain, load_certificates(renewed.ca_bundle_pem), now=CLOCK.now())
    assert chain[0].public_key() == new.tls.public_key()
    assert check_device_chain(chain, chain_of(gateway), now=CLOCK.now()) == DEVICE
    (device,) = await gateway.devices.all()
    assert (device.expires_at, device.ledger_position) == (renewed.expires_at, 3)
    assert renewed.countersignature == await gateway.anchors.of(DEVICE)


async def test_a_stranger_and_a_malformed_request_get_nothing(gateway: Gateway) -> None:
    request = encode_renew_request(RenewCall(create_csr(create_device_keys().tls)))
    stranger = await failure(gateway, gateway.tls(DeviceId("edge-2")), request)
    malformed = await failure(gateway, gateway.tls(), encode_renew_request(RenewCall(b"no")))

    assert isinstance(stranger, NotPermitted)
    assert isinstance(malformed, CertificateInvalid)
    (device,) = await gateway.devices.all()
    assert device.serial == "1"


async def test_a_report_shows_the_ledgers_head_which_is_then_kept(gateway: Gateway) -> None:
    head = Head(position=9, hash=b"h" * 32, mac=b"m" * 32, at=CLOCK.now())
    report = SyncReport(StateReport(), is_complete=True, head=head)

    async with open_channel(ChannelSettings(gateway.address, gateway.tls())) as channel:
        await fleet_pb2_grpc.FleetStub(channel).Sync(encode_sync_request(report))

    kept = await gateway.anchors.of(DEVICE)
    assert kept is not None
    assert (kept.seen.position, kept.seen.hash, kept.seen.mac) == (9, head.hash, head.mac)


async def test_a_report_is_kept_once_the_device_has_told_all_of_itself(gateway: Gateway) -> None:
    nothing = SyncReport(StateReport(), is_complete=False)
    everything = SyncReport(StateReport(), is_complete=True, software_version="1.2.3")

    async with open_channel(ChannelSettings(gateway.address, gateway.tls())) as channel:
        stub = fleet_pb2_grpc.FleetStub(channel)
        answers = [
            decode_sync_response(await stub.Sync(encode_sync_request(report)))
            for report in (nothing, everything, nothing)
        ]

    assert [answer.wants_complete for answer in answers] == [True, False, False]
    assert answers[0].next_sync_s == 0.0
    assert 54.0 <= answers[1].next_sync_s <= 66.0


async def test_a_stranger_reports_nothing(gateway: Gateway) -> None:
    report = encode_sync_request(SyncReport(StateReport(), is_complete=True))

    async with open_channel(
        ChannelSettings(gateway.address, gateway.tls(DeviceId("edge-2")))
    ) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await fleet_pb2_grpc.FleetStub(channel).Sync(report)

    assert isinstance(from_rpc_error(refused.value), NotPermitted)


def chain_of(gateway: Gateway) -> tuple[object, ...]:
    return load_certificates(gateway.authorities.bundle_pem)


async def failure(gateway: Gateway, tls: ClientTls, request: object) -> LeewardError:
    async with open_channel(ChannelSettings(gateway.address, tls)) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await fleet_pb2_grpc.FleetStub(channel).Renew(request)
    return from_rpc_error(refused.value)
