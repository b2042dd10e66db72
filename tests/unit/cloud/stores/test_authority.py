"""Whose certificates a store's devices have, on both databases."""

import asyncio
from pathlib import Path

import pytest

from cloud.stores.audit import Act
from cloud.stores.authority import claim_authorities
from cloud.stores.database import Database
from runtime.errors import ConfigInvalid
from runtime.identity.authority import CertificateAuthority
from runtime.testing.fakes import ManualClock
from tests.unit.cloud.conftest import DriverFactory

CLOCK = ManualClock()
ACT = Act("gateway", CLOCK.now())


async def claim(
    database: Database, directory: Path, *, adopts: bool = False
) -> CertificateAuthority:
    def make() -> CertificateAuthority:
        made = CertificateAuthority.create("test", clock=CLOCK, lifetime_s=1e9)
        made.store(directory)
        return made

    (claimed,) = await claim_authorities(
        database,
        directory,
        ACT,
        load=lambda: [CertificateAuthority.load(directory, clock=CLOCK)],
        make=make,
        adopts=adopts,
    )
    return claimed


async def test_gateways_that_start_together_are_of_one_authority(
    new_driver: DriverFactory, tmp_path: Path
) -> None:
    replicas = [await Database.open(new_driver()) for _ in range(3)]

    claimed = await asyncio.gather(*(claim(replica, tmp_path / "ca") for replica in replicas))

    assert len({authority.fingerprint for authority in claimed}) == 1
    for replica in replicas:
        await replica.close()


async def test_another_authority_is_refused_until_it_is_adopted(
    database: Database, tmp_path: Path
) -> None:
    first = await claim(database, tmp_path / "first")
    other = CertificateAuthority.create("other", clock=CLOCK, lifetime_s=1e9)
    other.store(tmp_path / "other")

    with pytest.raises(ConfigInvalid, match="leeward cloud authority adopt"):
        await claim(database, tmp_path / "other")
    assert (await claim(database, tmp_path / "first")).fingerprint == first.fingerprint

    await claim(database, tmp_path / "other", adopts=True)
    with pytest.raises(ConfigInvalid):
        await claim(database, tmp_path / "first")


async def test_a_lost_authority_is_not_quietly_replaced(database: Database, tmp_path: Path) -> None:
    await claim(database, tmp_path / "first")

    with pytest.raises(ConfigInvalid, match="is missing"):
        await claim(database, tmp_path / "lost")

    assert not (tmp_path / "lost").exists()
