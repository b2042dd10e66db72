"""``leeward cloud``: serve the gateway, and look after its devices and usage."""

import asyncio
import sys
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from cloud.app import GatewayState, serve
from cloud.cli_budgets import app as budgets
from cloud.cli_limits import app as limits
from cloud.cli_prices import app as prices
from cloud.cli_state import DEFAULT_CONFIG, ConfigOption, in_state
from cloud.cli_status import status
from cloud.cli_usage import usage
from cloud.config import load_config
from cloud.stores.devices import DeviceRecord
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.clock import SystemClock
from runtime.identity.token_file import JoinTokenFile, store_token_file
from runtime.ids import DeviceId
from runtime.telemetry.logs import configure_logging

__all__ = ["app"]

app = typer.Typer(
    name="cloud",
    help="The cloud gateway: large models for enrolled devices.",
    no_args_is_help=True,
    add_completion=False,
)
app.command()(status)
app.command()(usage)
app.add_typer(budgets, name="budget")
app.add_typer(limits, name="limit")
app.add_typer(prices, name="price")


@app.command(name="serve")
def serve_command(
    config: ConfigOption = DEFAULT_CONFIG,
    ready_file: Annotated[
        Path | None, typer.Option(help="Write the addresses here once serving.")
    ] = None,
) -> None:
    """Serve until SIGTERM; logs go to stderr as JSON lines."""

    def work() -> None:
        configure_logging(sys.stderr)
        asyncio.run(serve(load_config(config), ready_file=ready_file))

    run_command(work)


@app.command()
def check(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Check the configuration without starting anything."""

    def work() -> None:
        loaded = load_config(config)
        models = [str(route.model) for route in loaded.routes]
        data = {"ok": True, "listen": loaded.listen, "models": models}
        show(data, f"{config}: ok, serves {', '.join(models)} at {loaded.listen}", as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def token(
    out: Annotated[Path, typer.Option(help="Token file to write (0600).")],
    config: ConfigOption = DEFAULT_CONFIG,
    hours: Annotated[float, typer.Option(min=0.01, max=720, help="How long it is good.")] = 24.0,
    gateway: Annotated[str, typer.Option(help="Address for devices; default: `listen`.")] = "",
    enrolment: Annotated[
        str, typer.Option(help="Address of enrolment; default: `enrolment`.")
    ] = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Make a one-time join token for one device."""

    def work() -> None:
        loaded = load_config(config)
        made = in_state(loaded, lambda state: state.desk.issue_token(timedelta(hours=hours)))
        authority = in_state(loaded, _authority_pem)
        file = JoinTokenFile(
            token=made.text,
            ca_certificate_pem=authority.decode(),
            enrolment_address=enrolment or loaded.enrolment,
            gateway_address=gateway or loaded.listen,
            expires_at=made.expires_at,
        )
        store_token_file(out, file)
        data = {
            "file": str(out),
            "device": made.device_id,
            "enrolment": file.enrolment_address,
            "expires_at": made.expires_at.isoformat(),
        }
        until = made.expires_at.isoformat(timespec="minutes")
        line = f"{out}: carry it to the device and run `leeward edge enroll --token {out.name}`"
        show(data, line, f"good once, for {made.device_id}, until {until}", as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def devices(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """List enrolled devices."""

    def work() -> None:
        found = in_state(load_config(config), lambda state: state.devices.all())
        rows = [
            (
                device.id,
                "revoked" if device.revoked_at else "enrolled",
                device.enrolled_at.isoformat(timespec="minutes"),
                device.expires_at.isoformat(timespec="minutes"),
                "-" if device.ledger_position is None else f"#{device.ledger_position}",
            )
            for device in found
        ]
        table = make_table(("device", "state", "enrolled", "expires", "ledger"), rows)
        show([_device_data(device) for device in found], table, as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def revoke(
    device: Annotated[str, typer.Argument(help="Device id.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: JsonOption = False,
) -> None:
    """Refuse a device from its next call on."""

    def work() -> None:
        now = SystemClock().now()
        in_state(load_config(config), lambda state: state.devices.revoke(DeviceId(device), at=now))
        show({"device": device, "revoked": True}, f"{device} is revoked", as_json=as_json)

    run_command(work, as_json=as_json)


async def _authority_pem(state: GatewayState) -> bytes:
    return state.authority.certificate_pem


def _device_data(device: DeviceRecord) -> dict[str, object]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(device).items()
    }
