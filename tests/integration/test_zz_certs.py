"""Who may not speak with the gateway, and whom an edge does not speak with."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from leeward.v1 import inference_pb2_grpc
from runtime.clock import SystemClock
from runtime.errors import BackendUnavailable, CertificateInvalid, LeewardError, NotPermitted
from runtime.identity.authority import CertificateAuthority
from runtime.identity.csr import create_csr
from runtime.identity.device_uri import device_uri
from runtime.identity.keys import private_key_pem
from runtime.ids import DeviceId
from runtime.private_files import write_private_file
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.inference_client import InferenceClient
from runtime.rpc.servers import bind, new_server
from runtime.rpc.tls import ClientTls, KeyPair, ServerTls
from runtime.testing.faulty_house import FaultyHouse, ask, enrol_edge
from runtime.testing.local_roles import edit_yaml, leeward

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(570),
    pytest.mark.asyncio(loop_scope="session"),
]

DAY_S = 86_400.0
PUBLIC = "How much is 6 times 7?"
Names = list[x509.GeneralName]


def _authority(house: FaultyHouse) -> CertificateAuthority:
    directory = house.layout.root / "gateway-state" / "authority"
    return CertificateAuthority.load(directory, clock=SystemClock())


def _foreign_authority() -> CertificateAuthority:
    """Another fleet's, under the same name."""
    return CertificateAuthority.create(
        "Leeward fleet authority", clock=SystemClock(), lifetime_s=DAY_S
    )


def _issued(authority: CertificateAuthority, device: str, *, lifetime_s: float = DAY_S) -> KeyPair:
    key = ec.generate_private_key(ec.SECP256R1())
    issued = authority.issue_client(create_csr(key), DeviceId(device), lifetime_s=lifetime_s)
    return KeyPair(issued.chain_pem, private_key_pem(key))


def _hand_made(names: Names, authority: CertificateAuthority | None = None) -> KeyPair:
    """Return a client certificate that our own code would not make."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "device")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(
            issuer_name=authority.certificate.subject if authority else subject,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(minutes=1),
            not_valid_after=now + timedelta(days=1),
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(authority.key if authority else key, hashes.SHA256())
    )
    return KeyPair(certificate.public_bytes(serialization.Encoding.PEM), private_key_pem(key))


def _uri(device: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(device_uri(DeviceId(device)))


async def _refusal(house: FaultyHouse, identity: KeyPair | None) -> tuple[LeewardError, str]:
    """Call the gateway as ``identity``; return the failure, and what the gateway logged."""
    log = house.roles.log("cloud")
    size = log.stat().st_size
    tls = ClientTls(_authority(house).certificate_pem, identity)
    with pytest.raises(LeewardError) as caught:
        async with open_channel(ChannelSettings(target=house.gateway, tls=tls)) as channel:
            await InferenceClient(channel).list_models(timeout_s=5)
    return caught.value, log.read_bytes()[size:].decode()


STRANGERS: dict[str, Callable[[FaultyHouse], KeyPair | None]] = {
    "no-certificate": lambda house: None,
    "self-signed": lambda house: _hand_made([_uri(house.device)]),
    "another-authority": lambda house: _issued(_foreign_authority(), house.device),
    "expired": lambda house: _issued(_authority(house), house.device, lifetime_s=-1),
    "a-servers": lambda house: _server_identity(_authority(house)),
}


def _server_identity(authority: CertificateAuthority) -> KeyPair:
    key = ec.generate_private_key(ec.SECP256R1())
    issued = authority.issue_server(key.public_key(), ["localhost", "127.0.0.1"], lifetime_s=DAY_S)
    return KeyPair(issued.chain_pem, private_key_pem(key))


@pytest.mark.parametrize("stranger", STRANGERS)
async def test_a_certificate_that_the_fleet_did_not_issue_ends_in_the_handshake(
    house: FaultyHouse, stranger: str
) -> None:
    error, logged = await _refusal(house, STRANGERS[stranger](house))

    assert type(error) is BackendUnavailable
    assert "certificate" not in str(error)
    assert "Handshake failed" in logged


async def test_a_certificate_without_a_device_is_refused(house: FaultyHouse) -> None:
    nameless = _hand_made([x509.DNSName("device")], _authority(house))

    error, logged = await _refusal(house, nameless)

    assert type(error) is CertificateInvalid
    assert '"error":"CertificateInvalid"' in logged


async def test_a_certificate_that_names_two_devices_is_refused(house: FaultyHouse) -> None:
    double = _hand_made([_uri(house.device), _uri("other")], _authority(house))

    error, _ = await _refusal(house, double)

    assert type(error) is CertificateInvalid


async def test_a_device_that_never_enrolled_is_refused_and_logged(house: FaultyHouse) -> None:
    unknown = _issued(_authority(house), "device-unknown")

    error, logged = await _refusal(house, unknown)

    assert type(error) is NotPermitted
    assert "device-unknown" not in str(error)
    entries = [json.loads(line) for line in logged.splitlines()]
    refused = next(entry for entry in entries if entry["event"] == "call_refused")
    assert (refused["kind"], refused["device"]) == ("device", "device-unknown")


async def test_a_revoked_device_is_refused_from_its_next_call_on(house: FaultyHouse) -> None:
    config = house.layout.root / "revoked.yaml"
    edit_yaml(house.layout.edge_config, config, {"state": "revoked-state"})
    cloud = {"grpc": house.gateway, "enrolment": house.enrolment}
    device = await enrol_edge(house.layout, config, cloud, environment=house.environment)
    identity = _stored_identity(house.layout.root / "revoked-state")
    tls = ClientTls(_authority(house).certificate_pem, identity)

    async with open_channel(ChannelSettings(target=house.gateway, tls=tls)) as channel:
        before = await InferenceClient(channel).list_models(timeout_s=5)
        revoked = await leeward(
            "cloud", "revoke", device, "--config", str(house.layout.cloud_config),
            environment=house.environment,
        )  # fmt: skip
        with pytest.raises(NotPermitted):
            await InferenceClient(channel).list_models(timeout_s=5)

    assert before
    assert revoked.exit_code == 0


def _stored_identity(state: Path) -> KeyPair:
    key = next((state / "identity").glob("*tls*.pem"))
    return KeyPair((state / "identity" / "device.pem").read_bytes(), key.read_bytes())


async def test_an_edge_sends_nothing_to_a_gateway_of_another_authority(house: FaultyHouse) -> None:
    impostor = _Impostor()
    server = new_server(max_concurrent_rpcs=8)
    inference_pb2_grpc.add_InferenceServicer_to_server(impostor, server)
    tls = ServerTls(_server_identity(_foreign_authority()), _authority(house).certificate_pem)
    port = bind(server, "127.0.0.1:0", tls=tls)
    await server.start()
    config = house.layout.root / "misled.yaml"
    edit_yaml(house.layout.edge_config, config, {"state": "misled-state"})
    identity = house.layout.root / "misled-state" / "identity"
    shutil.copytree(house.layout.root / "edge-state" / "identity", identity)
    identity.parent.chmod(0o700)
    write_private_file(identity / "gateway.json", f'{{"gateway": "127.0.0.1:{port}"}}'.encode())

    addresses = await house.roles.serve("misled", "edge", config)
    told = await ask(addresses["grpc"], "ask-cloud", PUBLIC)
    await house.roles.kill("misled")
    await server.stop(None)

    assert told.receipt.steps[0].node == "edge"
    assert impostor.calls == 0
    assert '"state":"away"' in house.roles.log("misled").read_text()


class _Impostor(inference_pb2_grpc.InferenceServicer):
    calls = 0

    async def Generate(self, request: object, context: object) -> None:
        self.calls += 1
        raise grpc.RpcError


async def test_an_edge_whose_own_certificate_has_ended_says_so_and_serves_alone(
    house: FaultyHouse,
) -> None:
    config = house.layout.root / "ended.yaml"
    edit_yaml(house.layout.edge_config, config, {"state": "ended-state"})
    identity = house.layout.root / "ended-state" / "identity"
    shutil.copytree(house.layout.root / "edge-state" / "identity", identity)
    identity.parent.chmod(0o700)
    key = serialization.load_pem_private_key(
        next(identity.glob("*tls*.pem")).read_bytes(), password=None
    )
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    ended = _authority(house).issue_client(create_csr(key), DeviceId(house.device), lifetime_s=-1)
    write_private_file(identity / "device.pem", ended.chain_pem)
    # Enrolled by a release that did not keep where to recover.
    write_private_file(identity / "gateway.json", f'{{"gateway": "{house.gateway}"}}'.encode())

    addresses = await house.roles.serve("ended", "edge", config)
    told = await ask(addresses["grpc"], "ask-cloud", PUBLIC)
    shown = await leeward("edge", "identity", "--config", str(config), environment={})
    await house.roles.kill("ended")

    assert told.receipt.steps[0].node == "edge"
    assert '"event":"no_cloud_identity"' in house.roles.log("ended").read_text()
    assert (shown.exit_code, shown.stderr.count("\n")) == (31, 1)
