"""Read a secret from a file of its own: whoever may not know it never sees it in an error."""

from pathlib import Path

from runtime.errors import ConfigInvalid

__all__ = ["read_secret_file"]


def read_secret_file(file: Path, noun: str, *, field: str = "", encoding: str = "utf-8") -> str:
    """Return what the file holds, without blanks around it; never an empty text.

    Args:
        file: It has nothing else in it.
        noun: What it is, for whoever reads the error: ``key``.
        field: Where a configuration names the file; empty where none does.
        encoding: ``utf-8``, or ``ascii`` for what travels in a header.

    Raises:
        ConfigInvalid: Nothing is there, or it cannot be read.
    """
    try:
        secret = file.read_text(encoding=encoding).strip()
    except OSError as error:
        reason = f"the {noun} file cannot be read: {error.strerror}"
        raise ConfigInvalid(reason, file=str(file), field=field) from error
    except UnicodeDecodeError:  # what is in it stays out of the error's chain
        reason = f"the {noun} file cannot be read: it is not {encoding.upper()} text"
        raise ConfigInvalid(reason, file=str(file), field=field) from None
    if not secret:
        reason = f"the {noun} file holds no {noun}, it is empty"
        raise ConfigInvalid(reason, file=str(file), field=field)
    return secret
