"""Somebody else's authority: a key in a file, or a command; what it gives is judged."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from cloud.authorities import Authorities
from cloud.config_authority import AuthorityConfig
from cloud.external_authority import load_external
from runtime.clock import SystemClock
from runtime.errors import BackendUnavailable, CertificateInvalid, ConfigInvalid
from runtime.identity.authority import AuthorityKey
from runtime.identity.certificates import check_device_chain, load_certificates
from runtime.identity.csr import create_csr
from runtime.identity.keys import create_device_keys
from runtime.ids import DeviceId

CLOCK = SystemClock()
DEVICE = DeviceId("device-1")
HOUR = timedelta(hours=1)
CSR = create_csr(create_device_keys().tls)

SIGNER = """
import ipaddress, os, sys
from datetime import UTC, datetime, timedelta
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
mode = sys.argv[3]
if mode == "fails":
    sys.exit(7)
request = x509.load_pem_x509_csr(sys.stdin.buffer.read())
issuer = x509.load_pem_x509_certificate(open(sys.argv[1], "rb").read())
key = serialization.load_pem_private_key(open(sys.argv[2], "rb").read(), None)
is_client = os.environ["LEEWARD_KIND"] == "client"
assert "HOME" not in os.environ
if is_client:
    uri = os.environ["LEEWARD_URI"] + ("x" if mode == "other-device" else "")
    names = [x509.UniformResourceIdentifier(uri)]
else:
    names = [x509.IPAddress(ipaddress.ip_address(h)) for h in os.environ["LEEWARD_HOSTS"].split()]
usage = ExtendedKeyUsageOID.CLIENT_AUTH if is_client else ExtendedKeyUsageOID.SERVER_AUTH
public = ec.generate_private_key(ec.SECP256R1()).public_key() if mode == "other-key" else None
life = timedelta(seconds=int(os.environ["LEEWARD_LIFETIME_S"]))
now = datetime.now(UTC)
leaf = (
    x509.CertificateBuilder()
    .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")]))
    .issuer_name(issuer.subject)
    .public_key(public or request.public_key())
    .serial_number(x509.random_serial_number())
    .not_valid_before(now - timedelta(minutes=5))
    .not_valid_after(now + life * (3 if mode == "too-long" else 1))
    .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    .add_extension(x509.SubjectAlternativeName(names), critical=False)
    .add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False
    )
    .sign(key, hashes.SHA256())
)
for one in (leaf, issuer):
    sys.stdout.buffer.write(one.public_bytes(serialization.Encoding.PEM))
"""


def _authority(
    name: str, key: AuthorityKey, issuer: x509.Certificate | None, signer: AuthorityKey
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )


Made = Callable[[str], AuthorityConfig]


@pytest.fixture(params=["ec", "rsa"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    """An issuing authority below a root; returns a configuration, by a key or by a command."""
    root_key = ec.generate_private_key(ec.SECP384R1())
    root = _authority("root", root_key, None, root_key)
    key: AuthorityKey = (
        ec.generate_private_key(ec.SECP256R1())
        if request.param == "ec"
        else rsa.generate_private_key(65537, 2048)
    )
    issuing = _authority("issuing", key, root, root_key)
    pems = [one.public_bytes(serialization.Encoding.PEM) for one in (issuing, root)]
    (tmp_path / "chain.pem").write_bytes(b"".join(pems))
    (tmp_path / "issuing.pem").write_bytes(pems[0])
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (tmp_path / "key.pem").chmod(0o600)
    (tmp_path / "sign.py").write_text(SIGNER)

    def configure(mode: str) -> AuthorityConfig:
        script = [str(tmp_path / name) for name in ("sign.py", "issuing.pem", "key.pem")]
        command = (sys.executable, *script, mode)
        return AuthorityConfig(
            certificate=tmp_path / "chain.pem",
            private_key=tmp_path / "key.pem" if mode == "key" else None,
            sign_command=() if mode == "key" else command,
            trusted=None,
        )

    return configure


def load(config: AuthorityConfig) -> Authorities:
    directory = config.certificate.parent / "authority"
    return Authorities([load_external(config, directory, clock=CLOCK)])


@pytest.mark.parametrize("mode", ["key", "good"])
async def test_devices_and_servers_are_certified_up_to_the_others_root(
    files: Made, mode: str
) -> None:
    authorities = load(files(mode))

    issued = await authorities.certify_device(CSR, DEVICE, lifetime=HOUR)
    server = authorities.certify_server(["127.0.0.1"], lifetime=HOUR)

    chain = load_certificates(issued.chain_pem)
    roots = load_certificates(authorities.bundle_pem)
    assert [len(chain), len(roots)] == [2, 1]
    assert roots[0].issuer == roots[0].subject
    assert check_device_chain(chain, roots, now=CLOCK.now()) == DEVICE
    assert len(load_certificates(server.certificate_chain_pem)) == 2
    again = load(files(mode))
    assert again.newest.secret(b"one") == authorities.newest.secret(b"one")
    assert again.newest.secret(b"one") != again.newest.secret(b"two")


@pytest.mark.parametrize(
    ("mode", "error", "says"),
    [
        ("other-key", CertificateInvalid, "another key"),
        ("other-device", CertificateInvalid, "another device"),
        ("too-long", CertificateInvalid, "too long"),
        ("fails", BackendUnavailable, "exit code 7"),
    ],
)
async def test_what_a_command_should_not_have_signed_reaches_nobody(
    files: Made, mode: str, error: type[Exception], says: str
) -> None:
    authorities = load(files(mode))

    with pytest.raises(error, match=says):
        await authorities.certify_device(CSR, DEVICE, lifetime=HOUR)


def test_files_that_cannot_be_used_are_named(files: Made) -> None:
    config = files("key")
    assert config.private_key is not None
    config.private_key.chmod(0o644)
    with pytest.raises(ConfigInvalid, match="0600"):
        load(config)
    (config.certificate.parent / "chain.pem").write_bytes(
        (config.certificate.parent / "issuing.pem").read_bytes()
    )
    with pytest.raises(ConfigInvalid, match="root"):
        load(config)
