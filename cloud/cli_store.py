"""``leeward cloud migrate``: the store's tables."""

from contextlib import closing
from typing import Annotated

import typer

from cloud.cli_state import DEFAULT_CONFIG, ConfigOption
from cloud.config import load_config
from cloud.environment import store_driver
from cloud.stores import schema
from runtime.cli.output import JsonOption, run_command, show
from runtime.documents.directories import prepare_state

__all__ = ["migrate"]


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
