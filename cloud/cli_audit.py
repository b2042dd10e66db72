"""``leeward cloud audit``: who changed what, and which calls were refused."""

from datetime import timedelta
from typing import Annotated

import typer

from cloud.cli_output import moment, record_data
from cloud.cli_state import DEFAULT_CONFIG, ConfigOption, in_state, operator
from cloud.config import load_config
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.clock import SystemClock

__all__ = ["app"]

app = typer.Typer(help="The audit trail; it holds no content.", no_args_is_help=True)


@app.command(name="list")
def list_all(
    config: ConfigOption = DEFAULT_CONFIG,
    days: Annotated[float, typer.Option(min=0, max=36_500, help="How far back.")] = 7.0,
    action: Annotated[
        list[str] | None, typer.Option(help="Only this action, say call_refused; repeat for more.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many at most.")] = 1_000,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show what happened, newest first."""

    def work() -> None:
        since = SystemClock().now() - timedelta(days=days)
        found = in_state(
            load_config(config),
            lambda state: state.audit.entries(since, actions=action or (), limit=limit),
        )
        rows = [
            (
                moment(entry.at),
                entry.actor,
                entry.action,
                entry.subject or "-",
                entry.tenant or "-",
                entry.reason or "-",
                entry.count,
            )
            for entry in found
        ]
        headings = ("when (UTC)", "who", "what", "whom", "tenant", "why", "times")
        show([record_data(entry) for entry in found], make_table(headings, rows), as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def prune(
    older_than_days: Annotated[
        float, typer.Option(min=1, max=36_500, help="Keep this much; remove what is older.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: JsonOption = False,
) -> None:
    """Remove old entries; that it was done stays on record."""

    def work() -> None:
        act = operator()
        before = act.at - timedelta(days=older_than_days)
        count = in_state(load_config(config), lambda state: state.audit.prune(before, act))
        show({"removed": count}, f"{count} entries removed", as_json=as_json)

    run_command(work, as_json=as_json)
