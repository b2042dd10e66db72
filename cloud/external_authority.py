"""Somebody else's certificate authority, from files: with its key, or behind a command that signs.

A command gets a signing request (PEM) on standard input. Its environment holds ``PATH`` and what to
certify: ``LEEWARD_KIND`` (``client`` or ``server``), ``LEEWARD_URI`` or ``LEEWARD_HOSTS`` (one a
line), and ``LEEWARD_LIFETIME_S``. It answers with the chain (PEM, leaf first) on standard output.
Whatever it answers is checked before anybody gets it.
"""

import os
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import verification

from cloud.config_authority import AuthorityConfig
from runtime.clock import Clock
from runtime.documents.os_reason import os_reason
from runtime.errors import BackendUnavailable, CertificateInvalid, ConfigInvalid
from runtime.identity.authority import (
    AuthorityKey,
    CertificateAuthority,
    IssuedCertificate,
    host_name,
)
from runtime.identity.certificates import (
    CLOCK_SKEW_S,
    certificates_pem,
    check_device_chain,
    load_certificates,
)
from runtime.identity.csr import public_key_of_csr
from runtime.identity.derived import derived_from
from runtime.identity.device_uri import device_uri
from runtime.ids import DeviceId
from runtime.private_files import ensure_private_directory, is_private, write_private_file

__all__ = ["CommandAuthority", "load_external"]

_TIMEOUT_S: Final = 30.0
_SECRET_FILE: Final = "external-secret.key"  # noqa: S105 - a file's name
_SECRET_BYTES: Final = 32
_FIELD: Final = "authority"


def load_external(
    config: AuthorityConfig, directory: Path, *, clock: Clock
) -> "CertificateAuthority | CommandAuthority":
    """Return the configured authority.

    Args:
        config: Where its files are.
        directory: Where the gateways of a store share a secret, for one that signs by a command.
        clock: Says when certificates begin.

    Raises:
        ConfigInvalid: A file cannot be read, or is not what it should be.
        CertificateInvalid: The key does not belong to the certificate.
    """
    chain = _certificates(config.certificate, "certificate_file")
    trusted = _certificates(config.trusted, "trusted_file") if config.trusted else ()
    for root in (chain[-1], *trusted):
        if root.issuer != root.subject:
            file = str(config.certificate if root is chain[-1] else config.trusted)
            raise ConfigInvalid("must end with the root, which signs itself", file=file)
    if config.private_key is None:
        return CommandAuthority(
            config.sign_command, chain[-1], _shared_secret(directory), clock=clock, trusted=trusted
        )
    key = _key(config.private_key)
    return CertificateAuthority(key, chain[0], clock=clock, above=chain[1:], trusted=trusted)


class CommandAuthority:
    """An authority whose key is not here.

    Args:
        command: Program and arguments.
        root: Whom everybody trusts.
        shared: 32 bytes that every gateway of the store has.
        clock: Judges what the command answers.
        trusted: Further roots that everybody is to trust.
    """

    def __init__(
        self,
        command: Sequence[str],
        root: x509.Certificate,
        shared: bytes,
        *,
        clock: Clock,
        trusted: Sequence[x509.Certificate] = (),
    ) -> None:
        self._command = tuple(command)
        self._root = root
        self._shared = shared
        self._clock = clock
        self._trusted = tuple(trusted)

    @property
    def certificate(self) -> x509.Certificate:
        """The root by which everybody knows it."""
        return self._root

    @property
    def certificate_pem(self) -> bytes:
        """The roots that everybody is to trust, PEM."""
        return certificates_pem((self._root, *self._trusted))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the root, hexadecimal."""
        return self._root.fingerprint(hashes.SHA256()).hex()

    def secret(self, purpose: bytes) -> bytes:
        """Return 32 bytes that every gateway of the store knows, others for every purpose."""
        return derived_from(self._shared, purpose)

    def issue_client(
        self, csr_pem: bytes, device_id: DeviceId, *, lifetime_s: float
    ) -> IssuedCertificate:
        """Have the key in a request certified as a device.

        Raises:
            CertificateInvalid: The request is malformed, or the command answers something else.
            BackendUnavailable: The command failed, or took too long.
        """
        asked = {"LEEWARD_KIND": "client", "LEEWARD_URI": device_uri(device_id)}
        chain = self._signed(csr_pem, asked, lifetime_s)
        if check_device_chain(chain, [self._root], now=self._clock.now()) != device_id:
            raise CertificateInvalid("the signing command certified another device")
        return _issued(chain)

    def certify_server(
        self, csr_pem: bytes, hosts: Sequence[str], *, lifetime_s: float
    ) -> IssuedCertificate:
        """Have the key in a request certified as the server at ``hosts``.

        Raises:
            CertificateInvalid: The command answers something else.
            BackendUnavailable: It failed, or took too long.
        """
        asked = {"LEEWARD_KIND": "server", "LEEWARD_HOSTS": "\n".join(hosts)}
        chain = self._signed(csr_pem, asked, lifetime_s)
        client = verification.PolicyBuilder().store(verification.Store([self._root]))
        verifier = client.time(self._clock.now()).build_server_verifier(host_name(hosts[0]))
        try:
            verifier.verify(chain[0], list(chain[1:]))
        except verification.VerificationError:
            reason = f"the signing command's certificate is not one for the server {hosts[0]}"
            raise CertificateInvalid(reason) from None
        return _issued(chain)

    def _signed(
        self, csr_pem: bytes, asked: Mapping[str, str], lifetime_s: float
    ) -> Sequence[x509.Certificate]:
        key = public_key_of_csr(csr_pem)
        said = {**asked, "LEEWARD_LIFETIME_S": str(int(lifetime_s))}
        chain = load_certificates(_run(self._command, csr_pem, said))
        if chain[0].public_key() != key:
            raise CertificateInvalid("the signing command certified another key")
        latest = self._clock.now() + timedelta(seconds=lifetime_s + CLOCK_SKEW_S)
        if chain[0].not_valid_after_utc > latest:
            raise CertificateInvalid("the signing command's certificate is good for too long")
        return chain


def _run(command: Sequence[str], csr_pem: bytes, said: Mapping[str, str]) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own command
            command,
            input=csr_pem,
            capture_output=True,
            env={"PATH": os.defpath, **said},
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BackendUnavailable(f"{command[0]} did not sign within {_TIMEOUT_S:.0f} s") from None
    except OSError as error:
        raise BackendUnavailable(f"{command[0]} cannot be run: {error.strerror}") from None
    if done.returncode:
        raise BackendUnavailable(f"{command[0]} ended with exit code {done.returncode}")
    return done.stdout


def _issued(chain: Sequence[x509.Certificate]) -> IssuedCertificate:
    return IssuedCertificate(
        chain_pem=certificates_pem(chain),
        serial=chain[0].serial_number,
        expires_at=chain[0].not_valid_after_utc,
    )


def _certificates(file: Path, field: str) -> tuple[x509.Certificate, ...]:
    try:
        return load_certificates(file.read_bytes())
    except OSError as error:
        reason = f"cannot be read: {os_reason(error)}"
        raise ConfigInvalid(reason, file=str(file), field=f"{_FIELD}.{field}") from None
    except CertificateInvalid:
        reason = "does not hold PEM certificates"
        raise ConfigInvalid(reason, file=str(file), field=f"{_FIELD}.{field}") from None


def _key(file: Path) -> AuthorityKey:
    field = f"{_FIELD}.private_key_file"
    try:
        if not is_private(file):
            reason = "can be read by others; set its mode to 0600"
            raise ConfigInvalid(reason, file=str(file), field=field)
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        reason = f"cannot be read: {os_reason(error)}"
        raise ConfigInvalid(reason, file=str(file), field=field) from None
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        reason = "must hold one unencrypted EC or RSA private key, PEM"
        raise ConfigInvalid(reason, file=str(file), field=field)
    return key


def _shared_secret(directory: Path) -> bytes:
    """Return the gateways' secret; called where gateways that start wait for each other."""
    file = directory / _SECRET_FILE
    try:
        if not file.exists():
            ensure_private_directory(directory)
            write_private_file(file, secrets.token_bytes(_SECRET_BYTES).hex().encode())
        return bytes.fromhex(file.read_text("ascii"))
    except (OSError, ValueError):
        raise ConfigInvalid("cannot be read or written", file=str(file)) from None
