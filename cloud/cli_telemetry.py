"""``leeward fleet telemetry``: what devices' calls came to, and the room that devices have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer

from cloud.cli_output import record_data
from cloud.cli_state import DEFAULT_CONFIG, ConfigOption, in_state
from cloud.config import load_config
from cloud.state import GatewayState
from cloud.stores.fleet_records import DeviceStanding
from cloud.stores.fleet_telemetry import ModelTelemetry
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.fleet.telemetry import BOUNDS_S, RESTARTS, failures, quantile_s

__all__ = ["telemetry"]

_SHOWN_FAILURES: Final = 3


def telemetry(
    config: ConfigOption = DEFAULT_CONFIG,
    device: Annotated[str, typer.Option(help="Only this device.")] = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Show calls, times, failures and restarts of each model, and how much room devices have."""

    def work() -> None:
        standings, found = in_state(load_config(config), _read)
        told = [one for one in found if not device or one.device == device]
        hosts = [one for one in standings if one.seen_at and (not device or one.device == device)]
        calls = make_table(
            ("device", "model", "calls", "p50", "p99", "queued p99", "restarts", "failures"),
            [_row(one) for one in told],
        )
        rooms = make_table(
            ("device", "disk free", "memory free", "models", "calls not told"),
            [_room(one) for one in hosts],
        )
        data = {
            "models": [record_data(one) for one in told],
            "devices": [
                {"device": one.device, "host": one.host, "usage_dropped": one.usage_dropped}
                for one in hosts
            ],
        }
        show(data, calls, "", rooms, as_json=as_json)

    run_command(work, as_json=as_json)


async def _read(state: GatewayState) -> tuple[list[DeviceStanding], list[ModelTelemetry]]:
    return await state.fleet.standings(), await state.fleet.telemetry()


def _row(one: ModelTelemetry) -> tuple[object, ...]:
    return (
        one.device,
        one.model,
        one.calls,
        _within(one, "total_s", 0.5),
        _within(one, "total_s", 0.99),
        _within(one, "queued_s", 0.99),
        one.counts.get(RESTARTS, 0),
        ", ".join(_failures(one)) or "-",
    )


def _within(one: ModelTelemetry, stage: str, share: float) -> str:
    bound = quantile_s(one.counts, stage, share)
    if bound is None:
        return "-"
    return f"over {BOUNDS_S[-1]:g} s" if bound == float("inf") else f"within {bound:g} s"


def _failures(one: ModelTelemetry) -> Iterator[str]:
    by_count = sorted(((count, name) for name, count in failures(one.counts).items()), reverse=True)
    for count, name in by_count[:_SHOWN_FAILURES]:
        yield f"{count} {name}"


def _room(one: DeviceStanding) -> tuple[Any, ...]:
    if one.host is None:
        return (one.device, "-", "-", "-", one.usage_dropped)
    free, memory, models = (
        f"{one.host[name]:,} MiB" for name in ("disk_free_mib", "memory_free_mib", "models_mib")
    )
    return (one.device, free, memory, models, one.usage_dropped)
