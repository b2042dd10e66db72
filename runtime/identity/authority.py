"""The fleet's certificate authority: signs clients and servers, and takes certificates back.

Usually one self-signed EC P-256 root whose key lies in a 0600 file; or an authority below somebody
else's root. The caller says who may have what; names are never taken from a request.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from runtime.clock import Clock
from runtime.errors import CertificateInvalid, ConfigInvalid, NotFound
from runtime.identity.certificates import CLOCK_SKEW_S, certificates_pem, load_certificates
from runtime.identity.csr import public_key_of_csr
from runtime.identity.derived import derived_secret
from runtime.identity.device_uri import device_uri
from runtime.identity.keys import load_tls_key, private_key_pem
from runtime.ids import DeviceId
from runtime.private_files import ensure_private_directory, write_private_file

__all__ = [
    "CERTIFICATE_FILE",
    "KEY_FILE",
    "AuthorityKey",
    "CertificateAuthority",
    "IssuedCertificate",
    "host_name",
]

KEY_FILE: Final = "ca-key.pem"
CERTIFICATE_FILE: Final = "ca.pem"


AuthorityKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
"""What an authority can sign with; our own are EC P-256."""


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate that the authority has just signed."""

    chain_pem: bytes
    """Leaf first; the root is not in it."""
    serial: int
    """What a revocation names."""
    expires_at: datetime


class CertificateAuthority:
    """Signs for one fleet.

    Args:
        key: Its private key.
        certificate: Its certificate.
        clock: Says when certificates begin.
        above: Who signed it, up to the root; nobody for a root.
        trusted: Further roots that everybody is to trust.
    """

    def __init__(
        self,
        key: AuthorityKey,
        certificate: x509.Certificate,
        *,
        clock: Clock,
        above: Sequence[x509.Certificate] = (),
        trusted: Sequence[x509.Certificate] = (),
    ) -> None:
        if key.public_key() != certificate.public_key():
            raise CertificateInvalid("the authority's key does not belong to its certificate")
        self._key = key
        self._issuing = certificate
        self._certificate = above[-1] if above else certificate
        self._between = (certificate, *above[:-1]) if above else ()
        self._trusted = tuple(trusted)
        self._clock = clock

    @classmethod
    def create(cls, name: str, *, clock: Clock, lifetime_s: float) -> Self:
        """Make a fresh authority, in memory only."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        public = key.public_key()
        builder = _builder(public, subject, subject, now=clock.now(), lifetime_s=lifetime_s)
        certificate = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate, clock=clock)

    @classmethod
    def load(cls, directory: Path, *, clock: Clock) -> Self:
        """Read an authority that :meth:`store` wrote.

        Raises:
            NotFound: There is none in ``directory``.
            CertificateInvalid: Its files are damaged, or others may read its key.
        """
        try:
            pem = (directory / CERTIFICATE_FILE).read_bytes()
        except OSError:
            raise NotFound(f"no certificate authority in {directory}") from None
        return cls(load_tls_key(directory / KEY_FILE), load_certificates(pem)[0], clock=clock)

    def store(self, directory: Path) -> None:
        """Write key (0600) and certificate to ``directory`` (0700).

        Raises:
            OSError: They cannot be written.
        """
        ensure_private_directory(directory)
        write_private_file(directory / KEY_FILE, private_key_pem(self._key))
        write_private_file(directory / CERTIFICATE_FILE, self.certificate_pem)

    @property
    def certificate(self) -> x509.Certificate:
        """The root, by which everybody knows this fleet."""
        return self._certificate

    @property
    def certificate_pem(self) -> bytes:
        """The root, PEM, and further ones that everybody is to trust."""
        return certificates_pem((self._certificate, *self._trusted))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the root, hexadecimal: the authority's name."""
        return self._certificate.fingerprint(hashes.SHA256()).hex()

    @property
    def key(self) -> AuthorityKey:
        """Its key, for the revocation list."""
        return self._key

    def secret(self, purpose: bytes) -> bytes:
        """Return 32 bytes that whoever has the key can know, others for every purpose."""
        return derived_secret(self._key, purpose)

    def issue_client(
        self, csr_pem: bytes, device_id: DeviceId, *, lifetime_s: float
    ) -> IssuedCertificate:
        """Certify the key in a request as ``device_id``, whatever name the request wishes for.

        Raises:
            CertificateInvalid: The request is malformed, or ``device_id`` is no device id.
        """
        names = [x509.UniformResourceIdentifier(device_uri(device_id))]
        return self._issue(
            public_key_of_csr(csr_pem),
            names,
            usage=ExtendedKeyUsageOID.CLIENT_AUTH,
            common_name=device_id[:64],
            lifetime_s=lifetime_s,
        )

    def certify_server(
        self, csr_pem: bytes, hosts: Sequence[str], *, lifetime_s: float
    ) -> IssuedCertificate:
        """Certify the key in a request as the server at ``hosts``; otherwise as below.

        Raises:
            CertificateInvalid: The request is malformed.
        """
        return self.issue_server(public_key_of_csr(csr_pem), hosts, lifetime_s=lifetime_s)

    def issue_server(
        self, key: ec.EllipticCurvePublicKey, hosts: Sequence[str], *, lifetime_s: float
    ) -> IssuedCertificate:
        """Certify ``key`` as the server at ``hosts``.

        Args:
            key: The server's public key.
            hosts: DNS names and IP addresses, without ports; at least one.
            lifetime_s: How long it is valid, seconds.

        Raises:
            ConfigInvalid: A host is neither a name nor an address.
        """
        if not hosts:
            raise ConfigInvalid("a server certificate needs at least one host", field="hosts")
        names = [host_name(host) for host in hosts]
        return self._issue(
            key,
            names,
            usage=ExtendedKeyUsageOID.SERVER_AUTH,
            common_name=hosts[0][:64],
            lifetime_s=lifetime_s,
        )

    def _issue(
        self,
        key: ec.EllipticCurvePublicKey,
        names: Sequence[x509.GeneralName],
        *,
        usage: x509.ObjectIdentifier,
        common_name: str,
        lifetime_s: float,
    ) -> IssuedCertificate:
        issuer = self._issuing
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        now = self._clock.now()
        # What outlives its authority is refused from the authority's end on, without a warning.
        left_s = (issuer.not_valid_after_utc - now).total_seconds()
        if left_s <= 0:
            raise CertificateInvalid("the fleet's authority has ended; rotate it")
        builder = _builder(
            key, subject, issuer.subject, now=now, lifetime_s=min(lifetime_s, left_s)
        )
        authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(authority_key, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return IssuedCertificate(
            chain_pem=certificates_pem((certificate, *self._between)),
            serial=certificate.serial_number,
            expires_at=certificate.not_valid_after_utc,
        )


def _builder(
    key: ec.EllipticCurvePublicKey,
    subject: x509.Name,
    issuer: x509.Name,
    *,
    now: datetime,
    lifetime_s: float,
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(seconds=CLOCK_SKEW_S),
        not_valid_after=now + timedelta(seconds=lifetime_s),
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def host_name(host: str) -> x509.DNSName | x509.IPAddress:
    """Return a server's name as its certificate says it.

    Raises:
        ConfigInvalid: It is neither a name nor an address.
    """
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError:
        raise ConfigInvalid("a host is a DNS name or an IP address", field="hosts") from None
