"""Gateways as processes on one store: nothing is overspent, and a kill loses nothing."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
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
from cloud.stores.audit import Act
from cloud.stores.database import Database
from cloud.stores.postgres import PostgresDriver
from cloud.stores.replicas import ReplicaStore
from cloud.stores.rules import RuleStore
from cloud.stores.sqlite import SqliteDriver
from cloud.stores.usage import UsageStore
from runtime.clock import SystemClock
from tests.integration.spending_gateway import DEVICES, driver_of

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
    def ready(self, seed: int, *, callers: int, calls: int) -> Iterator[subprocess.Popen[str]]:
        words = [self.store, str(self.bill), str(seed), str(callers), str(calls)]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.spending_gateway", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()
            process.wait()
            process.communicate()

    @property
    def owed(self) -> int:
        return sum(map(int, self.bill.read_text().split()))


def start(*processes: subprocess.Popen[str]) -> None:
    """Let them spend, all at the same time."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


async def set_cap(store: str, micros: int) -> None:
    driver = driver_of(store)
    assert isinstance(driver, SqliteDriver | PostgresDriver)
    driver.migrate(schema.NEWEST)
    database = await Database.open(driver)
    scope = Scope.of({}, ("device",))
    act = Act("operator:test", SystemClock().now())
    await RuleStore(database).set_budget(Budget("cap", scope, Period.TOTAL, micros, None), act)
    await database.close()


async def wait_spending(store: str, node: str) -> None:
    """Wait until a gateway has calls in flight."""
    database = await Database.open(driver_of(store))
    replicas = ReplicaStore(database, lifetime=LIFETIME)
    async with asyncio.timeout(END_S):
        while not any(item.replica.startswith(node) for item in await replicas.open()):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
    await database.close()


async def books(store: str) -> tuple[Sequence[AccountLine], int, int]:
    """Recover what dead gateways left; return accounts, usage, and what was presumed."""
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
    return (
        line.accounts,
        sum(total.cost_micros for total in totals),
        sum(item.micros for item in lost),
    )


async def test_200_callers_of_two_processes_spend_no_more_than_the_cap(
    store: str, tmp_path: Path
) -> None:
    spenders = Spenders(store, tmp_path)
    await set_cap(store, 1_000)
    with (
        spenders.ready(1, callers=100, calls=20) as one,
        spenders.ready(2, callers=100, calls=20) as two,
    ):
        start(one, two)
        for process in (one, two):
            assert await asyncio.to_thread(process.wait, END_S) == 0

    accounts, recorded, presumed = await books(store)
    spent = [account.spent.micros for account in accounts]
    assert sum(spent) == recorded == spenders.owed
    assert len(spent) == DEVICES
    assert 900 < min(spent) <= max(spent) <= 1_000
    assert all(account.reserved == account.excess == Amount() for account in accounts)
    assert presumed == 0


async def test_a_kill_in_the_middle_loses_no_reservation_and_overspends_nothing(
    store: str, tmp_path: Path
) -> None:
    spenders = Spenders(store, tmp_path)
    await set_cap(store, 20_000)
    with spenders.ready(1, callers=60, calls=50) as survivor:
        with spenders.ready(2, callers=60, calls=1000) as victim:
            start(survivor, victim)
            await wait_spending(store, "spender-2")
            victim.send_signal(signal.SIGKILL)
            victim.wait()
        with spenders.ready(3, callers=20, calls=10) as restarted:
            start(restarted)
            for process in (survivor, restarted):
                assert await asyncio.to_thread(process.wait, END_S) == 0

    accounts, recorded, presumed = await books(store)
    spent = [account.spent.micros for account in accounts]
    assert presumed > 0, "it was killed with calls in flight"
    assert sum(spent) == recorded + presumed, "every reservation is accounted for"
    assert all(account.reserved == account.excess == Amount() for account in accounts)
    assert recorded <= spenders.owed <= sum(spent)
    assert max(spent) <= 20_000
