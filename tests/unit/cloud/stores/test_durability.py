"""What outlives a killed process, and what is on the disk when it is said to be."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, text

from cloud.stores import schema, sqlite
from cloud.stores.audit import AuditStore
from cloud.stores.database import Database, Work
from cloud.stores.driver import Driver
from cloud.stores.postgres import PostgresDriver
from cloud.stores.sqlite import SqliteDriver
from cloud.stores.tables import tenant
from runtime.errors import DatabaseUnavailable
from runtime.testing.fakes import ManualClock

NOW = ManualClock().now()
WRITER = """
import asyncio, sys
from pathlib import Path
from cloud.stores.audit import AuditEntry, AuditStore
from cloud.stores.database import Database
from cloud.stores.postgres import PostgresDriver
from cloud.stores.sqlite import SqliteDriver
from runtime.clock import SystemClock

async def main(kind, where):
    driver = SqliteDriver(Path(where)) if kind == "sqlite" else PostgresDriver(where)
    store = AuditStore(await Database.open(driver))
    async def write(lane):
        for number in range(10**9):
            name = f"{lane}-{number}"
            await store.append([AuditEntry(SystemClock().now(), name, "", "a", "")])
            print(name, flush=True)
    await asyncio.gather(*(write(lane) for lane in range(8)))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    if request.param == "sqlite":
        return "sqlite", str(tmp_path / "gateway.sqlite")
    return "postgresql", request.getfixturevalue("postgres_url")


def driver_at(place: tuple[str, str]) -> Driver:
    kind, where = place
    return SqliteDriver(Path(where)) if kind == "sqlite" else PostgresDriver(where)


def write_and_kill(place: tuple[str, str]) -> list[str]:
    """Run a process that writes and says what it wrote; kill it, and return what it said."""
    command = [sys.executable, "-c", WRITER, *place]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline().strip() for _ in range(300)]
        os.kill(writer.pid, signal.SIGKILL)
        rest = writer.stdout.read()
    return said + rest[: rest.rfind("\n") + 1].split()  # the last line may have been cut off


async def test_what_was_answered_outlives_a_killed_process(place: tuple[str, str]) -> None:
    migrated = driver_at(place)
    migrated.migrate(schema.NEWEST)
    migrated.close()

    answered = await asyncio.to_thread(write_and_kill, place)

    database = await Database.open(driver_at(place))
    kept = await AuditStore(database).entries(NOW.replace(year=2000), limit=10**6)
    await database.close()
    assert len(answered) >= 300
    assert set(answered) <= {entry.actor for entry in kept}


def make_tenant(name: str) -> Work[None]:
    def work(connection: Connection) -> None:
        connection.execute(insert(tenant).values(id=name, created_at=NOW))

    return work


async def test_a_durable_work_returns_after_the_disk_and_others_do_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[float] = []

    def slow_sync(descriptor: int) -> None:
        time.sleep(0.3)
        synced.append(time.monotonic())

    driver = SqliteDriver(tmp_path / "gateway.sqlite", sync_interval_s=60)
    database = await Database.open(driver)
    monkeypatch.setattr(sqlite.os, "fdatasync", slow_sync)

    await database.run(make_tenant("soon"))
    assert synced == []
    await database.run(make_tenant("sure"), is_durable=True)

    assert len(synced) == 1
    await database.close()


async def test_every_commit_is_on_the_disk_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    synced = asyncio.Event()
    driver = SqliteDriver(tmp_path / "gateway.sqlite", sync_interval_s=0.01)
    database = await Database.open(driver)
    await asyncio.sleep(0.1)  # what opening wrote is synced
    monkeypatch.setattr(
        sqlite.os, "fdatasync", lambda _descriptor: loop.call_soon_threadsafe(synced.set)
    )

    await database.run(make_tenant("a"))

    async with asyncio.timeout(10):
        await synced.wait()
    await database.close()


async def test_the_log_does_not_grow_with_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_CHECKPOINT_BYTES", 100_000)
    monkeypatch.setattr(sqlite, "_RESTART_BYTES", 1_000_000)
    path = tmp_path / "gateway.sqlite"
    database = await Database.open(SqliteDriver(path, sync_interval_s=0.01))
    largest = 0
    filler = text("INSERT INTO audit VALUES (NULL, 0, :text, '', '', '', '', 1)")

    def fill(connection: Connection) -> None:
        connection.execute(filler, [{"text": "x" * 10_000}] * 20)

    for _ in range(200):
        await database.run(fill)
        await asyncio.sleep(0.001)
        largest = max(largest, path.with_name("gateway.sqlite-wal").stat().st_size)

    assert largest < 10_000_000  # 40 MB were written
    await database.close()


async def test_a_disk_that_does_not_sync_is_a_named_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "broken")

    database = await Database.open(SqliteDriver(tmp_path / "gateway.sqlite"))
    monkeypatch.setattr(sqlite.os, "fdatasync", fail)

    with pytest.raises(DatabaseUnavailable):
        await database.run(make_tenant("a"), is_durable=True)

    monkeypatch.undo()
    await database.run(make_tenant("b"), is_durable=True)
    await database.close()


async def test_opening_a_store_of_this_release_does_not_wait_for_who_writes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a ?#%20name" / "gateway.sqlite"
    driver = SqliteDriver(path)
    driver.migrate(schema.NEWEST)

    with driver.writer() as connection, connection.begin():
        async with asyncio.timeout(2):  # SQLite would wait for 5 seconds
            second = await Database.open(SqliteDriver(path))
            await second.close()

    assert path.exists()
    driver.close()
