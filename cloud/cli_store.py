"""``leeward cloud migrate`` and ``authority``: the store's tables, and who its devices trust."""

import asyncio
from contextlib import closing
from typing import Annotated

import typer

from cloud.cli_state import DEFAULT_CONFIG, ConfigOption, in_state
from cloud.config import load_config
from cloud.environment import opened_state, store_driver
from cloud.state import GatewayState
from cloud.stores import schema
from runtime.cli.output import JsonOption, run_command, show
from runtime.clock import SystemClock
from runtime.documents.directories import prepare_state

__all__ = ["authority", "migrate"]

authority = typer.Typer(help="The certificate authority of the devices.", no_args_is_help=True)


def migrate(
    config: ConfigOption = DEFAULT_CONFIG,
    to: Annotated[
        str, typer.Option(help="Version to bring the tables to; an older one loses what is newer.")
    ] = schema.NEWEST,
    *,
    as_json: JsonOption = False,
) -> None:
    """Bring the store's tables to this release's version; stop the gateways first.

    A gateway on SQLite does it by itself when it starts. On PostgreSQL it is done once, by this.
    """

    def work() -> None:
        loaded = load_config(config)
        prepare_state(loaded.state)
        with closing(store_driver(loaded)) as driver:
            before = driver.migrate(to)
        after = schema.versions()[-1] if to == schema.NEWEST else to
        line = f"{before or 'no tables'} -> {after}" if before != after else f"{after} already"
        show({"from": before, "to": after}, line, as_json=as_json)

    run_command(work, as_json=as_json)


@authority.command(name="show")
def show_authority(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Show the fingerprint by which gateways and store know it."""

    def work() -> None:
        async def read_fingerprint(state: GatewayState) -> str:
            return state.authorities.newest.fingerprint

        found = in_state(load_config(config), read_fingerprint)
        show({"sha256": found}, found, as_json=as_json)

    run_command(work, as_json=as_json)


@authority.command()
def adopt(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Make this gateway's authority the store's; devices of the former one have to enrol again."""

    def work() -> None:
        async def run() -> str:
            opened = opened_state(load_config(config), clock=SystemClock(), adopts_authority=True)
            async with opened as state:
                return state.authorities.newest.fingerprint

        found = asyncio.run(run())
        show({"sha256": found}, f"the store is of authority {found} now", as_json=as_json)

    run_command(work, as_json=as_json)
