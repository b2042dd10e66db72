"""Secrets that systemd hands to a service: decrypted, in a directory that only its user sees."""

import os
from pathlib import Path

__all__ = ["credential_file"]


def credential_file(name: str, *, unit: str) -> Path:
    """Return where systemd puts a credential of this process.

    Args:
        name: As in ``LoadCredential=`` or ``LoadCredentialEncrypted=``.
        unit: Whose credential is meant where this process was given none: a command that is run
            by hand reads that of the service, which is there while it runs.
    """
    given = os.environ.get("CREDENTIALS_DIRECTORY")  # noqa: TID251 - systemd's, not a setting
    return Path(given or f"/run/credentials/{unit}") / name
