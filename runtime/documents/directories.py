"""Directories that a configuration names."""

from pathlib import Path

from runtime.errors import ConfigInvalid
from runtime.private_files import ensure_private_directory

__all__ = ["prepare_state"]


def prepare_state(path: Path) -> None:
    """Make a role's state directory, readable by its owner only, where it is not there yet.

    Raises:
        ConfigInvalid: It cannot be used as a directory.
    """
    try:
        ensure_private_directory(path)
    except OSError as error:
        reason = f"{path} cannot be used as a directory: {error.strerror}"
        raise ConfigInvalid(reason, field="state") from error
