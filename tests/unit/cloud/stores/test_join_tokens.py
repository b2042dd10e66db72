"""Join tokens, on both databases, and those of earlier releases."""

import asyncio
import logging
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from cloud.stores.audit import Act
from cloud.stores.database import Database
from cloud.stores.join_tokens import Invitation, JoinTokenStore
from cloud.stores.legacy_tokens import adopt_tokens
from cloud.stores.tables import join_token
from cloud.stores.tenants import TenantStore
from runtime.errors import ConfigInvalid, NotFound, TokenRefused
from runtime.testing.fakes import ManualClock
from tests.unit.cloud.conftest import DriverFactory

HOUR = timedelta(hours=1)
KEY, OTHER = b"k" * 32, b"o" * 32
LEGACY = """
    CREATE TABLE join_tokens (token_id TEXT PRIMARY KEY, secret_hash BLOB NOT NULL,
        device_id TEXT NOT NULL, expires_at TEXT NOT NULL, used_at TEXT) STRICT
"""
LEGACY_TEXT = "lwjoin.0123456789abcdef.secret"
LEGACY_HASH = bytes.fromhex("2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def act(clock: ManualClock) -> Act:
    return Act("operator:ann", clock.now())


@pytest.fixture
def tokens(database: Database, clock: ManualClock) -> JoinTokenStore:
    return JoinTokenStore(database, clock=clock)


def nothing(_connection: Connection, _invited: Invitation) -> None:
    """What a token is good for, where that does not matter."""


async def test_a_token_serves_once_for_the_tenant_it_was_made_for(
    database: Database, tokens: JoinTokenStore, act: Act
) -> None:
    await TenantStore(database).create("acme", act)
    token = await tokens.create(act, lifetime=HOUR, tenant="acme")

    assert await tokens.look(token.text, KEY) == Invitation(token.device_id, "acme")
    assert await tokens.redeem(token.text, KEY, nothing) == Invitation(token.device_id, "acme")

    for use in (tokens.look(token.text, OTHER), tokens.redeem(token.text, OTHER, nothing)):
        with pytest.raises(TokenRefused):
            await use


async def test_of_many_that_try_at_once_on_two_replicas_one_wins(
    new_driver: DriverFactory, clock: ManualClock, act: Act
) -> None:
    replicas = [await Database.open(new_driver()) for _ in range(2)]
    stores = [JoinTokenStore(replica, clock=clock) for replica in replicas]
    token = await stores[0].create(act, lifetime=HOUR, tenant="default")

    outcomes = await asyncio.gather(
        *(
            store.redeem(token.text, bytes([number]) * 32, nothing)
            for number in range(8)
            for store in stores[:: 1 if number % 2 else -1]
        ),
        return_exceptions=True,
    )

    invited = [outcome for outcome in outcomes if isinstance(outcome, Invitation)]
    assert sorted(one.is_repeat for one in invited) == [False, True]  # one key, at both replicas
    assert sum(isinstance(outcome, TokenRefused) for outcome in outcomes) == 14
    for replica in replicas:
        await replica.close()


async def test_a_token_is_still_good_if_what_it_was_used_for_failed(
    tokens: JoinTokenStore, act: Act
) -> None:
    token = await tokens.create(act, lifetime=HOUR, tenant="default")

    def fail(_connection: Connection, _invited: Invitation) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await tokens.redeem(token.text, KEY, fail)

    assert await tokens.redeem(token.text, KEY, nothing)


async def test_a_wrong_secret_does_not_use_the_token_up(tokens: JoinTokenStore, act: Act) -> None:
    token = await tokens.create(act, lifetime=HOUR, tenant="default")

    with pytest.raises(TokenRefused):
        await tokens.redeem(token.text[:-1] + ("A" if token.text[-1] != "A" else "B"), KEY, nothing)

    assert await tokens.redeem(token.text, KEY, nothing)


async def test_a_token_needs_a_tenant_that_is_there(tokens: JoinTokenStore, act: Act) -> None:
    with pytest.raises(NotFound):
        await tokens.create(act, lifetime=HOUR, tenant="nobody")


async def test_every_refusal_reads_the_same_and_the_log_tells_them_apart(
    tokens: JoinTokenStore, act: Act, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    used = await tokens.create(act, lifetime=HOUR, tenant="default")
    await tokens.redeem(used.text, KEY, nothing)
    expired = await tokens.create(act, lifetime=timedelta(seconds=1), tenant="default")
    clock.advance(1)
    bad = [used.text, expired.text, "lwjoin.0123456789abcdef.zz", "", "x", "ż" * 500, "a.b.c",
           "lwjoin.\x00.x", "lwjoin.\ud800.x"]  # fmt: skip

    texts = set()
    for text in bad:
        with pytest.raises(TokenRefused) as refused:
            await tokens.redeem(text, OTHER, nothing)
        texts.add(str(refused.value))

    assert len(texts) == 1
    reasons = [vars(record)["reason"] for record in caplog.records]
    assert reasons == ["used", "expired", *["unknown"] * 7]
    assert used.text.rpartition(".")[2] not in str([vars(record) for record in caplog.records])


async def test_only_a_hash_of_the_secret_is_kept(
    database: Database, tokens: JoinTokenStore, act: Act
) -> None:
    token = await tokens.create(act, lifetime=HOUR, tenant="default")

    rows = await database.read(lambda c: [tuple(row) for row in c.execute(select(join_token))])

    assert len(rows) == 1
    assert token.text.rpartition(".")[2] not in repr(rows)
    assert token.text not in repr(token)


def write_legacy(path: Path, *, expires_at: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(LEGACY)
        row = ("0123456789abcdef", LEGACY_HASH, "device-1", expires_at)
        connection.execute("INSERT INTO join_tokens VALUES (?, ?, ?, ?, NULL)", row)


async def test_tokens_of_an_earlier_release_are_good_once(
    database: Database, tokens: JoinTokenStore, clock: ManualClock, tmp_path: Path
) -> None:
    path = tmp_path / "join-tokens.sqlite"
    write_legacy(path, expires_at="2026-01-01T01:00:00.000000Z")

    for _ in range(2):
        await adopt_tokens(path, database, clock=clock)

    assert not path.exists()
    assert (await tokens.redeem(LEGACY_TEXT, KEY, nothing)).device == "device-1"
    with pytest.raises(TokenRefused):
        await tokens.redeem(LEGACY_TEXT, OTHER, nothing)


async def test_an_expired_token_of_an_earlier_release_is_left_behind(
    database: Database, tokens: JoinTokenStore, clock: ManualClock, tmp_path: Path
) -> None:
    path = tmp_path / "join-tokens.sqlite"
    write_legacy(path, expires_at="2026-01-01T00:00:00.000000Z")

    await adopt_tokens(path, database, clock=clock)

    with pytest.raises(TokenRefused):
        await tokens.look(LEGACY_TEXT, KEY)


async def test_a_damaged_file_of_an_earlier_release_is_named(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    path = tmp_path / "join-tokens.sqlite"
    path.write_text("no database " * 100)

    with pytest.raises(ConfigInvalid, match=r"join-tokens\.sqlite"):
        await adopt_tokens(path, database, clock=clock)
