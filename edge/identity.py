"""This device's identity on disk: keys, certificate, the fleet's authorities, and whom to dial.

Several files belong together and are replaced while the daemon runs, so the new ones are first
written down as a whole (``next.json``) and then put in place; a reader finishes what a crash left
half done.
"""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from edge.config import EdgeConfig
from edge.kept_request import KeptRequest
from runtime.clock import Clock
from runtime.codec.enrolment import Credentials
from runtime.documents.credential import credential_file
from runtime.documents.secret_file import read_secret_file
from runtime.errors import CertificateInvalid, NotFound
from runtime.identity.certificates import check_device_chain, load_certificates
from runtime.identity.keys import (
    SIGNING_KEY_FILE,
    TLS_KEY_FILE,
    DeviceKeys,
    load_device_keys,
    private_key_pem,
    stored_key_pem,
)
from runtime.ids import DeviceId
from runtime.private_files import ensure_private_directory, write_private_file

__all__ = ["DeviceIdentity", "IdentityStore", "identity_store"]

_CHAIN: Final = "device.pem"
_AUTHORITY: Final = "ca.pem"
_GATEWAY: Final = "gateway.json"
_NEXT: Final = "next.json"
_ASKED: Final = "asked"
_UNIT: Final = "leeward-edge.service"


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """Who this device is, and whom it dials."""

    device: DeviceId
    gateway: str
    """``host:port``."""
    private_key_pem: bytes = field(repr=False)
    certificate_chain_pem: bytes
    ca_bundle_pem: bytes
    expires_at: datetime
    enrolment: str = ""
    """``host:port`` of the gateway's port for enrolment and recovery; empty where that was never
    told."""

    @property
    def begins_at(self) -> datetime:
        """When the certificate begins."""
        return load_certificates(self.certificate_chain_pem)[0].not_valid_before_utc


class IdentityStore:
    """The identity directory (``<state>/identity``).

    Args:
        directory: Where it is.
        clock: Says whether the certificate is valid now.
        passphrase: What the private keys are encrypted with; ``None`` for not at all.
    """

    def __init__(self, directory: Path, *, clock: Clock, passphrase: bytes | None = None) -> None:
        self._directory = directory
        self._clock = clock
        self._passphrase = passphrase
        self.request = KeptRequest(directory / _ASKED, passphrase=passphrase)
        """The keys of an enrolment that has no answer yet."""

    @property
    def exists(self) -> bool:
        """Whether the device has enrolled, whatever its certificate says now."""
        return (self._directory / _CHAIN).exists()

    @property
    def stamp(self) -> tuple[tuple[int, int], ...]:
        """What is different once somebody has replaced the identity, read without its keys."""
        found = []
        for name in (_CHAIN, _NEXT):
            with suppress(FileNotFoundError):
                at = (self._directory / name).stat()
                found.append((at.st_ino, at.st_mtime_ns))
        return tuple(found)

    def save(
        self, keys: DeviceKeys, credentials: Credentials, *, enrolment: str = ""
    ) -> DeviceIdentity:
        """Keep what enrolment or recovery gave, after checking it: wholly, or not at all.

        Args:
            keys: The device's keys.
            credentials: What the gateway gave.
            enrolment: Where it did.

        Raises:
            CertificateInvalid: The certificate is not for this key, or not of this authority.
        """
        self._check(keys, credentials.certificate_chain_pem, credentials.ca_bundle_pem)
        ensure_private_directory(self._directory)
        place = {"gateway": credentials.gateway_address, "enrolment": enrolment}
        following = {
            TLS_KEY_FILE: stored_key_pem(keys.tls, self._passphrase).decode(),
            SIGNING_KEY_FILE: stored_key_pem(keys.signing, self._passphrase).decode(),
            _AUTHORITY: credentials.ca_bundle_pem.decode(),
            _GATEWAY: json.dumps(place),
            # Last: its presence means that the rest is there.
            _CHAIN: credentials.certificate_chain_pem.decode(),
        }
        write_private_file(self._directory / _NEXT, json.dumps(following).encode())
        return self.load()

    def keys(self) -> DeviceKeys:
        """Return the device's keys.

        Raises:
            CertificateInvalid: They are missing or damaged.
        """
        self._finish_saving()
        try:
            return load_device_keys(self._directory, passphrase=self._passphrase)
        except NotFound as error:
            raise self._damaged() from error

    def load(self, *, at_any_time: bool = False) -> DeviceIdentity:
        """Return the identity, checked.

        Args:
            at_any_time: Also one whose certificate has ended, or begins later by this clock.

        Raises:
            CertificateInvalid: Not enrolled, expired, or the files do not belong together.
        """
        self._finish_saving()
        if not self.exists:
            raise CertificateInvalid("this device is not enrolled; run `leeward edge enroll`")
        try:
            keys = load_device_keys(self._directory, passphrase=self._passphrase)
            chain_pem = (self._directory / _CHAIN).read_bytes()
            ca_pem = (self._directory / _AUTHORITY).read_bytes()
            place = json.loads((self._directory / _GATEWAY).read_bytes())
            gateway, enrolment = str(place["gateway"]), str(place.get("enrolment", ""))
        except (NotFound, OSError, ValueError, KeyError) as error:
            raise self._damaged() from error
        device = self._check(keys, chain_pem, ca_pem, at_any_time=at_any_time)
        return DeviceIdentity(
            device=device,
            gateway=gateway,
            private_key_pem=private_key_pem(keys.tls),
            certificate_chain_pem=chain_pem,
            ca_bundle_pem=ca_pem,
            expires_at=load_certificates(chain_pem)[0].not_valid_after_utc,
            enrolment=enrolment,
        )

    def _finish_saving(self) -> None:
        """Put in place what was written down whole."""
        try:
            following: dict[str, Any] = json.loads((self._directory / _NEXT).read_bytes())
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            raise self._damaged() from error
        for name in (TLS_KEY_FILE, SIGNING_KEY_FILE, _AUTHORITY, _GATEWAY, _CHAIN):
            write_private_file(self._directory / name, str(following[name]).encode())
        (self._directory / _NEXT).unlink(missing_ok=True)

    def _damaged(self) -> CertificateInvalid:
        return CertificateInvalid(
            f"{self._directory} is damaged; enrol this device again with --force"
        )

    def _check(
        self, keys: DeviceKeys, chain_pem: bytes, ca_pem: bytes, *, at_any_time: bool = False
    ) -> DeviceId:
        chain = load_certificates(chain_pem)
        if chain[0].public_key() != keys.tls.public_key():
            raise CertificateInvalid("the certificate does not belong to this device's key")
        now = chain[0].not_valid_before_utc if at_any_time else self._clock.now()
        return check_device_chain(chain, load_certificates(ca_pem), now=now)


def identity_store(config: EdgeConfig, *, clock: Clock) -> IdentityStore:
    """Return where a configured device keeps its identity.

    Raises:
        ConfigInvalid: The passphrase's file or credential cannot be read.
    """
    file, credential = config.identity_passphrase_file, config.identity_passphrase_credential
    field, passphrase = "identity_passphrase_file", None
    if credential is not None:
        field = "identity_passphrase_credential"
        file = credential_file(credential, unit=_UNIT)
    if file is not None:
        passphrase = read_secret_file(file, "passphrase", field=field).encode()
    return IdentityStore(config.state / "identity", clock=clock, passphrase=passphrase)
