"""Stores on both databases."""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from cloud.stores import schema
from cloud.stores.database import Database
from cloud.stores.driver import Driver
from cloud.stores.postgres import PostgresDriver
from cloud.stores.sqlite import SqliteDriver
from runtime.testing.fakes import ManualClock
from tests.postgres_server import PostgresServer
from tests.unit.cloud.money_house import NOON, House

DriverFactory = Callable[[], Driver]


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite store with the tables of this release, to be copied: migrating takes its time."""
    path = tmp_path_factory.mktemp("migrated") / "gateway.sqlite"
    driver = SqliteDriver(path)
    driver.migrate(schema.NEWEST)
    driver.close()
    return path


@pytest.fixture(scope="session")
def migrated_name(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a PostgreSQL database with the tables of this release, to be copied."""
    with postgres_server.database() as url:
        driver = PostgresDriver(url)
        driver.migrate(schema.NEWEST)
        driver.close()
        yield str(make_url(url).database)


@pytest.fixture(params=["sqlite", "postgresql"])
def new_driver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DriverFactory]:
    """Makes drivers of one migrated store, as several gateways would; once on each database."""
    if request.param == "sqlite":
        path = tmp_path / "gateway.sqlite"
        shutil.copyfile(request.getfixturevalue("migrated_file"), path)
        yield lambda: SqliteDriver(path)
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.database(template=request.getfixturevalue("migrated_name")) as url:
        yield lambda: PostgresDriver(url)


@pytest.fixture
async def database(new_driver: DriverFactory) -> AsyncIterator[Database]:
    """An open store, once on each database."""
    opened = await Database.open(new_driver())
    yield opened
    await opened.close()


@pytest.fixture
def house(database: Database) -> House:
    """A store and the gateways on it, at a clock that stands still."""
    return House(database, ManualClock(NOON))
