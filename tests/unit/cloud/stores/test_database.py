"""What a transaction of the store promises, on SQLite and on PostgreSQL alike."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, event, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from cloud.stores.database import Database, Work
from cloud.stores.tables import DEFAULT_TENANT, device
from runtime.errors import DatabaseUnavailable
from tests.unit.cloud.conftest import DriverFactory

COUNTER = "counter"

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def enrol(name: str) -> Work[None]:
    row = insert(device).values(
        id=name, tenant=DEFAULT_TENANT, serial="1", enrolled_at=NOW, expires_at=NOW
    )

    def work(connection: Connection) -> None:
        connection.execute(row)

    return work


def count_up(connection: Connection) -> int:
    """Read, then write what was read: loses counts wherever two of them overlap."""
    found = select(device.c.ledger_position).where(device.c.id == COUNTER)
    position: int = (connection.execute(found).scalar_one() or 0) + 1
    connection.execute(
        update(device).where(device.c.id == COUNTER).values(ledger_position=position)
    )
    return position


def names(connection: Connection) -> list[str]:
    return list(connection.execute(select(device.c.id).order_by(device.c.id)).scalars())


async def test_what_a_work_wrote_is_there_when_it_returns(database: Database) -> None:
    await database.run(enrol("a"))

    assert await database.read(names) == ["a"]


async def test_a_failed_work_leaves_no_trace_and_fails_nobody_else(database: Database) -> None:
    def half(connection: Connection) -> None:
        enrol("half")(connection)
        raise LookupError

    outcomes = await asyncio.gather(
        *(database.run(work) for work in (enrol("a"), half, enrol("b"), enrol("a"), enrol("c"))),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes] == [
        type(None),
        LookupError,
        type(None),
        IntegrityError,
        type(None),
    ]
    assert await database.read(names) == ["a", "b", "c"]


async def test_a_failed_work_that_runs_alone_leaves_no_trace(database: Database) -> None:
    def half(connection: Connection) -> None:
        enrol("half")(connection)
        raise LookupError

    with pytest.raises(LookupError):
        await database.run(half)

    await database.run(enrol("a"))
    assert await database.read(names) == ["a"]


async def test_works_with_one_claim_lose_no_update_across_replicas(
    new_driver: DriverFactory,
) -> None:
    replicas = [await Database.open(new_driver()) for _ in range(2)]
    await replicas[0].run(enrol(COUNTER))

    counted = await asyncio.gather(
        *(replica.run(count_up, claims=["c"]) for replica in replicas for _ in range(100))
    )

    assert sorted(counted) == list(range(1, 201))
    for replica in replicas:
        await replica.close()


async def test_works_that_claim_two_things_in_either_order_never_lock_each_other_out(
    new_driver: DriverFactory, caplog: pytest.LogCaptureFixture
) -> None:
    replicas = [await Database.open(new_driver()) for _ in range(2)]
    await replicas[0].run(enrol(COUNTER))
    orders = (["x", "y"], ["y", "x"])

    async with asyncio.timeout(10):
        counted = await asyncio.gather(
            *(
                replica.run(count_up, claims=order)
                for _ in range(50)
                for replica, order in zip(replicas, orders, strict=True)
            )
        )

    assert sorted(counted) == list(range(1, 101))
    assert "store_retries" not in caplog.messages
    for replica in replicas:
        await replica.close()


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises((DatabaseUnavailable, DBAPIError)):
        await database.read(enrol("a"))

    assert await database.read(names) == []


async def test_what_is_durable_and_what_is_queued_is_kept_by_closing(
    new_driver: DriverFactory,
) -> None:
    first = await Database.open(new_driver())
    waiting = [asyncio.create_task(first.run(enrol(f"d{n}"), is_durable=True)) for n in range(9)]
    await asyncio.sleep(0)
    await first.close()
    await asyncio.gather(*waiting)

    second = await Database.open(new_driver())
    assert len(await second.read(names)) == 9
    await second.close()


async def test_work_that_comes_after_closing_is_refused_and_does_not_wait(
    new_driver: DriverFactory,
) -> None:
    database = await Database.open(new_driver())
    await database.close()

    for late in (database.run(enrol("late")), database.read(names)):
        with pytest.raises(DatabaseUnavailable, match="closed"):
            await late


async def test_a_commit_whose_answer_is_lost_is_told_and_never_repeated(
    new_driver: DriverFactory,
) -> None:
    driver = new_driver()
    database = await Database.open(driver)
    runs = []

    def work(connection: Connection) -> None:
        runs.append(1)
        enrol(f"d{len(runs)}")(connection)

    def lose_the_answer(connection: Connection) -> None:
        connection.connection.commit()
        raise OperationalError("COMMIT", {}, OSError("gone"), connection_invalidated=True)

    event.listen(driver._writer, "commit", lose_the_answer)
    with pytest.raises(DatabaseUnavailable):
        await database.run(work)
    event.remove(driver._writer, "commit", lose_the_answer)

    assert len(runs) == 1
    await database.run(enrol("next"))
    assert await database.read(names) == ["d1", "next"]
    await database.close()
