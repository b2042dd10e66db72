"""A device's two private keys: EC P-256 for TLS, Ed25519 for signatures.

Made on the device and never sent anywhere. Knows PEM files and their modes; no certificates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runtime.errors import CertificateInvalid, NotFound
from runtime.private_files import ensure_private_directory, is_private, write_private_file

__all__ = [
    "SIGNING_KEY_FILE",
    "TLS_KEY_FILE",
    "DeviceKeys",
    "create_device_keys",
    "load_device_keys",
    "load_tls_key",
    "private_key_pem",
    "store_device_keys",
    "stored_key_pem",
]

TLS_KEY_FILE: Final = "device-tls.pem"
SIGNING_KEY_FILE: Final = "device-signing.pem"

_PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class DeviceKeys:
    """What only this device holds."""

    tls: ec.EllipticCurvePrivateKey = field(repr=False)
    """P-256; proves who the device is in a handshake."""
    signing: Ed25519PrivateKey = field(repr=False)
    """Signs what others must be able to check later."""


def create_device_keys() -> DeviceKeys:
    """Make two fresh keys, in memory only."""
    return DeviceKeys(
        tls=ec.generate_private_key(ec.SECP256R1()), signing=Ed25519PrivateKey.generate()
    )


def store_device_keys(
    directory: Path, keys: DeviceKeys, *, passphrase: bytes | None = None
) -> None:
    """Write the keys to ``directory`` (0700), each file 0600 and replaced atomically.

    Raises:
        OSError: They cannot be written.
    """
    ensure_private_directory(directory)
    write_private_file(directory / SIGNING_KEY_FILE, stored_key_pem(keys.signing, passphrase))
    write_private_file(directory / TLS_KEY_FILE, stored_key_pem(keys.tls, passphrase))


def load_device_keys(directory: Path, *, passphrase: bytes | None = None) -> DeviceKeys:
    """Read the keys that :func:`store_device_keys` wrote.

    A key that is not encrypted is read whatever the passphrase: it is encrypted when it is next
    written.

    Raises:
        NotFound: A file is missing.
        CertificateInvalid: A file is damaged, holds another kind of key, or others may read it, or
            the passphrase does not fit.
    """
    signing = _load(directory / SIGNING_KEY_FILE, passphrase)
    if not isinstance(signing, Ed25519PrivateKey):
        raise CertificateInvalid(f"{directory / SIGNING_KEY_FILE} is not an Ed25519 key")
    return DeviceKeys(
        tls=load_tls_key(directory / TLS_KEY_FILE, passphrase=passphrase), signing=signing
    )


def load_tls_key(path: Path, *, passphrase: bytes | None = None) -> ec.EllipticCurvePrivateKey:
    """Read one P-256 private key.

    Raises:
        NotFound: The file is missing.
        CertificateInvalid: It is damaged, holds another kind of key, or others may read it, or the
            passphrase does not fit.
    """
    key = _load(path, passphrase)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise CertificateInvalid(f"{path} is not an EC P-256 key")
    return key


def private_key_pem(key: _PrivateKey) -> bytes:
    """Return a private key as unencrypted PKCS8 PEM, for a 0600 file or for gRPC."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def stored_key_pem(key: _PrivateKey, passphrase: bytes | None) -> bytes:
    """Return a private key as its file holds it: encrypted where there is a passphrase."""
    if passphrase is None:
        return private_key_pem(key)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase),
    )


def _load(path: Path, passphrase: bytes | None) -> object:
    try:
        if not is_private(path):
            raise CertificateInvalid(f"{path} can be read by others; set its mode to 0600")
        pem = path.read_bytes()
        is_encrypted = b"-----BEGIN ENCRYPTED" in pem
        if is_encrypted and passphrase is None:
            raise CertificateInvalid(f"{path} is encrypted; name its passphrase's file")
        return serialization.load_pem_private_key(pem, passphrase if is_encrypted else None)
    except FileNotFoundError:
        raise NotFound(f"no key in {path}") from None
    except (OSError, ValueError, TypeError):
        or_not = "" if passphrase is None else ", or the passphrase does not fit"
        raise CertificateInvalid(f"{path} does not hold a private key{or_not}") from None
