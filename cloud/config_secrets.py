"""Read what must not stand in a configuration file from where the file says that it is."""

from collections.abc import Mapping
from pathlib import Path

from runtime.documents.secret_file import read_secret_file
from runtime.errors import ConfigInvalid

__all__ = ["read_secret"]


def read_secret(
    noun: str,
    *,
    variable: str | None,
    file: Path | None,
    environment: Mapping[str, str],
    field: str,
) -> str | None:
    """Return what the variable or the file holds, or None where the configuration names neither.

    Args:
        noun: What it is, for whoever reads the error: ``key``.
        variable: Name of an environment variable; it comes first.
        file: A file with nothing else in it.
        environment: The process's.
        field: Where the configuration names it.

    Raises:
        ConfigInvalid: Nothing is there, or it cannot be read.
    """
    if variable is not None:
        secret = environment.get(variable, "").strip()
        if not secret:
            reason = f"the environment variable {variable} holds no {noun}"
            raise ConfigInvalid(reason, field=field)
        return secret
    return None if file is None else read_secret_file(file, noun, field=field)
