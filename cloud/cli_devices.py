"""``leeward cloud device``: the enrolled devices, whose they are, and which are refused."""

import json
from collections.abc import Awaitable
from pathlib import Path
from typing import Annotated

import typer

from cloud.cli_output import moment, record_data
from cloud.cli_state import DEFAULT_CONFIG, ConfigOption, in_state, operator
from cloud.config import load_config
from cloud.fleet.anchoring import Anchors
from cloud.state import GatewayState
from cloud.stores.anchors import AnchorStore
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.clock import SystemClock
from runtime.errors import NotFound, RequestInvalid
from runtime.ids import DeviceId
from runtime.ledger.anchor_file import countersignature_fields
from runtime.ledger.countersignature import Countersignature

__all__ = ["app", "devices", "revoke"]

app = typer.Typer(help="Enrolled devices.", no_args_is_help=True)
DeviceArgument = Annotated[str, typer.Argument(help="Device id.")]


@app.command(name="list")
def devices(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """List enrolled devices."""

    def work() -> None:
        found = in_state(load_config(config), lambda state: state.devices.all())
        rows = [
            (
                device.id,
                device.tenant,
                "revoked" if device.revoked_at else "enrolled",
                moment(device.enrolled_at),
                moment(device.expires_at),
                "-" if device.ledger_position is None else f"#{device.ledger_position}",
            )
            for device in found
        ]
        table = make_table(("device", "tenant", "state", "enrolled", "expires", "ledger"), rows)
        show([record_data(device) for device in found], table, as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def revoke(
    device: DeviceArgument, config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False
) -> None:
    """Refuse a device from its next call on."""

    def work() -> None:
        act = operator()
        in_state(load_config(config), lambda state: state.devices.revoke(DeviceId(device), act))
        show({"device": device, "revoked": True}, f"{device} is revoked", as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def anchor(
    device: DeviceArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    out: Annotated[
        Path | None, typer.Option(help="File to write; left out, it is printed.")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show the newest ledger head that the gateway has seen of a device, countersigned.

    An auditor holds the device's ledger against it: `leeward ledger verify --anchor FILE`.
    """

    def work() -> None:
        def read(state: GatewayState) -> Awaitable[Countersignature | None]:
            anchors = Anchors(AnchorStore(state.database), state.authorities, clock=SystemClock())
            return anchors.of(DeviceId(device))

        found = in_state(load_config(config), read)
        if found is None:
            raise NotFound(f"no ledger head of {device!r} was countersigned here")
        data = countersignature_fields(found)
        if out is None:
            show(data, json.dumps(data, indent=2), as_json=as_json)
            return
        try:
            out.write_text(json.dumps(data, indent=2) + "\n", "utf-8")
        except OSError as error:
            raise RequestInvalid(f"{out} cannot be written: {error.strerror}") from None
        seen = found.seen
        line = f"{out}: entry {seen.position} of {device}, seen {moment(seen.seen_at)} UTC"
        show({"file": str(out)} | data, line, as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def assign(
    device: DeviceArgument,
    tenant: Annotated[str, typer.Argument(help="Whose it is from now on.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: JsonOption = False,
) -> None:
    """Give a device to a tenant."""

    def work() -> None:
        act = operator()
        in_state(
            load_config(config),
            lambda state: state.devices.assign(DeviceId(device), tenant, act),
        )
        show({"device": device, "tenant": tenant}, f"{device} is {tenant}'s now", as_json=as_json)

    run_command(work, as_json=as_json)
