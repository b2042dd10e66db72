"""``leeward fleet``: the devices of a gateway, their groups, and what they should have."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from cloud import cli_devices, cli_release, cli_rollout
from cloud.cli import token
from cloud.cli_output import moment, record_data
from cloud.cli_state import DEFAULT_CONFIG, ConfigOption, in_state, operator
from cloud.cli_telemetry import telemetry
from cloud.config import load_config
from cloud.state import GatewayState
from cloud.stores.fleet_records import DeviceStanding
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.clock import SystemClock

__all__ = ["app"]

app = typer.Typer(
    name="fleet",
    help="Devices, their groups, and the states that are rolled out to them.",
    no_args_is_help=True,
    add_completion=False,
)
groups_app = typer.Typer(help="Groups of devices.", no_args_is_help=True)
app.add_typer(groups_app, name="groups")
app.add_typer(cli_rollout.app, name="rollout")
app.add_typer(cli_release.app, name="release")
app.command(name="states")(cli_rollout.states)
app.command(name="diff")(cli_rollout.diff)
app.command(name="tokens")(token)
app.command(name="revoke")(cli_devices.revoke)
app.command(name="telemetry")(telemetry)

_ACTIONS = (
    "device_enrolled",
    "device_enrolled_again",
    "device_recovered",
    "device_revoked",
    "fleet_group_joined",
    "fleet_group_left",
    "fleet_state_kept",
    "rollout_aborted",
    "rollout_advanced",
    "rollout_begun",
    "rollout_done",
    "rollout_paused",
    "rollout_resumed",
    "rollout_running",
    "state_failed",
    "state_refused",
    "state_runs",
    "state_undone",
)
GroupArgument = Annotated[str, typer.Argument(help="The group.")]
DevicesArgument = Annotated[list[str], typer.Argument(help="Device ids.")]


@app.command(name="devices")
def devices(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """List devices: when each reported, what it runs, and how its last order ended."""

    def work() -> None:
        standings, names = in_state(load_config(config), _standings)
        now = SystemClock().now()
        rows = [
            (
                one.device,
                ",".join(one.groups) or "-",
                ",".join(f"{name}={value}" for name, value in one.labels.items()) or "-",
                _seen(one, now),
                one.version or "-",
                names.get(one.state, one.state[:12]) if one.state else "as installed",
                f"{one.outcome}{f' ({one.failure})' if one.failure else ''}",
                _models(one),
                f"{one.calls - one.failures}/{one.calls}",
            )
            for one in standings
        ]
        head = ("device", "groups", "labels", "seen", "version", "state", "last order", "models")
        table = make_table((*head, "answered"), rows)
        show([record_data(one) for one in standings], table, as_json=as_json)

    run_command(work, as_json=as_json)


@groups_app.command(name="list")
def list_groups(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """List groups and who is in them."""

    def work() -> None:
        found = in_state(load_config(config), lambda state: state.fleet.groups())
        rows = [(name, len(members), ", ".join(members)) for name, members in found.items()]
        show(found, make_table(("group", "devices", "who"), rows), as_json=as_json)

    run_command(work, as_json=as_json)


@groups_app.command(name="add")
def add_to_group(
    group: GroupArgument,
    device: DevicesArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: JsonOption = False,
) -> None:
    """Put devices into a group; it counts from the next rollout on."""

    def work() -> None:
        act = operator()
        in_state(load_config(config), lambda state: state.fleet.join(group, device, act))
        line = f"{group}: added {', '.join(device)}"
        show({"group": group, "added": device}, line, as_json=as_json)

    run_command(work, as_json=as_json)


@groups_app.command(name="remove")
def remove_from_group(
    group: GroupArgument,
    device: DevicesArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: JsonOption = False,
) -> None:
    """Take devices out of a group; it counts from the next rollout on."""

    def work() -> None:
        act = operator()
        in_state(load_config(config), lambda state: state.fleet.leave(group, device, act))
        line = f"{group}: removed {', '.join(device)}"
        show({"group": group, "removed": device}, line, as_json=as_json)

    run_command(work, as_json=as_json)


@app.command(name="logs")
def logs(
    config: ConfigOption = DEFAULT_CONFIG,
    device: Annotated[str, typer.Option(help="Only what this device did.")] = "",
    days: Annotated[float, typer.Option(min=0.01, help="How far back.")] = 7.0,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show what happened in the fleet, newest first: rollouts, and what devices made of them."""

    def work() -> None:
        since = SystemClock().now() - timedelta(days=days)
        found = in_state(
            load_config(config), lambda state: state.audit.entries(since, actions=_ACTIONS)
        )
        kept = [one for one in found if not device or device in (one.subject, one.actor[7:])]
        rows = [(moment(one.at), one.actor, one.action, one.subject) for one in kept]
        table = make_table(("when", "who", "what", "about"), rows)
        show([record_data(one) for one in kept], table, as_json=as_json)

    run_command(work, as_json=as_json)


async def _standings(state: GatewayState) -> tuple[list[DeviceStanding], dict[str, str]]:
    names = {one.hash: f"{one.name}@{one.revision}" for one in await state.rollouts.states()}
    return await state.fleet.standings(), names


def _seen(one: DeviceStanding, now: datetime) -> str:
    if one.is_revoked:
        return "revoked"
    if one.seen_at is None:
        return "never"
    ago_s = (now - one.seen_at).total_seconds()
    if ago_s < 120:
        return f"{ago_s:.0f} s ago"
    return f"{ago_s / 60:.0f} min ago" if ago_s < 7200 else moment(one.seen_at)


def _models(one: DeviceStanding) -> str:
    serving = sum(health == "serving" for health, _ in one.models.values())
    return f"{serving}/{len(one.models)}" if one.models else "-"
