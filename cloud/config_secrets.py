"""Read what must not stand in a configuration file from where the file says that it is."""

from collections.abc import Mapping
from pathlib import Path

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
    if file is None:
        return None
    try:
        secret = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        reason = f"the {noun} file cannot be read: {error.strerror}"
        raise ConfigInvalid(reason, file=str(file), field=field) from error
    except UnicodeDecodeError:  # what is in it stays out of the error's chain
        reason = f"the {noun} file cannot be read: it is not UTF-8 text"
        raise ConfigInvalid(reason, file=str(file), field=field) from None
    if not secret:
        raise ConfigInvalid(
            f"the {noun} file holds no {noun}, it is empty", file=str(file), field=field
        )
    return secret
