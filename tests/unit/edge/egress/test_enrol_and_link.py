import asyncio
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from edge.egress.cloud_link import CloudLink, opened_link
from edge.egress.control import ControlLog, command_log
from edge.egress.enrol import enrol, enrol_in_turn
from edge.identity import DeviceIdentity, IdentityStore
from leeward.v1 import enrolment_pb2 as pb
from leeward.v1 import enrolment_pb2_grpc as pb_grpc
from runtime.clock import SystemClock
from runtime.codec.enrolment import Credentials, encode_credentials
from runtime.errors import (
    BackendUnavailable,
    CapacityExhausted,
    CertificateInvalid,
    NotPermitted,
    TokenRefused,
)
from runtime.identity.authority import CertificateAuthority
from runtime.identity.csr import create_csr, key_digest, public_key_of_csr
from runtime.identity.keys import create_device_keys, private_key_pem
from runtime.identity.token_file import JoinTokenFile
from runtime.ids import DeviceId, NodeName
from runtime.ledger.read import read_entries
from runtime.ledger.record import ControlPassage, ControlPurpose, Destination
from runtime.ledger.verify import verify_ledger
from runtime.ledger.writer import LedgerWriter
from runtime.rpc.boundary import error_boundary
from runtime.rpc.servers import ServerHealth, bind, new_server, stop
from runtime.rpc.tls import KeyPair, ServerTls

CLOCK = SystemClock()
SERVICE = "leeward.v1.Inference"
BUSY_S = 0.05
TOKEN = "lwjoin.0123456789abcdef.secret"
BY_TOKEN = "gateway.example:7443"
BY_ITSELF = "behind-a-router.example:7443"
"""Where the gateway believes that devices find it."""


@dataclass(slots=True)
class Desk(pb_grpc.EnrolmentServicer):
    """An enrolment service that knows one token."""

    authority: CertificateAuthority
    requests: list[pb.EnrollRequest] = field(default_factory=list)
    certifies_another_key: bool = False
    busy_for: int = 0
    """How many calls it still has too many to do."""
    loses: int = 0
    """How many answers it makes that never arrive."""

    async def Enroll(self, request: pb.EnrollRequest, context: Any) -> pb.EnrollResponse:
        self.requests.append(request)
        async with error_boundary(context, "Enrolment.Enroll"):
            if request.join_token != TOKEN:
                raise TokenRefused("the join token is not valid")
            if self.busy_for:
                self.busy_for -= 1
                raise CapacityExhausted("busy", retry_after_s=BUSY_S)
        csr = create_csr(create_device_keys().tls) if self.certifies_another_key else None
        issued = self.authority.issue_client(
            csr or request.csr_pem, DeviceId("device-7"), lifetime_s=3600
        )
        if self.loses:
            self.loses -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "cut")
        credentials = Credentials(
            certificate_chain_pem=issued.chain_pem,
            ca_bundle_pem=self.authority.certificate_pem,
            gateway_address=BY_ITSELF,
            expires_at=issued.expires_at,
            device_id=DeviceId("device-7"),
        )
        return pb.EnrollResponse(credentials=encode_credentials(credentials))


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return CertificateAuthority.create("test fleet", clock=CLOCK, lifetime_s=86_400)


def _server_tls(authority: CertificateAuthority, *, asks_clients: bool) -> ServerTls:
    keys = create_device_keys()
    issued = authority.issue_server(keys.tls.public_key(), ["127.0.0.1"], lifetime_s=3600)
    pair = KeyPair(issued.chain_pem, private_key_pem(keys.tls))
    return ServerTls(pair, authority.certificate_pem if asks_clients else None)


@pytest.fixture
async def desk(authority: CertificateAuthority) -> AsyncIterator[tuple[Desk, str]]:
    desk = Desk(authority)
    server = new_server(max_concurrent_rpcs=4)
    pb_grpc.add_EnrolmentServicer_to_server(desk, server)
    port = bind(server, "127.0.0.1:0", tls=_server_tls(authority, asks_clients=False))
    await server.start()
    yield desk, f"127.0.0.1:{port}"
    await server.stop(0)


def _file(
    authority: CertificateAuthority, address: str, token: str = TOKEN, gateway: str = BY_TOKEN
) -> JoinTokenFile:
    return JoinTokenFile(
        token=token,
        ca_certificate_pem=authority.certificate_pem.decode(),
        enrolment_address=address,
        gateway_address=gateway,
        expires_at=CLOCK.now() + timedelta(hours=1),
    )


def _store(tmp_path: Path) -> IdentityStore:
    return IdentityStore(tmp_path / "identity", clock=CLOCK)


async def _enrol(tmp_path: Path, file: JoinTokenFile, *, force: bool = False) -> DeviceIdentity:
    async with command_log(tmp_path / "ledger", clock=CLOCK) as control:
        return await enrol(file, _store(tmp_path), force=force, control=control)


async def test_a_device_comes_back_when_the_gateway_says_and_not_for_ever(
    tmp_path: Path, authority: CertificateAuthority, desk: tuple[Desk, str]
) -> None:
    servicer, address = desk
    servicer.busy_for = 3
    told_s: list[float] = []

    async def ask(limit_s: float) -> DeviceIdentity:
        async with command_log(tmp_path / "ledger", clock=CLOCK) as control:
            return await enrol_in_turn(
                _file(authority, address),
                _store(tmp_path),
                force=False,
                control=control,
                tell=told_s.append,
                limit_s=limit_s,
            )

    with pytest.raises(CapacityExhausted):
        await ask(1.5 * BUSY_S)
    identity = await ask(60.0)

    assert told_s == [pytest.approx(BUSY_S)] * 2
    assert identity == _store(tmp_path).load()


async def test_after_a_lost_answer_the_same_key_is_shown_again_and_then_forgotten(
    tmp_path: Path, authority: CertificateAuthority, desk: tuple[Desk, str]
) -> None:
    servicer, address = desk
    servicer.loses = 2

    for _ in range(2):
        with pytest.raises(BackendUnavailable):
            await _enrol(tmp_path, _file(authority, address))
        assert not _store(tmp_path).exists
    identity = await _enrol(tmp_path, _file(authority, address))

    keys = {key_digest(public_key_of_csr(request.csr_pem)) for request in servicer.requests}
    assert len(servicer.requests) == 3
    assert len(keys) == 1
    kept = [path for path in (tmp_path / "identity").rglob("*") if path.is_file()]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in kept)
    assert not [path for path in kept if path.parent.name == "asked"]
    again = await _enrol(tmp_path, _file(authority, address), force=True)
    assert again.private_key_pem != identity.private_key_pem


def _control_entries(directory: Path) -> list[ControlPassage]:
    records = [entry.record for entry in read_entries(directory)]
    return [record for record in records if isinstance(record, ControlPassage)]


@pytest.mark.parametrize(("said", "dialled"), [(BY_TOKEN, BY_TOKEN), ("", BY_ITSELF)])
async def test_a_device_dials_where_its_token_says_and_else_where_the_gateway_does(
    tmp_path: Path, authority: CertificateAuthority, desk: tuple[Desk, str], said: str, dialled: str
) -> None:
    _, address = desk

    identity = await _enrol(tmp_path, _file(authority, address, gateway=said))

    assert identity.gateway == _store(tmp_path).load().gateway == dialled


async def test_a_device_enrols_and_its_keys_never_leave(
    tmp_path: Path, authority: CertificateAuthority, desk: tuple[Desk, str]
) -> None:
    servicer, address = desk

    identity = await _enrol(tmp_path, _file(authority, address))

    assert identity.device == "device-7"
    assert _store(tmp_path).load() == identity
    (request,) = servicer.requests
    assert b"PRIVATE" not in request.SerializeToString()
    (passage,) = _control_entries(tmp_path / "ledger")
    assert passage.purpose is ControlPurpose.ENROL
    assert passage.destination.address == address
    assert passage.sent_bytes == request.ByteSize()
    assert passage.received_bytes > 500
    assert verify_ledger(tmp_path / "ledger").is_intact


async def test_an_identity_is_replaced_only_when_asked(
    tmp_path: Path, authority: CertificateAuthority, desk: tuple[Desk, str]
) -> None:
    servicer, address = desk
    first = await _enrol(tmp_path, _file(authority, address))

    with pytest.raises(NotPermitted):
        await _enrol(tmp_path, _file(authority, address))

    assert len(servicer.requests) == 1
    assert _store(tmp_path).load() == first
    second = await _enrol(tmp_path, _file(authority, address), force=True)
    assert second.private_key_pem != first.private_key_pem


async def test_a_refused_token_leaves_no_identity_and_is_counted(
    tmp_path: Path, authority: CertificateAuthority, desk: tuple[Desk, str]
) -> None:
    with pytest.raises(TokenRefused):
        await _enrol(tmp_path, _file(authority, desk[1], token="lwjoin.x.y"))

    assert not _store(tmp_path).exists
    assert [p.status for p in _control_entries(tmp_path / "ledger")] == ["TokenRefused"]


async def test_a_server_of_another_fleet_never_hears_the_token(
    tmp_path: Path, desk: tuple[Desk, str]
) -> None:
    servicer, address = desk
    other = CertificateAuthority.create("test fleet", clock=CLOCK, lifetime_s=3600)

    with pytest.raises(BackendUnavailable):
        await _enrol(tmp_path, _file(other, address))

    assert servicer.requests == []
    assert not _store(tmp_path).exists


async def test_a_certificate_for_another_key_is_not_kept(
    tmp_path: Path, authority: CertificateAuthority, desk: tuple[Desk, str]
) -> None:
    servicer, address = desk
    servicer.certifies_another_key = True

    with pytest.raises(CertificateInvalid):
        await _enrol(tmp_path, _file(authority, address))

    assert not _store(tmp_path).exists


def _identity(
    authority: CertificateAuthority, address: str, *, lifetime_s: float = 3600
) -> DeviceIdentity:
    keys = create_device_keys()
    issued = authority.issue_client(
        create_csr(keys.tls), DeviceId("device-7"), lifetime_s=lifetime_s
    )
    return DeviceIdentity(
        device=DeviceId("device-7"),
        gateway=address,
        private_key_pem=private_key_pem(keys.tls),
        certificate_chain_pem=issued.chain_pem,
        ca_bundle_pem=authority.certificate_pem,
        expires_at=issued.expires_at,
    )


async def _wait_healthy(link: CloudLink, *, is_healthy: bool) -> None:
    async with asyncio.timeout(15):
        while link.is_healthy is not is_healthy:  # noqa: ASYNC110 - a property to poll
            await asyncio.sleep(0.02)


async def _gateway(
    authority: CertificateAuthority, address: str = "127.0.0.1:0"
) -> tuple[grpc.aio.Server, ServerHealth, int]:
    server = new_server(max_concurrent_rpcs=4)
    health = ServerHealth(server, [SERVICE])
    port = bind(server, address, tls=_server_tls(authority, asks_clients=True))
    await health.start()
    await server.start()
    await health.set_all_serving()
    return server, health, port


async def test_the_link_follows_the_gateway_away_and_back_and_counts_it(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    server, health, port = await _gateway(authority)
    address = f"127.0.0.1:{port}"
    destination = Destination(NodeName("cloud"), address)
    async with LedgerWriter.open(tmp_path, clock=CLOCK) as ledger:
        control = ControlLog(tmp_path, ledger)
        async with opened_link(
            _identity(authority, address), destination, control=control, clock=CLOCK
        ) as link:
            assert link.is_healthy

            await stop(server, health, grace_s=0)
            await _wait_healthy(link, is_healthy=False)
            server, health, _ = await _gateway(authority, address)
            await _wait_healthy(link, is_healthy=True)
        await stop(server, health, grace_s=0)
        control.write()

    (passage,) = _control_entries(tmp_path)
    assert passage.purpose is ControlPurpose.HEALTH
    assert passage.destination == destination
    assert passage.sent_bytes > 0
    assert passage.received_bytes > 0


async def test_a_link_whose_certificate_has_ended_is_not_healthy_and_says_why(
    tmp_path: Path, authority: CertificateAuthority, caplog: pytest.LogCaptureFixture
) -> None:
    server, health, port = await _gateway(authority)
    address = f"127.0.0.1:{port}"

    class Later(SystemClock):
        def now(self) -> Any:
            return super().now() + timedelta(hours=2)

    async with (
        LedgerWriter.open(tmp_path, clock=CLOCK) as ledger,
        opened_link(
            _identity(authority, address),
            Destination(NodeName("cloud"), address),
            control=ControlLog(tmp_path, ledger),
            clock=Later(),
        ) as link,
    ):
        assert not link.is_healthy
        assert link.certificate_left_s < 0
    await stop(server, health, grace_s=0)

    assert "certificate_expired" in [record.message for record in caplog.records]
