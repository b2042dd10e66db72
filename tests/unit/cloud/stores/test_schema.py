"""The history of the tables: up, down, and what is refused, on both databases."""

import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from cloud.stores import schema
from cloud.stores.all_tables import metadata
from cloud.stores.database import Database
from cloud.stores.devices import DeviceStore
from cloud.stores.driver import Driver
from cloud.stores.postgres import PostgresDriver
from cloud.stores.sqlite import SqliteDriver
from cloud.stores.usage import UsageStore
from runtime.errors import ConfigInvalid

LEGACY_TABLES = ("usage", "device")
LEGACY = """
    CREATE TABLE usage (
        id INTEGER PRIMARY KEY, at TEXT NOT NULL, device TEXT NOT NULL, model TEXT NOT NULL,
        graph TEXT NOT NULL, request_id TEXT NOT NULL, plan_id TEXT NOT NULL,
        step_id TEXT NOT NULL, status TEXT NOT NULL, prompt_tokens INTEGER NOT NULL,
        completion_tokens INTEGER NOT NULL, cost_usd REAL NOT NULL, estimated INTEGER NOT NULL,
        latency_s REAL NOT NULL
    );
    CREATE INDEX usage_by_device ON usage (device, at);
    CREATE TABLE device (
        id TEXT PRIMARY KEY, serial TEXT NOT NULL, enrolled_at TEXT NOT NULL,
        expires_at TEXT NOT NULL, revoked_at TEXT, ledger_position INTEGER, ledger_head_mac BLOB
    );
    INSERT INTO device (id, serial, enrolled_at, expires_at)
        VALUES ('edge-1', 'ab', '2026-11-24T00:00:00+00:00', '2026-12-01T00:00:00+00:00');
    INSERT INTO usage VALUES (1, '2026-11-24T10:00:00+00:00', 'edge-1', 'big', 'g', 'r', 'p', 's',
        'stop', 10, 5, 0.25, 0, 0.5);
    PRAGMA user_version=1;
"""


def write_legacy(path: Path) -> None:
    """A file as the release before the history of migrations left it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(LEGACY)


def dump(path: Path) -> dict[str, list[object]]:
    """What a release without history reads of a file."""
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        rows = {
            name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in LEGACY_TABLES
        }
    return {"version": [version], **rows}


@pytest.fixture(params=["sqlite", "postgresql"])
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> SqliteDriver | PostgresDriver:
    if request.param == "sqlite":
        return SqliteDriver(tmp_path / "gateway.sqlite")
    return PostgresDriver(request.getfixturevalue("postgres_url"))


def differences(driver: Driver) -> list[object]:
    with driver.reader() as connection, connection.begin():
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def test_the_history_makes_the_tables_that_the_code_uses(
    driver: SqliteDriver | PostgresDriver,
) -> None:
    driver.migrate(schema.NEWEST)

    assert differences(driver) == []
    driver.close()


def test_every_step_goes_down_and_up_again(driver: SqliteDriver | PostgresDriver) -> None:
    for version in [*schema.versions(), *schema.versions()[::-1], schema.NEWEST]:
        driver.migrate(version)
        with driver.reader() as connection:
            assert schema.version_of(connection) in {version, schema.versions()[-1]}

    assert differences(driver) == []
    driver.close()


def test_a_version_that_does_not_exist_is_refused(driver: SqliteDriver | PostgresDriver) -> None:
    with pytest.raises(ConfigInvalid, match="known: 0001"):
        driver.migrate("9999")
    driver.close()


async def test_tables_of_a_newer_release_are_refused(
    driver: SqliteDriver | PostgresDriver,
) -> None:
    driver.migrate(schema.NEWEST)
    with driver.writer() as connection, connection.begin():
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(ConfigInvalid, match="newer release"):
        await Database.open(driver)
    with pytest.raises(ConfigInvalid, match="newer release"):
        driver.migrate(schema.NEWEST)
    driver.close()


async def test_a_server_without_tables_says_how_to_make_them(postgres_url: str) -> None:
    driver = PostgresDriver(postgres_url)

    with pytest.raises(ConfigInvalid, match="leeward cloud migrate"):
        await Database.open(driver)

    driver.migrate(schema.NEWEST)
    database = await Database.open(driver)
    await database.close()


async def test_a_file_without_history_is_taken_over_with_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sqlite"
    write_legacy(path)

    database = await Database.open(SqliteDriver(path))

    (found,) = await DeviceStore(database).all()
    assert (found.id, found.tenant) == ("edge-1", "default")
    assert found.enrolled_at == datetime(2026, 11, 24, tzinfo=UTC)
    (total,) = await UsageStore(database).totals(found.enrolled_at, by=("device", "day"))
    assert total.group == {"device": "edge-1", "day": "2026-11-24"}
    assert (total.calls, total.cost_micros) == (1, 250_000)
    await database.close()


def test_going_back_gives_the_release_without_history_its_file_again(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sqlite"
    write_legacy(path)
    before = dump(path)

    driver = SqliteDriver(path)
    driver.migrate(schema.NEWEST)
    driver.migrate(schema.OLDEST)
    driver.close()

    assert dump(path) == before


async def test_a_release_without_history_refuses_a_file_that_has_one(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sqlite"
    database = await Database.open(SqliteDriver(path))
    await database.close()

    with closing(sqlite3.connect(path)) as connection:
        (seen,) = connection.execute("PRAGMA user_version").fetchone()
    assert seen > 1  # those releases know one version, and refuse more


async def test_a_file_that_is_no_database_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "bad.sqlite"
    path.write_text("not a database at all, but long enough to be read as one" * 20)

    with pytest.raises(ConfigInvalid, match=r"bad\.sqlite"):
        await Database.open(SqliteDriver(path))


async def test_a_new_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "state" / "gateway.sqlite"

    database = await Database.open(SqliteDriver(path))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    await database.close()


@pytest.mark.parametrize(
    "url", ["mysql://a:hidden-word@b/c", "not a url hidden-word", "sqlite:///x"]
)
def test_an_address_that_is_not_of_postgresql_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigInvalid, match="postgresql://") as refused:
        PostgresDriver(url)

    assert "hidden-word" not in str(refused.value)
