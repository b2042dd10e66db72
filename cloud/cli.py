"""``leeward cloud``: serve the gateway, and look after its devices and usage."""

from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from cloud import cli_audit, cli_authority, cli_devices, cli_keys, cli_store, cli_tenants
from cloud.cli_budgets import app as budgets
from cloud.cli_limits import app as limits
from cloud.cli_prices import app as prices
from cloud.cli_reload import reload
from cloud.cli_state import DEFAULT_CONFIG, ConfigOption, in_state, operator
from cloud.cli_status import status
from cloud.cli_upstreams import upstreams
from cloud.cli_usage import usage
from cloud.config import CloudConfig, load_config
from cloud.state import GatewayState
from cloud.stores.tables import DEFAULT_TENANT
from runtime.cli.output import JsonOption, run_command, show
from runtime.cli.serving import ReadyFileOption, run_role
from runtime.identity.token_file import JoinTokenFile, store_token_file

__all__ = ["app"]

app = typer.Typer(
    name="cloud",
    help="The cloud gateway: large models for enrolled devices.",
    no_args_is_help=True,
    add_completion=False,
)
app.command()(status)
app.command()(reload)
app.command()(usage)
app.command()(upstreams)
app.add_typer(budgets, name="budget")
app.add_typer(limits, name="limit")
app.add_typer(prices, name="price")
app.command()(cli_devices.devices)
app.command()(cli_devices.revoke)
app.add_typer(cli_devices.app, name="device")
app.add_typer(cli_tenants.app, name="tenant")
app.add_typer(cli_keys.app, name="key")
app.add_typer(cli_audit.app, name="audit")
app.command()(cli_store.migrate)
app.add_typer(cli_authority.app, name="authority")


@app.command(name="serve")
def serve_command(
    config: ConfigOption = DEFAULT_CONFIG, ready_file: ReadyFileOption = None
) -> None:
    """Serve until SIGTERM; logs go to stderr as JSON lines."""

    def serving() -> Coroutine[Any, Any, None]:
        from cloud.app import serve

        return serve(load_config(config), source=config, ready_file=ready_file)

    run_role(serving)


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
    gateway: Annotated[
        str, typer.Option(help="Address for devices; default: first of `hostnames`.")
    ] = "",
    enrolment: Annotated[
        str, typer.Option(help="Address of enrolment; default: first of `hostnames`.")
    ] = "",
    tenant: Annotated[str, typer.Option(help="Whose device it will be.")] = DEFAULT_TENANT,
    *,
    as_json: JsonOption = False,
) -> None:
    """Make a one-time join token for one device."""

    def work() -> None:
        loaded = load_config(config)
        act, lifetime = operator(), timedelta(hours=hours)
        made = in_state(
            loaded, lambda state: state.tokens.create(act, lifetime=lifetime, tenant=tenant)
        )
        authority = in_state(loaded, _authority_pem)
        file = JoinTokenFile(
            token=made.text,
            ca_certificate_pem=authority.decode(),
            enrolment_address=enrolment or loaded.advertised(loaded.enrolment),
            gateway_address=gateway or _listening(loaded),
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


async def _authority_pem(state: GatewayState) -> bytes:
    return state.authorities.bundle_pem


def _listening(config: CloudConfig) -> str:
    """Where devices dial; empty where the port is found at the start: then the gateway says."""
    address = config.advertised(config.listen)
    return "" if address.endswith(":0") else address
