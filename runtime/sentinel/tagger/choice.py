"""Which model a configuration means."""

from pathlib import Path
from typing import Final

from runtime.sentinel.tagger.model import BUILT_IN

__all__ = ["BUILT_IN_NAME", "NO_MODEL", "model_folder"]

BUILT_IN_NAME: Final = "builtin"
NO_MODEL: Final = "none"


def model_folder(choice: str, base: Path) -> Path | None:
    """Return the model's folder; ``None`` for patterns alone.

    Args:
        choice: ``builtin``, ``none``, or a folder.
        base: What a relative folder is relative to.
    """
    if choice == NO_MODEL:
        return None
    return BUILT_IN if choice == BUILT_IN_NAME else base / choice
