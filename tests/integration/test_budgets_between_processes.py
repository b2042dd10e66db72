"""Gateways as processes on one store: nothing is overspent, and a kill loses nothing."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from cloud.admission.accounts import Amount
from cloud.admission.overview import AccountLine, overview
from cloud.admission.periods import Period
from cloud.admission.rules import Budget
from cloud.admission.scopes import Scope
from cloud.admission.upkeep import LIFETIME
from cloud.stores import schema
from cloud.stores.database import Database
from cloud.stores.postgres import PostgresDriver
from cloud.stores.replicas import ReplicaStore
from cloud.stores.rules import RuleStore
from cloud.stores.sqlite import SqliteDriver
from cloud.stores.usage import UsageStore
from runtime.clock import SystemClock
from tests.integration.spending_gateway import driver_of

START_S = 60.0
END_S = 120.0


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "gateway.sqlite")
    url: str = request.getfixturevalue("postgres_url")
    return url


class Spenders:
    """Processes that spend on one store, and what they owe."""

    def __init__(self, store: str, directory: Path) -> None:
        self.store = store
        self.bill = directory / "bill"

    @contextmanager
    def spending(self, seed: int, *, callers: int, calls: int) -> Iterator[subprocess.Popen[str]]:
        words = [self.store, str(self.bill), str(seed), str(callers), str(calls)]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.spending_gateway", *words],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "spending\n"
            yield process
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    @property
    def owed(self) -> int:
        return sum(map(int, self.bill.read_text().split()))


async def set_cap(store: str, micros: int) -> None:
    driver = driver_of(store)
    assert isinstance(driver, SqliteDriver | PostgresDriver)
    driver.migrate(schema.NEWEST)
    database = await Database.open(driver)
    await RuleStore(database).set_budget(Budget("cap", Scope(), Period.TOTAL, micros, None))
    await database.close()


async def books(store: str) -> tuple[AccountLine, int, int]:
    """Recover what dead gateways left; return the account, what usage adds up to, and what was
    presumed."""  # fmt: skip
    database = await Database.open(driver_of(store))
    now = SystemClock().now() + LIFETIME + timedelta(seconds=1)
    replicas = ReplicaStore(database, lifetime=LIFETIME)
    await replicas.recover(now=now)
    assert await replicas.recover(now=now) == 0
    lost = await replicas.open()
    assert all(item.is_presumed for item in lost)
    (line,) = await overview(database, now=now)
    totals = await UsageStore(database).totals(now - timedelta(days=1), by=())
    await database.close()
    (account,) = line.accounts
    return account, sum(total.cost_micros for total in totals), sum(item.micros for item in lost)


async def test_200_callers_of_two_processes_spend_no_more_than_the_cap(
    store: str, tmp_path: Path
) -> None:
    spenders = Spenders(store, tmp_path)
    await set_cap(store, 20_000)
    with (
        spenders.spending(1, callers=100, calls=6) as one,
        spenders.spending(2, callers=100, calls=6) as two,
    ):
        for process in (one, two):
            assert await asyncio.to_thread(process.wait, END_S) == 0

    account, recorded, presumed = await books(store)
    assert account.spent.micros == recorded == spenders.owed
    assert 15_000 < account.spent.micros <= 20_000
    assert account.reserved == account.excess == Amount()
    assert presumed == 0


async def test_a_kill_in_the_middle_loses_no_reservation_and_overspends_nothing(
    store: str, tmp_path: Path
) -> None:
    spenders = Spenders(store, tmp_path)
    await set_cap(store, 150_000)
    with spenders.spending(1, callers=60, calls=50) as survivor:
        with spenders.spending(2, callers=60, calls=1000) as victim:
            await asyncio.sleep(0.4)
            victim.send_signal(signal.SIGKILL)
            victim.wait()
        with spenders.spending(3, callers=20, calls=10) as restarted:
            for process in (survivor, restarted):
                assert await asyncio.to_thread(process.wait, END_S) == 0

    account, recorded, presumed = await books(store)
    assert presumed > 0, "it was killed with calls in flight"
    assert account.spent.micros == recorded + presumed, "every reservation is accounted for"
    assert account.reserved == account.excess == Amount()
    assert recorded <= spenders.owed <= account.spent.micros <= 150_000
