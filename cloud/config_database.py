"""The part of the gateway's configuration about its store: ``database``.

Left out, the store is a SQLite file in the state directory. With an address it is PostgreSQL, which
several gateways may share. The address holds a password, so it is never in the configuration.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import Field

from cloud.config_secrets import read_secret
from runtime.documents.document import Problem
from runtime.documents.shape import Shape

__all__ = [
    "DatabaseConfig",
    "DatabaseShape",
    "database_config",
    "database_problems",
    "read_database_url",
]

_FIELD: Final = "database"


class DatabaseShape(Shape):
    """Where the gateway keeps its state."""

    url_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Environment variable that holds ``postgresql://user:password@host/name``."""
    url_file: str | None = None
    """File that holds it; relative to this file."""
    lanes: int = Field(default=4, ge=1, le=64)
    """How many transactions this gateway writes to PostgreSQL at once."""
    sync_interval_s: float = Field(default=1.0, gt=0, le=60)
    """How long a record of usage may wait for the disk, in SQLite."""


@dataclass(frozen=True, slots=True)
class DatabaseConfig:
    """Where the gateway keeps its state; the address still has to be read."""

    url_env: str | None
    url_file: Path | None
    lanes: int
    sync_interval_s: float

    @property
    def is_shared(self) -> bool:
        """Whether it is PostgreSQL."""
        return self.url_env is not None or self.url_file is not None


def database_problems(shape: DatabaseShape) -> Iterable[Problem]:
    """Return what is wrong beyond the types of single fields."""
    if shape.url_env is not None and shape.url_file is not None:
        yield Problem((_FIELD,), "has two addresses: give either `url_env` or `url_file`")


def database_config(shape: DatabaseShape, base: Path) -> DatabaseConfig:
    """Return the settings; relative paths are taken from ``base``."""
    return DatabaseConfig(
        url_env=shape.url_env,
        url_file=base / shape.url_file if shape.url_file else None,
        lanes=shape.lanes,
        sync_interval_s=shape.sync_interval_s,
    )


def read_database_url(config: DatabaseConfig, environment: Mapping[str, str]) -> str | None:
    """Return the address of PostgreSQL, or None for SQLite.

    Raises:
        ConfigInvalid: The variable or the file holds no address.
    """
    return read_secret(
        "address",
        variable=config.url_env,
        file=config.url_file,
        environment=environment,
        field=_FIELD,
    )
