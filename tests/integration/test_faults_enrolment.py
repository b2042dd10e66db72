"""Join tokens that are unknown, used, expired, raced for or tampered with."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from cloud.stores.audit import Act
from cloud.stores.database import Database
from cloud.stores.join_tokens import JoinTokenStore
from cloud.stores.sqlite import SqliteDriver
from cloud.stores.tables import DEFAULT_TENANT
from leeward.v1 import enrolment_pb2, enrolment_pb2_grpc
from runtime.clock import SystemClock
from runtime.errors import (
    CapacityExhausted,
    CertificateInvalid,
    LeewardError,
    RequestInvalid,
    TokenRefused,
)
from runtime.identity.authority import CertificateAuthority
from runtime.identity.csr import create_csr
from runtime.identity.token_file import JoinTokenFile, store_token_file
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.status import from_rpc_error
from runtime.rpc.tls import ClientTls
from runtime.testing.cutting_proxy import running_proxy
from runtime.testing.faulty_house import FaultyHouse
from runtime.testing.local_roles import CommandResult, edit_yaml, leeward

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="session"),
]

HOUR_S = 3600.0
RACERS = 8
BROKEN_CSR = b"-----BEGIN CERTIFICATE REQUEST-----\nTUlJ\n-----END CERTIFICATE REQUEST-----\n"


async def _token(state: Path, *, lifetime_s: float = HOUR_S) -> str:
    """Make a token beside the running gateway, as `leeward cloud token` does."""
    clock = SystemClock()
    database = await Database.open(SqliteDriver(state / "gateway.sqlite"))
    made = await JoinTokenStore(database, clock=clock).create(
        Act("operator:test", clock.now()),
        lifetime=timedelta(seconds=lifetime_s),
        tenant=DEFAULT_TENANT,
    )
    await database.close()
    return made.text


def _state(house: FaultyHouse) -> Path:
    return house.layout.root / "gateway-state"


def _csr() -> bytes:
    return create_csr(ec.generate_private_key(ec.SECP256R1()))


async def _enrol(address: str, state: Path, token: str, csr: bytes) -> str:
    """Enrol over the wire; return the device id."""
    authority = CertificateAuthority.load(state / "authority", clock=SystemClock())
    settings = ChannelSettings(target=address, tls=ClientTls(authority.certificate_pem))
    async with open_channel(settings) as channel:
        stub = enrolment_pb2_grpc.EnrolmentStub(channel)
        request = enrolment_pb2.EnrollRequest(join_token=token, csr_pem=csr)
        try:
            answer = await stub.Enroll(request, timeout=10)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        return answer.credentials.device_id


async def _refusal(house: FaultyHouse, token: str) -> tuple[LeewardError, str]:
    log = house.roles.log("cloud")
    size = log.stat().st_size
    with pytest.raises(LeewardError) as caught:
        await _enrol(house.enrolment, _state(house), token, _csr())
    return caught.value, log.read_bytes()[size:].decode()


async def test_whatever_is_wrong_with_a_token_its_bearer_hears_the_same(
    house: FaultyHouse,
) -> None:
    used = await _token(_state(house))
    await _enrol(house.enrolment, _state(house), used, _csr())
    expired = await _token(_state(house), lifetime_s=-1)
    good = await _token(_state(house))
    tokens = {
        "unknown": "lwjoin.0123456789abcdef.c2VjcmV0",
        "used": used,
        "expired": expired,
        "wrong-secret": good[:-4] + "AAAA",
        "no-token": "x",
    }

    refusals = {name: await _refusal(house, token) for name, token in tokens.items()}

    assert {type(error) for error, _ in refusals.values()} == {TokenRefused}
    assert len({str(error) for error, _ in refusals.values()}) == 1
    assert '"reason":"used"' in refusals["used"][1]
    assert '"reason":"expired"' in refusals["expired"][1]
    assert '"reason":"unknown"' in refusals["wrong-secret"][1]
    assert not any(
        token.rpartition(".")[2] in logged
        for token, (_, logged) in zip(tokens.values(), refusals.values(), strict=True)
        if len(token) > 1
    )


@pytest.mark.parametrize("csr", [b"", b"no request", BROKEN_CSR], ids=["none", "text", "broken"])
async def test_a_malformed_signing_request_leaves_the_token_good(
    house: FaultyHouse, csr: bytes
) -> None:
    token = await _token(_state(house))

    with pytest.raises((CertificateInvalid, RequestInvalid)):
        await _enrol(house.enrolment, _state(house), token, csr)
    device = await _enrol(house.enrolment, _state(house), token, _csr())

    assert device.startswith("device-")


async def test_of_devices_racing_with_one_token_exactly_one_wins(house: FaultyHouse) -> None:
    token = await _token(_state(house))

    ends = await asyncio.gather(
        *(_enrol(house.enrolment, _state(house), token, _csr()) for _ in range(RACERS)),
        return_exceptions=True,
    )

    assert [isinstance(end, str) for end in ends].count(True) == 1
    assert [type(end) for end in ends].count(TokenRefused) == RACERS - 1


async def test_the_enrolment_port_slows_guessing_down(house: FaultyHouse) -> None:
    root = house.layout.root
    changes = {
        "listen": "127.0.0.1:0",
        "enrolment": "127.0.0.1:0",
        "state": "slow-state",
        "enrolments_per_minute": 3,
    }
    edit_yaml(house.layout.cloud_config, root / "slow.yaml", changes)
    addresses = await house.roles.serve("slow", "cloud", root / "slow.yaml")
    state = root / "slow-state"
    good = await _token(state)

    guesses = await asyncio.gather(
        *(_enrol(addresses["enrolment"], state, f"lwjoin.{i}.guess", _csr()) for i in range(3)),
        return_exceptions=True,
    )
    with pytest.raises(CapacityExhausted) as caught:
        await _enrol(addresses["enrolment"], state, good, _csr())
    await house.roles.kill("slow")

    assert {type(guess) for guess in guesses} == {TokenRefused}
    assert 0 < caught.value.retry_after_s <= 20


async def _enroll_command(
    house: FaultyHouse, token: Path, *, state: str = "newcomer-state"
) -> CommandResult:
    config = house.layout.root / "newcomer.yaml"
    edit_yaml(house.layout.edge_config, config, {"state": state})
    return await leeward(
        "edge", "enroll", "--config", str(config), "--token", str(token),
        environment=house.environment,
    )  # fmt: skip


def _token_file(
    house: FaultyHouse, path: Path, *, token: str, ca_pem: bytes, enrolment: str = ""
) -> Path:
    store_token_file(
        path,
        JoinTokenFile(
            token=token,
            ca_certificate_pem=ca_pem.decode(),
            enrolment_address=enrolment or house.enrolment,
            gateway_address=house.gateway,
            expires_at=datetime.now(UTC) + timedelta(hours=1),
        ),
    )
    return path


async def _enrolled_at(log: Path, size: int) -> None:
    async with asyncio.timeout(30):
        while b'"device_enrolled"' not in log.read_bytes()[size:]:  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.02)


async def test_a_command_whose_answer_was_cut_off_is_run_again_and_enrols(
    house: FaultyHouse, tmp_path: Path
) -> None:
    authority = CertificateAuthority.load(_state(house) / "authority", clock=SystemClock())
    token = await _token(_state(house))
    log = house.roles.log("cloud")
    async with running_proxy(house.enrolment) as link:
        file = _token_file(
            house,
            tmp_path / "t.json",
            token=token,
            ca_pem=authority.certificate_pem,
            enrolment=link.address,
        )
        link.answers_take_s = 1.0
        asking = asyncio.create_task(_enroll_command(house, file, state="cut-state"))
        await _enrolled_at(log, log.stat().st_size)
        await link.cut()
        cut = await asking
        link.mend()
        link.answers_take_s = 0.0
        again = await _enroll_command(house, file, state="cut-state")
        other = await _enroll_command(house, file, state="other-state")

    assert cut.exit_code == 41
    assert "run this command again" in cut.stderr.splitlines()[0]
    assert again.exit_code == 0
    assert f"device-{token.split('.')[1]}" in again.stdout
    assert other.exit_code == 32  # the token is this device's


async def test_a_token_file_with_another_authority_is_not_used_up(
    house: FaultyHouse, tmp_path: Path
) -> None:
    foreign = CertificateAuthority.create(
        "Leeward fleet authority", clock=SystemClock(), lifetime_s=HOUR_S
    )
    token = await _token(_state(house))
    file = _token_file(house, tmp_path / "t.json", token=token, ca_pem=foreign.certificate_pem)

    refused = await _enroll_command(house, file)
    device = await _enrol(house.enrolment, _state(house), token, _csr())

    assert refused.exit_code == 41
    # gRPC may say something of its own before and after.
    assert [line[:7] for line in refused.stderr.splitlines()].count("error: ") == 1
    assert "Traceback" not in refused.stderr
    assert device


async def test_a_token_file_whose_token_was_changed_is_refused(
    house: FaultyHouse, tmp_path: Path
) -> None:
    authority = CertificateAuthority.load(_state(house) / "authority", clock=SystemClock())
    token = (await _token(_state(house)))[:-2] + "__"
    file = _token_file(house, tmp_path / "t.json", token=token, ca_pem=authority.certificate_pem)

    refused = await _enroll_command(house, file)

    assert (refused.exit_code, refused.stderr.count("\n")) == (32, 1)
    assert token not in refused.stderr
    assert not (house.layout.root / "newcomer-state" / "identity" / "device.pem").exists()


@pytest.mark.parametrize("content", ["", "{", json.dumps({"leeward": "join-token/v1"})])
async def test_what_is_no_token_file_is_named(
    house: FaultyHouse, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "t.json"
    file.write_text(content)

    refused = await _enroll_command(house, file)

    assert (refused.exit_code, refused.stderr.count("\n")) == (14, 1)
    assert str(file) in refused.stderr


async def test_a_state_directory_that_is_a_file_is_named_and_the_token_is_kept(
    house: FaultyHouse, tmp_path: Path
) -> None:
    authority = CertificateAuthority.load(_state(house) / "authority", clock=SystemClock())
    token = await _token(_state(house))
    file = _token_file(house, tmp_path / "t.json", token=token, ca_pem=authority.certificate_pem)
    config = house.layout.root / "blocked.yaml"
    edit_yaml(house.layout.edge_config, config, {"state": "blocked-state"})
    (house.layout.root / "blocked-state").touch()

    refused = await leeward(
        "edge", "enroll", "--config", str(config), "--token", str(file),
        environment=house.environment,
    )  # fmt: skip

    assert (refused.exit_code, refused.stderr.count("\n")) == (14, 1)
    assert "blocked-state" in refused.stderr
    assert await _enrol(house.enrolment, _state(house), token, _csr())
