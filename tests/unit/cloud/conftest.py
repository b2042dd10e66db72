"""Stores on both databases."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from cloud.stores import schema
from cloud.stores.database import Database
from cloud.stores.driver import Driver
from cloud.stores.postgres import PostgresDriver
from cloud.stores.sqlite import SqliteDriver
from runtime.testing.fakes import ManualClock
from tests.unit.cloud.money_house import NOON, House

DriverFactory = Callable[[], Driver]


@pytest.fixture(params=["sqlite", "postgresql"])
def new_driver(request: pytest.FixtureRequest, tmp_path: Path) -> DriverFactory:
    """Makes drivers of one migrated store, as several gateways would; once on each database."""
    if request.param == "sqlite":
        return lambda: SqliteDriver(tmp_path / "gateway.sqlite")
    url: str = request.getfixturevalue("postgres_url")
    first = PostgresDriver(url)
    first.migrate(schema.NEWEST)
    first.close()
    return lambda: PostgresDriver(url)


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
