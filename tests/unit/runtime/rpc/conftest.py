"""A certificate authority and what it issues, made fresh for the session."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from runtime.rpc.tls import ClientTls, KeyPair, ServerTls

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=3650)


@dataclass(frozen=True)
class Authority:
    """Signs whatever a test needs."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @staticmethod
    def create(name: str) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            _builder(subject, subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        return Authority(certificate, key)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self, names: Sequence[x509.GeneralName], *, common_name: str = "x", end: datetime = END
    ) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        builder = _builder(subject, self.certificate.subject, key.public_key(), end=end)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return KeyPair(
            certificate_chain_pem=builder.sign(self.key, hashes.SHA256()).public_bytes(
                serialization.Encoding.PEM
            ),
            private_key_pem=key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )

    def issue_device(self, device_id: str) -> KeyPair:
        return self.issue([x509.UniformResourceIdentifier(f"leeward://device/{device_id}")])

    def issue_server(self) -> KeyPair:
        return self.issue(
            [x509.DNSName("gateway.test"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    *,
    end: datetime = END,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(end)
    )


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority.create("fleet")


@pytest.fixture(scope="session")
def stranger() -> Authority:
    return Authority.create("fleet")  # the same name, another key


@pytest.fixture(scope="session")
def server_tls(authority: Authority) -> ServerTls:
    return ServerTls(identity=authority.issue_server(), client_ca_bundle_pem=authority.pem)


@pytest.fixture(scope="session")
def device_tls(authority: Authority) -> ClientTls:
    return ClientTls(ca_bundle_pem=authority.pem, identity=authority.issue_device("tablet-7"))
