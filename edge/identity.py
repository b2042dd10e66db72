"""This device's identity on disk: keys, certificate, the fleet's authority, and whom to dial."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from runtime.clock import Clock
from runtime.codec.enrolment import Credentials
from runtime.errors import CertificateInvalid, NotFound
from runtime.identity.certificates import check_device_chain, load_certificates
from runtime.identity.keys import (
    DeviceKeys,
    load_device_keys,
    private_key_pem,
    store_device_keys,
)
from runtime.ids import DeviceId
from runtime.private_files import ensure_private_directory, write_private_file

__all__ = ["DeviceIdentity", "IdentityStore"]

_CHAIN: Final = "device.pem"
_AUTHORITY: Final = "ca.pem"
_GATEWAY: Final = "gateway.json"


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


class IdentityStore:
    """The identity directory (``<state>/identity``)."""

    def __init__(self, directory: Path, *, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock

    @property
    def exists(self) -> bool:
        """Whether the device has enrolled, whatever its certificate says now."""
        return (self._directory / _CHAIN).exists()

    def save(self, keys: DeviceKeys, credentials: Credentials) -> DeviceIdentity:
        """Keep what enrolment gave, after checking it.

        Raises:
            CertificateInvalid: The certificate is not for this key, or not of this authority.
        """
        self._check(keys, credentials.certificate_chain_pem, credentials.ca_bundle_pem)
        ensure_private_directory(self._directory)
        store_device_keys(self._directory, keys)
        gateway = json.dumps({"gateway": credentials.gateway_address}).encode()
        write_private_file(self._directory / _AUTHORITY, credentials.ca_bundle_pem)
        write_private_file(self._directory / _GATEWAY, gateway)
        # Last: its presence means that the rest is there.
        write_private_file(self._directory / _CHAIN, credentials.certificate_chain_pem)
        return self.load()

    def load(self) -> DeviceIdentity:
        """Return the identity, checked.

        Raises:
            CertificateInvalid: Not enrolled, expired, or the files do not belong together.
        """
        if not self.exists:
            raise CertificateInvalid("this device is not enrolled; run `leeward edge enroll`")
        try:
            keys = load_device_keys(self._directory)
            chain_pem = (self._directory / _CHAIN).read_bytes()
            ca_pem = (self._directory / _AUTHORITY).read_bytes()
            gateway = str(json.loads((self._directory / _GATEWAY).read_bytes())["gateway"])
        except (NotFound, OSError, ValueError, KeyError) as error:
            reason = f"{self._directory} is damaged; enrol this device again with --force"
            raise CertificateInvalid(reason) from error
        device = self._check(keys, chain_pem, ca_pem)
        return DeviceIdentity(
            device=device,
            gateway=gateway,
            private_key_pem=private_key_pem(keys.tls),
            certificate_chain_pem=chain_pem,
            ca_bundle_pem=ca_pem,
            expires_at=load_certificates(chain_pem)[0].not_valid_after_utc,
        )

    def _check(self, keys: DeviceKeys, chain_pem: bytes, ca_pem: bytes) -> DeviceId:
        chain = load_certificates(chain_pem)
        if chain[0].public_key() != keys.tls.public_key():
            raise CertificateInvalid("the certificate does not belong to this device's key")
        return check_device_chain(chain, load_certificates(ca_pem), now=self._clock.now())
