"""Which certificates were taken back: a standard revocation list (X.509 CRL) in one file.

The list is signed by the authority, so a reader needs no trust in the file. Absent means empty;
damaged or signed by somebody else is an error, never empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from runtime.errors import CertificateInvalid
from runtime.identity.authority import CertificateAuthority
from runtime.private_files import write_private_file

__all__ = ["REVOCATION_FILE", "load_revoked", "revoke"]

REVOCATION_FILE: Final = "revoked.pem"
_NEXT_UPDATE: Final = timedelta(days=365)


def load_revoked(path: Path, authority: x509.Certificate) -> frozenset[int]:
    """Return the serials that the list at ``path`` takes back.

    Raises:
        CertificateInvalid: The list is damaged, or ``authority`` did not sign it.
    """
    return frozenset(entry.serial_number for entry in _entries(path, authority))


def revoke(path: Path, serial: int, *, authority: CertificateAuthority, now: datetime) -> None:
    """Add ``serial`` to the list at ``path``, which is replaced atomically.

    Revoking twice changes nothing. Only one process may do it at a time.

    Raises:
        CertificateInvalid: The list there is damaged, or signed by somebody else.
        OSError: It cannot be written.
    """
    entries = list(_entries(path, authority.certificate))
    if any(entry.serial_number == serial for entry in entries):
        return
    builder = x509.RevokedCertificateBuilder(serial_number=serial, revocation_date=now)
    entries.append(builder.build())
    write_private_file(path, _signed_list(entries, authority, now))


def _signed_list(
    entries: Iterable[x509.RevokedCertificate], authority: CertificateAuthority, now: datetime
) -> bytes:
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=authority.certificate.subject,
        last_update=now,
        next_update=now + _NEXT_UPDATE,
    )
    for entry in entries:
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _entries(path: Path, authority: x509.Certificate) -> tuple[x509.RevokedCertificate, ...]:
    try:
        pem = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError:
        raise CertificateInvalid(f"cannot read the revocation list {path}") from None
    try:
        revoked = x509.load_pem_x509_crl(pem)
    except ValueError:
        raise CertificateInvalid(f"{path} is not a revocation list") from None
    key = authority.public_key()
    is_ours = isinstance(key, ec.EllipticCurvePublicKey) and revoked.is_signature_valid(key)
    if not is_ours or revoked.issuer != authority.subject:
        raise CertificateInvalid(f"{path} is not signed by this fleet's authority")
    return tuple(revoked)
