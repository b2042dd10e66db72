"""``leeward cloud authority``: who signs for the fleet, and how one takes over from another."""

import asyncio
from typing import Annotated

import typer
from cryptography.hazmat.primitives import serialization

from cloud.authority_change import AuthorityChange
from cloud.authority_files import authority_directory
from cloud.cli_output import moment, record_data
from cloud.cli_state import DEFAULT_CONFIG, ConfigOption, in_state, operator
from cloud.config import CloudConfig, load_config
from cloud.environment import opened_state
from cloud.fleet.anchoring import anchor_key as anchor_key_of
from cloud.state import GatewayState
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.clock import SystemClock

__all__ = ["app"]

app = typer.Typer(help="The certificate authority of the devices.", no_args_is_help=True)


@app.command(name="show")
def show_authority(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Show the fingerprint by which gateways and store know it."""

    def work() -> None:
        async def read_fingerprint(state: GatewayState) -> str:
            return state.authorities.newest.fingerprint

        found = in_state(load_config(config), read_fingerprint)
        show({"sha256": found}, found, as_json=as_json)

    run_command(work, as_json=as_json)


@app.command(name="list")
def list_authorities(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """List the authorities that are trusted, the oldest first."""

    def work() -> None:
        loaded = load_config(config)
        found = in_state(loaded, lambda state: _change(loaded, state).records())
        rows = [
            (
                one.fingerprint[:16],
                " and ".join(
                    what
                    for what, does in (
                        ("devices", one.signs_devices),
                        ("servers", one.signs_servers),
                    )
                    if does
                )
                or "-",
                moment(one.begins_at),
                moment(one.ends_at),
                one.devices_without_newer,
            )
            for one in found
        ]
        headings = ("authority", "signs", "begins", "ends", "devices without a newer one")
        show([record_data(one) for one in found], make_table(headings, rows), as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def rotate(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Make a new authority; it signs devices from now on, the old one is trusted until retired."""

    def work() -> None:
        loaded, act = load_config(config), operator()
        made = in_state(loaded, lambda state: _change(loaded, state).rotate(act)).fingerprint
        line = f"{made[:16]} signs devices' certificates from now on; gateways know within seconds"
        then = (
            "devices hear of it when they renew: retire the old one when `leeward cloud authority"
            " list` shows 0 devices without a newer one"
        )
        show({"sha256": made}, line, then, as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def retire(
    authority: Annotated[str, typer.Argument(help="Its fingerprint, or 8 digits of that.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Lock devices out that know no newer one.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Trust an authority no more, once every device knows its successor."""

    def work() -> None:
        loaded, act = load_config(config), operator()
        retired = in_state(
            loaded, lambda state: _change(loaded, state).retire(authority, act, force=force)
        )
        name = retired.fingerprint
        show({"retired": name}, f"{name[:16]} is trusted no more", as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def anchor_key(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Print the public key of the gateway's word on ledger heads, PEM, for auditors."""

    def work() -> None:
        async def read_key(state: GatewayState) -> bytes:
            key = anchor_key_of(state.authorities).public_key()
            return key.public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )

        found = in_state(load_config(config), read_key).decode()
        show({"public_key": found}, found.rstrip(), as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def adopt(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Make this gateway's authority the store's; devices of the former one have to enrol again."""

    def work() -> None:
        async def run() -> str:
            opened = opened_state(load_config(config), clock=SystemClock(), adopts_authority=True)
            async with opened as state:
                return state.authorities.newest.fingerprint

        found = asyncio.run(run())
        show({"sha256": found}, f"the store is of authority {found} now", as_json=as_json)

    run_command(work, as_json=as_json)


def _change(config: CloudConfig, state: GatewayState) -> AuthorityChange:
    return AuthorityChange(
        state.authorities,
        state.database,
        authority_directory(config),
        is_external=config.authority is not None,
        window=config.recovery_window,
        clock=SystemClock(),
    )
