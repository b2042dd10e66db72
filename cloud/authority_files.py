"""Where the authorities lie on the disk.

The first lies in the directory itself, each later one in a folder of its own, named by the
beginning of its fingerprint.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from cloud.authorities import Signer
from cloud.config import CloudConfig
from cloud.config_authority import AuthorityConfig
from cloud.external_authority import load_external
from runtime.clock import Clock
from runtime.errors import NotFound
from runtime.identity.authority import CERTIFICATE_FILE, KEY_FILE, CertificateAuthority

__all__ = [
    "authority_directory",
    "configured_authorities",
    "discard_authority",
    "load_authorities",
    "make_authority",
]

_LIFETIME_S: Final = 10 * 365 * 86_400.0
_NAME: Final = "Leeward fleet authority"
_FOLDER_DIGITS: Final = 16
_FOLDER: Final = "[0-9a-f]" * _FOLDER_DIGITS


def authority_directory(config: CloudConfig) -> Path:
    """Return where a gateway's own authorities lie."""
    return config.state / "authority"


def configured_authorities(config: CloudConfig, *, clock: Clock) -> Sequence[Signer]:
    """Return the authorities of a configured gateway; otherwise as below."""
    return load_authorities(config.authority, authority_directory(config), clock=clock)


def load_authorities(
    external: AuthorityConfig | None, directory: Path, *, clock: Clock
) -> Sequence[Signer]:
    """Return a gateway's authorities, the oldest first.

    Args:
        external: Somebody else's; there is then no other.
        directory: Where our own lie.
        clock: For what they sign.

    Raises:
        NotFound: There is none.
        CertificateInvalid: A file is damaged, or others may read a key.
    """
    if external is not None:
        return [load_external(external, directory, clock=clock)]
    found = list(_load(directory, clock))
    if not found:
        raise NotFound(f"no certificate authority in {directory}")
    return sorted(found, key=lambda one: one.certificate.not_valid_before_utc)


def make_authority(
    directory: Path, *, clock: Clock, is_first: bool, lifetime_s: float = _LIFETIME_S
) -> CertificateAuthority:
    """Make an authority and write its files.

    Raises:
        OSError: They cannot be written.
    """
    made = CertificateAuthority.create(_NAME, clock=clock, lifetime_s=lifetime_s)
    made.store(directory if is_first else directory / made.fingerprint[:_FOLDER_DIGITS])
    return made


def discard_authority(directory: Path, authority: Signer) -> None:
    """Remove the key of an authority that nobody trusts any more; its certificate stays, renamed.

    Raises:
        OSError: The files cannot be changed.
    """
    for place in (directory, directory / authority.fingerprint[:_FOLDER_DIGITS]):
        certificate = place / CERTIFICATE_FILE
        if not certificate.is_file() or certificate.read_bytes() != authority.certificate_pem:
            continue
        certificate.rename(directory / f"retired-{authority.fingerprint[:_FOLDER_DIGITS]}.pem")
        (place / KEY_FILE).unlink(missing_ok=True)
        if place != directory:
            place.rmdir()


def _load(directory: Path, clock: Clock) -> Iterator[CertificateAuthority]:
    for place in (directory, *sorted(directory.glob(_FOLDER))):
        try:
            yield CertificateAuthority.load(place, clock=clock)
        except NotFound:
            continue
