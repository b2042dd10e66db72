"""What the gateway and its commands take from the environment they run in.

Apart from ``cloud.app``, so that a command which looks into the store does not load what a gateway
needs to serve: it answers in a fraction of the time.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cloud.config import CloudConfig
from cloud.config_upstreams import read_spec
from cloud.state import GatewayState, new_driver, opened_store
from cloud.stores.driver import Driver
from cloud.upstreams.model import UpstreamSpec
from runtime.clock import Clock

__all__ = ["opened_state", "store_driver", "upstream_specs"]


@asynccontextmanager
async def opened_state(
    config: CloudConfig, *, clock: Clock, adopts_authority: bool = False
) -> AsyncIterator[GatewayState]:
    """Open the gateway's state with this process's environment.

    Raises:
        ConfigInvalid: The directory, the store or the authority cannot be used; says what to do.
        DatabaseUnavailable: The database does not answer.
    """
    opened = opened_store(config, os.environ, clock=clock, adopts_authority=adopts_authority)
    async with opened as state:
        yield state


def store_driver(config: CloudConfig) -> Driver:
    """Return the way to the configured store, with this process's environment.

    Raises:
        ConfigInvalid: The address of the database is missing or malformed.
    """
    return new_driver(config, os.environ)


def upstream_specs(config: CloudConfig) -> list[UpstreamSpec]:
    """Return the providers with their keys, which the environment may hold.

    Raises:
        ConfigInvalid: A key is not where the configuration says that it is.
    """
    return [read_spec(upstream, os.environ) for upstream in config.upstreams]
