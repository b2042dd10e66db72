"""Works that wait together share a transaction; the database's own failures end as named ones."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Set
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select, text, update

from cloud.stores import schema
from cloud.stores.database import Database, Work
from cloud.stores.postgres import PostgresDriver
from cloud.stores.sqlite import SqliteDriver
from cloud.stores.tables import DEFAULT_TENANT, device
from runtime.errors import DatabaseUnavailable

NOW = datetime(2026, 11, 24, tzinfo=UTC)


class Counting(SqliteDriver):
    """Counts the transactions that were committed."""

    commits = 0

    def committed(self, *, is_durable: bool) -> None:
        self.commits += 1
        super().committed(is_durable=is_durable)


def enrol(name: str) -> Work[None]:
    row = insert(device).values(
        id=name, tenant=DEFAULT_TENANT, serial="1", enrolled_at=NOW, expires_at=NOW
    )

    def work(connection: Connection) -> None:
        connection.execute(row)

    return work


def fail_after(name: str) -> Work[None]:
    def work(connection: Connection) -> None:
        enrol(name)(connection)
        raise LookupError(name)

    return work


def names(connection: Connection) -> set[str]:
    return set(connection.execute(select(device.c.id)).scalars())


@contextlib.asynccontextmanager
async def held_up(database: Database) -> AsyncIterator[None]:
    """Keep the one lane of a database busy, so that works pile up behind it."""
    entered, leave = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait(_connection: Connection) -> None:
        loop.call_soon_threadsafe(entered.set)
        asyncio.run_coroutine_threadsafe(leave.wait(), loop).result(10)

    busy = asyncio.create_task(database.run(wait))
    await entered.wait()
    yield
    leave.set()
    await busy


async def test_works_that_wait_together_are_committed_together(tmp_path: Path) -> None:
    driver = Counting(tmp_path / "gateway.sqlite")
    database = await Database.open(driver)

    async with held_up(database):
        waiting = [asyncio.create_task(database.run(enrol(f"d{n}"))) for n in range(40)]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)

    assert len(await database.read(names)) == 40
    assert driver.commits == 2  # what held the lane up, and the forty
    await database.close()


async def test_a_work_whose_caller_gave_up_before_it_began_never_runs(tmp_path: Path) -> None:
    database = await Database.open(SqliteDriver(tmp_path / "gateway.sqlite"))

    async with held_up(database):
        late = asyncio.create_task(database.run(enrol("late")))
        await asyncio.sleep(0)
        late.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await late

    await database.run(enrol("other"))
    assert await database.read(names) == {"other"}
    await database.close()


@settings(max_examples=25)
@given(fails=st.lists(st.booleans(), min_size=1, max_size=12))
def test_in_any_group_exactly_the_works_that_succeed_take_effect(
    tmp_path_factory: pytest.TempPathFactory, fails: list[bool]
) -> None:
    async def scene() -> None:
        driver = SqliteDriver(tmp_path_factory.mktemp("group") / "gateway.sqlite")
        database = await Database.open(driver)
        works = [fail_after(f"d{n}") if bad else enrol(f"d{n}") for n, bad in enumerate(fails)]
        async with held_up(database):
            waiting = [asyncio.create_task(database.run(work)) for work in works]
            await asyncio.sleep(0)
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [isinstance(outcome, LookupError) for outcome in outcomes] == fails
        expected = {f"d{n}" for n, bad in enumerate(fails) if not bad}
        assert await database.read(names) == expected
        await database.close()

    asyncio.run(scene())


async def test_transactions_that_lock_each_other_out_are_run_again(postgres_url: str) -> None:
    migrated = PostgresDriver(postgres_url)
    migrated.migrate(schema.NEWEST)
    migrated.close()
    replicas = [await Database.open(PostgresDriver(postgres_url, lanes=1)) for _ in range(2)]
    for name in ("a", "b"):
        await replicas[0].run(enrol(name))
    meeting = asyncio.Barrier(2)
    loop = asyncio.get_running_loop()
    met: set[str] = set()

    def crossed(first: str, second: str) -> Work[None]:
        def work(connection: Connection) -> None:
            change = update(device).values(ledger_position=device.c.ledger_position + 1)
            connection.execute(change.where(device.c.id == first))
            if first not in met:
                met.add(first)
                asyncio.run_coroutine_threadsafe(meeting.wait(), loop).result(10)
            connection.execute(change.where(device.c.id == second))

        return work

    def zero(connection: Connection) -> None:
        connection.execute(update(device).values(ledger_position=0))

    await replicas[0].run(zero)
    await asyncio.gather(replicas[0].run(crossed("a", "b")), replicas[1].run(crossed("b", "a")))

    def positions(connection: Connection) -> list[int | None]:
        return list(connection.execute(select(device.c.ledger_position)).scalars())

    assert await replicas[0].read(positions) == [2, 2]
    for replica in replicas:
        await replica.close()


def test_claims_are_taken_in_one_order_whoever_takes_them(postgres_url: str) -> None:
    """Two processes need not agree on the order of a set; keys of a dictionary have a given one."""
    names = [f"c{number}" for number in range(50)]
    forward, backward = dict.fromkeys(names).keys(), dict.fromkeys(reversed(names)).keys()
    driver = PostgresDriver(postgres_url)

    def take(claims: Set[str]) -> None:
        with driver.writer() as connection:
            for _ in range(100):
                with connection.begin():
                    driver.claim(connection, claims, is_durable=False)

    with ThreadPoolExecutor(2) as threads:
        taken = [threads.submit(take, claims) for claims in (forward, backward)]
    driver.close()

    assert [future.exception() for future in taken] == [None, None]  # a deadlock is one


async def test_a_connection_that_the_server_ended_is_opened_again(postgres_url: str) -> None:
    driver = PostgresDriver(postgres_url, lanes=1)
    driver.migrate(schema.NEWEST)
    database = await Database.open(driver)
    await database.run(enrol("before"))

    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await database.run(enrol("after"))

    assert await database.read(names) == {"before", "after"}
    await database.close()


async def test_a_server_that_is_not_there_is_a_named_failure() -> None:
    driver = PostgresDriver("postgresql://nobody:hidden-word@127.0.0.1:1/none")

    with pytest.raises(DatabaseUnavailable) as away:
        await Database.open(driver)

    assert "hidden-word" not in f"{away.value}{away.value.__cause__}"


async def test_a_file_that_somebody_else_holds_locked_is_a_named_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.stores.sqlite._BUSY_TIMEOUT_MS", 50)
    path = tmp_path / "gateway.sqlite"
    database = await Database.open(SqliteDriver(path))
    other = SqliteDriver(path)

    with other.writer() as connection, connection.begin():
        connection.execute(text("SELECT 1"))
        with pytest.raises(DatabaseUnavailable):
            await database.run(enrol("a"))

    await database.run(enrol("b"))
    assert await database.read(names) == {"b"}
    await database.close()
