"""``leeward cloud usage``: who used what, for people, as JSON, or as CSV for the accounts."""

import csv
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer

from cloud.cli_state import DEFAULT_CONFIG, ConfigOption, in_state
from cloud.config import load_config
from cloud.stores.usage import GROUPINGS, Grouping, UsageTotal
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.clock import SystemClock
from runtime.errors import RequestInvalid

__all__ = ["usage"]

_COUNTS = ("calls", "failed", "cached", "prompt_tokens", "completion_tokens")
_MICROS_PER_USD = 1_000_000


def usage(
    config: ConfigOption = DEFAULT_CONFIG,
    days: Annotated[float, typer.Option(min=0, max=36_500, help="How far back.")] = 30.0,
    by: Annotated[
        str, typer.Option(help=f"Add up by these, comma-separated: {', '.join(GROUPINGS)}.")
    ] = "tenant,device,key,model",
    *,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a heading.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what was used, and what it cost."""

    def work() -> None:
        if as_csv and as_json:
            raise RequestInvalid("choose either --csv or --json", field="--csv")
        groupings = _groupings(by)
        since = SystemClock().now() - timedelta(days=days)
        totals = in_state(
            load_config(config), lambda state: state.usage.totals(since, by=groupings)
        )
        if as_csv:
            _write_csv(groupings, totals)
            return
        headings = (*groupings, "calls", "failed", "cached", "prompt", "completion", "USD")
        rows = [_cells(total, empty="-") for total in totals]
        show([_data(total) for total in totals], make_table(headings, rows), as_json=as_json)

    run_command(work, as_json=as_json)


def _groupings(text: str) -> tuple[Grouping, ...]:
    asked = [part.strip() for part in text.split(",")]
    unknown = next((part for part in asked if part not in GROUPINGS), None)
    if unknown is not None:
        known = ", ".join(GROUPINGS)
        raise RequestInvalid(f"{unknown!r} is none of {known}", field="--by")
    return tuple(grouping for grouping in GROUPINGS if grouping in asked)


def _data(total: UsageTotal) -> dict[str, object]:
    group: dict[str, object] = dict(total.group.items())
    counts = {name: getattr(total, name) for name in _COUNTS}
    return group | counts | {"cost_usd": total.cost_micros / _MICROS_PER_USD}


def _cells(total: UsageTotal, *, empty: str = "") -> list[str]:
    whole, part = divmod(total.cost_micros, _MICROS_PER_USD)
    counts = [str(getattr(total, name)) for name in _COUNTS]
    return [*(name or empty for name in total.group.values()), *counts, f"{whole}.{part:06}"]


def _write_csv(groupings: Sequence[Grouping], totals: Sequence[UsageTotal]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow((*groupings, *_COUNTS, "cost_usd"))
    writer.writerows(_cells(total) for total in totals)
