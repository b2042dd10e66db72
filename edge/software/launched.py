"""What the launcher tells the daemon that it starts, in one variable of the environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, Self

__all__ = ["VARIABLE", "Launched"]

VARIABLE: Final = "LEEWARD_LAUNCHED"


@dataclass(frozen=True, slots=True)
class Launched:
    """How this daemon was started."""

    release: str
    """Hash of the release that runs; empty for what was installed."""
    installed: str
    """Folder of the installed packages, from which a release takes what it does not bring."""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self | None:
        """Return what a launcher has said; ``None`` for a daemon that none has started."""
        try:
            data = json.loads(environ[VARIABLE])
            return cls(str(data["release"]), str(data["installed"]))
        except (KeyError, ValueError, TypeError):
            return None

    def text(self) -> str:
        """Return the variable's value."""
        return json.dumps(asdict(self))
