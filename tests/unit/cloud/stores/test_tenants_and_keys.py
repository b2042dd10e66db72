"""Tenants and keys, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from cloud.credentials import require_credentials
from cloud.stores import key_text
from cloud.stores.audit import Act, AuditStore
from cloud.stores.database import Database
from cloud.stores.keys import KeyStore
from cloud.stores.tables import api_key
from cloud.stores.tenants import TenantStore
from runtime.errors import ConfigInvalid, NotFound, RequestInvalid
from runtime.testing.fakes import ManualClock

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ACT = Act("operator:ann", NOW)


async def test_a_tenant_is_there_once(database: Database) -> None:
    tenants = TenantStore(database)
    await tenants.create("acme", ACT)

    with pytest.raises(RequestInvalid):
        await tenants.create("acme", ACT)

    assert [tenant.id for tenant in await tenants.all()] == ["acme", "default"]


@pytest.mark.parametrize("name", ["", "Acme", "a b", "1a", "a" * 41, "a\x00", "ä", "a'--"])
async def test_what_cannot_name_a_tenant_is_refused(database: Database, name: str) -> None:
    with pytest.raises(RequestInvalid):
        await TenantStore(database).create(name, ACT)


async def test_only_a_hash_of_a_key_is_kept(database: Database) -> None:
    made = await KeyStore(database).create("web", ACT, tenant="default")
    secret = made.text.rpartition("-")[2]

    rows = await database.read(lambda c: [tuple(row) for row in c.execute(select(api_key))])

    assert len(rows) == 1
    assert secret not in repr(rows)
    assert made.text not in repr(made)


async def test_a_key_needs_a_tenant_that_is_there_and_a_name(database: Database) -> None:
    keys = KeyStore(database)

    with pytest.raises(NotFound, match="leeward cloud tenant create"):
        await keys.create("web", ACT, tenant="nobody")
    with pytest.raises(RequestInvalid):
        await keys.create("a line\nand another", ACT, tenant="default")

    assert await keys.all() == []


async def test_a_rotated_key_ends_after_the_overlap_and_its_successor_is_like_it(
    database: Database,
) -> None:
    keys = KeyStore(database)
    made = await keys.create("web", ACT, tenant="default", models=["b", "a", "a"])

    new = await keys.rotate(made.record.id, ACT, overlap=timedelta(hours=2))

    old = next(key for key in await keys.all() if key.id == made.record.id)
    assert (old.expires_at, old.replaced_by) == (NOW + timedelta(hours=2), new.record.id)
    assert (new.record.tenant, new.record.name, new.record.models) == ("default", "web", ("a", "b"))
    assert new.record.expires_at is None


async def test_rotating_never_makes_a_key_last_longer(database: Database) -> None:
    keys = KeyStore(database)
    made = await keys.create("web", ACT, tenant="default", lifetime=timedelta(hours=1))

    await keys.rotate(made.record.id, ACT, overlap=timedelta(days=9))

    assert {key.expires_at for key in await keys.all()} == {NOW + timedelta(hours=1)}


async def test_only_a_good_key_is_rotated_and_only_once(database: Database) -> None:
    keys = KeyStore(database)
    rotated, revoked, expired = [await keys.create("k", ACT, tenant="default") for _ in range(3)]
    await keys.rotate(rotated.record.id, ACT, overlap=timedelta(1))
    await keys.revoke(revoked.record.id, ACT)
    short = await keys.create("k", ACT, tenant="default", lifetime=timedelta(seconds=1))
    later = Act("operator:ann", NOW + timedelta(seconds=1))

    for key_id in (rotated.record.id, revoked.record.id, short.record.id):
        with pytest.raises(RequestInvalid):
            await keys.rotate(key_id, later, overlap=timedelta(1))
    with pytest.raises(NotFound):
        await keys.rotate("000000000000", ACT, overlap=timedelta(1))
    assert expired.record.id in {key.id for key in await keys.all()}


async def test_a_key_revoked_twice_keeps_its_first_moment(database: Database) -> None:
    keys = KeyStore(database)
    made = await keys.create("web", ACT, tenant="default")

    await keys.revoke(made.record.id, ACT)
    await keys.revoke(made.record.id, Act("operator:bob", NOW + timedelta(days=1)))

    (key,) = await keys.all(tenant="default")
    assert key.revoked_at == NOW
    assert await keys.all(tenant="acme") == []


async def test_whether_any_key_would_be_served_is_known(database: Database) -> None:
    keys, tenants = KeyStore(database), TenantStore(database)
    assert not await keys.has_live(NOW)
    made = await keys.create("web", ACT, tenant="default", lifetime=timedelta(hours=1))

    assert await keys.has_live(NOW)
    assert not await keys.has_live(NOW + timedelta(hours=1))
    await tenants.disable("default", ACT)
    assert not await keys.has_live(NOW)
    await tenants.enable("default", ACT)
    await keys.revoke(made.record.id, ACT)
    assert not await keys.has_live(NOW)


async def test_a_front_for_applications_does_not_start_without_a_good_key(
    database: Database,
) -> None:
    keys, clock = KeyStore(database), ManualClock(NOW)
    await require_credentials(keys, clock, serves_applications=False)

    with pytest.raises(ConfigInvalid, match="leeward cloud key create"):
        await require_credentials(keys, clock, serves_applications=True)

    await keys.create("web", ACT, tenant="default")
    await require_credentials(keys, clock, serves_applications=True)


async def test_every_change_is_on_record_and_a_change_that_failed_is_not(
    database: Database,
) -> None:
    tenants, keys = TenantStore(database), KeyStore(database)
    await tenants.create("acme", ACT)
    made = await keys.create("web", ACT, tenant="acme")
    await keys.rotate(made.record.id, ACT, overlap=timedelta(0))
    await keys.revoke(made.record.id, ACT)
    await tenants.disable("acme", ACT)
    with pytest.raises(NotFound):
        await keys.revoke("000000000000", ACT)
    with pytest.raises(RequestInvalid):
        await tenants.create("acme", ACT)

    found = await AuditStore(database).entries(NOW)

    assert [(entry.action, entry.actor, entry.tenant) for entry in found[::-1]] == [
        (action, "operator:ann", "acme")
        for action in (
            "tenant_created", "key_created", "key_rotated", "key_revoked", "tenant_disabled",
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["", "lw-", "sk-1234", "lw-0123456789ab-short", "LW-0123456789ab-" + "a" * 43,
     "lw-0123456789ab-" + "a" * 44, "lw-0123456789ab-" + "ä" * 43,
     "lw-0123456789ab-" + "a" * 43 + "\n",     "x" * 1_000_000],
)  # fmt: skip
def test_what_is_no_key_has_no_parts(text: str) -> None:
    assert key_text.split(text) is None


def test_a_minted_key_has_its_own_parts_and_no_two_are_alike() -> None:
    minted = [key_text.mint() for _ in range(100)]

    assert [key_text.split(key.text) for key in minted] == minted
    assert len({key.secret for key in minted}) == len({key.id for key in minted}) == 100
