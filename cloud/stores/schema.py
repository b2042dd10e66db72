"""Which version the tables have, and the way from one to another, by alembic's history.

Runs inside a transaction of the caller's, so that a change happens wholly or not at all. SQLite and
PostgreSQL both take table definitions into transactions.
"""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from runtime.errors import ConfigInvalid

__all__ = ["NEWEST", "OLDEST", "migrate", "require_newest", "stamp", "version_of", "versions"]

OLDEST: Final = "0001"
"""The tables of the releases that kept no history."""
NEWEST: Final = "head"
_SCRIPTS: Final = Path(__file__).parent / "migrations"
_VERSION_TABLE: Final = "alembic_version"


def versions() -> list[str]:
    """Return every version this release knows, oldest first."""
    return [script.revision for script in _scripts().walk_revisions()][::-1]


def version_of(connection: Connection) -> str | None:
    """Return the version of the tables, or None where there are none of ours."""
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    return MigrationContext.configure(connection).get_current_revision()


def require_newest(connection: Connection, *, place: str) -> None:
    """Check that the tables are those of this release.

    Raises:
        ConfigInvalid: They are not; says what to do.
    """
    version = version_of(connection)
    _require_known(version, place=place)
    if version != versions()[-1]:
        state = "has no tables yet" if version is None else "is of an older release"
        raise ConfigInvalid(f"{state}; run `leeward cloud migrate`", file=place)


def migrate(connection: Connection, version: str, *, place: str) -> str | None:
    """Bring the tables to ``version``, up or down, and return the one they had.

    Raises:
        ConfigInvalid: A newer release made them, or there is no such version.
    """
    known = versions()
    wanted = known[-1] if version == NEWEST else version
    if wanted not in known:
        reason = f"there is no version {wanted!r}; known: {', '.join(known)}"
        raise ConfigInvalid(reason, file=place)
    present = version_of(connection)
    _require_known(present, place=place)
    if present != wanted:
        is_down = present is not None and known.index(wanted) < known.index(present)
        step = command.downgrade if is_down else command.upgrade
        step(_config(connection), wanted)
    return present


def stamp(connection: Connection, version: str) -> None:
    """Write down that the tables have ``version`` already."""
    command.stamp(_config(connection), version)


def _require_known(version: str | None, *, place: str) -> None:
    if version is not None and version not in versions():
        reason = "was written by a newer release of leeward; use that one, or a copy from before"
        raise ConfigInvalid(reason, file=place)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_SCRIPTS))
