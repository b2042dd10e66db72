"""What the commands of ``leeward edge`` have in common: which configuration, and which daemon."""

from pathlib import Path
from typing import Annotated, Final

import typer

from edge.config import load_config

__all__ = ["DEFAULT_CONFIG", "AddressOption", "ConfigOption", "daemon_address"]

ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="Configuration (edge/v1).")]
AddressOption = Annotated[str, typer.Option(help="The daemon's gRPC; default: `listen`.")]
DEFAULT_CONFIG: Final = Path("edge.yaml")


def daemon_address(config: Path, address: str) -> str:
    """Return where the daemon is asked; the configuration is read only where it has to say.

    Raises:
        ConfigInvalid: The configuration cannot be used.
    """
    return address or load_config(config).listen
