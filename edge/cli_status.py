"""``leeward edge status``: how the running daemon stands."""

import asyncio
from datetime import datetime
from typing import Any

from edge.cli_doctor import ENROL_AGAIN, needing_the_cloud
from edge.cli_options import DEFAULT_CONFIG, AddressOption, ConfigOption, daemon_address
from edge.egress.local import read_status
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.clock import SystemClock

__all__ = ["status"]


def status(
    config: ConfigOption = DEFAULT_CONFIG,
    address: AddressOption = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Show how the running daemon stands."""

    def work() -> None:
        data = asyncio.run(read_status(daemon_address(config, address)))
        show(data, *_status_texts(data), as_json=as_json)

    run_command(work, as_json=as_json)


def _status_texts(data: dict[str, Any]) -> list[Any]:
    head = (
        f"{data['node']} {data['version']}, device {data['device'] or 'not enrolled'}, "
        f"up {data['uptime_s']:.0f} s, ledger at #{data['ledger_position']}"
    )
    models = make_table(
        ("model", "state", "memory", "context", "restarts", "last failure"),
        [
            (
                m["model"],
                m["state"],
                f"{m['memory_bytes'] / 1e6:,.0f} MB",
                m["context_tokens"],
                m["restarts"],
                m["last_error"] or "-",
            )
            for m in data["models"]
        ],
    )
    nodes = make_table(
        ("node", "zone", "reachable"),
        [(n["node"], n["zone"], "yes" if n["reachable"] else "no") for n in data["nodes"]],
    )
    lines = [*_certificate_lines(data), *_fleet_lines(data["fleet"]), *needing_the_cloud(data)]
    return [head, *lines, "", models, "", nodes]


def _fleet_lines(fleet: dict[str, Any] | None) -> list[str]:
    """Say what the device has of its fleet, and what it came back from last."""
    if fleet is None:
        return []
    failure = f" ({fleet['failure']})" if fleet["failure"] else ""
    state = fleet["state"] or "as installed"
    release = fleet["release"][:12] or "as installed"
    trial = " on trial" if fleet["release_on_trial"] else ""
    lines = [f"state {state}, last order {fleet['outcome']}{failure}; software {release}{trial}"]
    if fleet["left_reason"]:
        at = datetime.fromisoformat(fleet["left_at"])
        left = fleet["left_version"] or "as installed"
        lines.append(f"left software {left} at {at:%Y-%m-%d %H:%M} UTC: {fleet['left_reason']}")
    return lines


def _certificate_lines(data: dict[str, Any]) -> list[str]:
    """Say how the certificate stands, and the one thing to do where it is not well."""
    if data["certificate_expires_at"] is None:
        return []
    ends = datetime.fromisoformat(data["certificate_expires_at"])
    until = f"{ends:%Y-%m-%d %H:%M} UTC"
    if data["refused_by_gateway"]:
        return [f"the gateway does not know this device any more; {ENROL_AGAIN}"]
    if ends <= SystemClock().now():
        return [f"certificate ended {until}; it is recovered when the gateway can be reached"]
    return [f"certificate until {until}, renewed by itself"]
