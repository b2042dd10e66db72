"""Opens what the gateway keeps: its store, and the authority that its devices trust."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from cloud.authorities import Authorities
from cloud.authority_files import authority_directory, configured_authorities, make_authority
from cloud.config import CloudConfig
from cloud.config_database import read_database_url
from cloud.stores.audit import Act, AuditStore
from cloud.stores.authority import claim_authorities
from cloud.stores.database import Database
from cloud.stores.devices import DeviceStore
from cloud.stores.driver import Driver
from cloud.stores.fleet_devices import FleetStore
from cloud.stores.join_tokens import JoinTokenStore
from cloud.stores.keys import KeyStore
from cloud.stores.legacy_tokens import adopt_tokens
from cloud.stores.postgres import PostgresDriver
from cloud.stores.rollouts import RolloutStore
from cloud.stores.sqlite import SqliteDriver
from cloud.stores.tenants import TenantStore
from cloud.stores.usage import UsageStore
from runtime.clock import Clock
from runtime.documents.directories import prepare_state

__all__ = ["GatewayState", "new_driver", "opened_store"]


@dataclass(frozen=True, slots=True)
class GatewayState:
    """What the gateway keeps; the command line opens it too."""

    authorities: Authorities
    database: Database
    tenants: TenantStore
    keys: KeyStore
    devices: DeviceStore
    tokens: JoinTokenStore
    usage: UsageStore
    audit: AuditStore
    fleet: FleetStore
    rollouts: RolloutStore


def new_driver(config: CloudConfig, environment: Mapping[str, str]) -> Driver:
    """Return the way to the configured store; nothing is opened yet.

    Raises:
        ConfigInvalid: The address of the database is missing or malformed.
    """
    url = read_database_url(config.database, environment)
    if url is not None:
        return PostgresDriver(url, lanes=config.database.lanes)
    interval_s = config.database.sync_interval_s
    return SqliteDriver(config.state / "gateway.sqlite", sync_interval_s=interval_s)


@asynccontextmanager
async def opened_store(
    config: CloudConfig,
    environment: Mapping[str, str],
    *,
    clock: Clock,
    adopts_authority: bool = False,
) -> AsyncIterator[GatewayState]:
    """Open the gateway's state, making the directory and a SQLite file as needed.

    Raises:
        ConfigInvalid: The directory, the store or the authority cannot be used; says what to do.
        DatabaseUnavailable: The database does not answer.
    """
    prepare_state(config.state)
    database = await Database.open(new_driver(config, environment))
    try:
        authorities = await _authorities(database, config, clock=clock, adopts=adopts_authority)
        await adopt_tokens(config.state / "join-tokens.sqlite", database, clock=clock)
        yield GatewayState(
            authorities=authorities,
            database=database,
            tenants=TenantStore(database),
            keys=KeyStore(database),
            devices=DeviceStore(database),
            tokens=JoinTokenStore(database, clock=clock),
            usage=UsageStore(database),
            audit=AuditStore(database),
            fleet=FleetStore(database),
            rollouts=RolloutStore(database),
        )
    finally:
        await database.close()


async def _authorities(
    database: Database, config: CloudConfig, *, clock: Clock, adopts: bool
) -> Authorities:
    directory = authority_directory(config)
    claimed = await claim_authorities(
        database,
        directory,
        Act("gateway", clock.now()),
        load=partial(configured_authorities, config, clock=clock),
        make=partial(make_authority, directory, clock=clock, is_first=True),
        adopts=adopts,
    )
    return Authorities(claimed)
