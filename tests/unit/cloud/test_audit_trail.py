"""Notes of the audit trail: counted together, bounded, never lost while the store is away."""

import asyncio
from datetime import timedelta

from cloud.audit_trail import AuditTrail
from cloud.stores.audit import Act, AuditEntry, AuditStore
from cloud.stores.database import Database
from runtime.errors import DatabaseUnavailable
from runtime.testing.fakes import ManualClock

CLOCK = ManualClock()


async def entries(database: Database) -> list[AuditEntry]:
    return await AuditStore(database).entries(CLOCK.now() - timedelta(days=1))


async def test_like_notes_are_one_entry_with_a_count(database: Database) -> None:
    trail = AuditTrail(AuditStore(database), CLOCK)
    for _ in range(1_000):
        trail.note("call_refused", actor="key:a", reason="expired")
    trail.note("call_refused", actor="key:b", reason="expired")

    await trail.flush()
    await trail.flush()

    found = {(entry.actor, entry.count) for entry in await entries(database)}
    assert found == {("key:a", 1_000), ("key:b", 1)}


async def test_a_flood_of_different_notes_becomes_a_few_entries_and_loses_no_count(
    database: Database,
) -> None:
    trail = AuditTrail(AuditStore(database), CLOCK, max_distinct=5)
    for number in range(1_000):
        trail.note("call_refused", actor=f"device:{number}", tenant="t", reason="revoked")

    await trail.flush()

    found = await entries(database)
    assert len(found) == 6
    assert sum(entry.count for entry in found) == 1_000
    assert {entry.actor: entry.count for entry in found}["many"] == 995


class Away(AuditStore):
    """A store that does not answer until told to."""

    is_away = True

    async def append(self, entries: object) -> None:
        if self.is_away:
            raise DatabaseUnavailable("away")
        await super().append(entries)  # type: ignore[arg-type]


async def test_notes_wait_for_a_store_that_is_away(database: Database) -> None:
    store = Away(database)
    trail = AuditTrail(store, CLOCK)
    trail.note("call_refused", actor="key:a")
    await trail.flush()
    trail.note("call_refused", actor="key:a")
    store.is_away = False

    await trail.flush()

    assert [entry.count for entry in await entries(database)] == [2]


async def test_notes_are_written_while_it_runs_and_at_the_end(database: Database) -> None:
    trail = AuditTrail(AuditStore(database), CLOCK, interval_s=0.01)

    async with trail.running(), asyncio.timeout(10):
        trail.note("call_refused", actor="key:a")
        while not await entries(database):  # noqa: ASYNC110 - what is polled is the store
            await asyncio.sleep(0.01)
        trail.note("call_refused", actor="key:b")

    assert {entry.actor for entry in await entries(database)} == {"key:a", "key:b"}


async def test_pruning_removes_what_is_old_and_stays_on_record(database: Database) -> None:
    clock = ManualClock()
    store = AuditStore(database)
    trail = AuditTrail(store, clock)
    trail.note("call_refused", actor="old")
    await trail.flush()
    clock.advance(86_400)
    trail.note("call_refused", actor="new")
    await trail.flush()

    removed = await store.prune(clock.now(), Act("operator:ann", clock.now()))

    assert removed == 1
    left = await store.entries(clock.now() - timedelta(days=9), limit=9)
    assert {entry.actor for entry in left} == {"new", "operator:ann"}
    assert len(await store.entries(clock.now() - timedelta(days=9), actions=["audit_pruned"])) == 1
