"""``leeward edge outbox``: requests that wait on this device for the cloud, and their answers.

Only ``show`` prints content, to standard output.
"""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer

from edge.cli_options import DEFAULT_CONFIG, AddressOption, ConfigOption, daemon_address
from edge.egress.local_outbox import cancel_queued, read_queue, read_queued
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.codec.queued import QueuedRun
from runtime.executor.plain import receipt_to_data

__all__ = ["outbox_app"]

outbox_app = typer.Typer(
    name="outbox", no_args_is_help=True, help="Requests that wait for the cloud."
)
KeyArgument = Annotated[str, typer.Argument(help="Its idempotency key.")]
_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3600.0


@outbox_app.command("list")
def list_command(
    config: ConfigOption = DEFAULT_CONFIG,
    address: AddressOption = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """List what waits in the order in which it goes, then what ended lately; without content."""

    def work() -> None:
        runs = asyncio.run(read_queue(daemon_address(config, address)))
        table = make_table(
            ("key", "state", "queued", "waits for", "priority", "tries", "repeats", "why"),
            [
                (
                    run.key,
                    run.state,
                    run.queued_at.isoformat(timespec="minutes"),
                    _span(run.left_s),
                    run.priority,
                    run.attempts,
                    run.upstream_repeats,
                    run.error or "-",
                )
                for run in runs
            ],
        )
        data = {"outbox": [_run_data(run) for run in runs]}
        show(data, table if runs else "the outbox is empty", as_json=as_json)

    run_command(work, as_json=as_json)


@outbox_app.command("show")
def show_command(
    key: KeyArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    address: AddressOption = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Show how one stands, and its answer once it is there."""

    def work() -> None:
        found = asyncio.run(read_queued(daemon_address(config, address), key))
        data = _run_data(found.run) | {
            "answer": found.answer.text if found.answer else None,
            "receipt": receipt_to_data(found.receipt) if found.receipt else None,
        }
        text = f"\n{found.answer.text}" if found.answer else ""
        show(data, f"{_line(found.run)}{text}", as_json=as_json)

    run_command(work, as_json=as_json)


@outbox_app.command()
def cancel(
    key: KeyArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    address: AddressOption = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Take one out of the queue; what was sent already stays charged."""

    def work() -> None:
        run = asyncio.run(cancel_queued(daemon_address(config, address), key))
        show(_run_data(run), _line(run), as_json=as_json)

    run_command(work, as_json=as_json)


def _line(run: QueuedRun) -> str:
    parts = [f"{run.key}: {run.state}"]
    if run.error:
        parts.append(f"because of {run.error}")
    if run.left_s:
        parts.append(f"waits for another {_span(run.left_s)}")
    tries = "1 try" if run.attempts == 1 else f"{run.attempts} tries"
    return ", ".join([*parts, tries])


def _span(seconds: float) -> str:
    if not seconds:
        return "-"
    if seconds < _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    return f"{seconds / _HOUR_S:.1f} h"


def _run_data(run: QueuedRun) -> dict[str, Any]:
    return asdict(run) | {"queued_at": run.queued_at.isoformat()}
