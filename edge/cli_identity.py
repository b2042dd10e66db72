"""``leeward edge enroll`` and ``identity``: who this device is to its gateway."""

import asyncio
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from edge.cli_options import DEFAULT_CONFIG, ConfigOption
from edge.config import EdgeConfig, load_config
from edge.egress.control import command_log
from edge.egress.enrol import enrol_in_turn
from edge.identity import DeviceIdentity, IdentityStore, identity_store
from runtime.cli.output import JsonOption, run_command, show
from runtime.clock import SystemClock
from runtime.documents.directories import prepare_state
from runtime.errors import BackendUnavailable, CertificateInvalid, DeadlineExceeded
from runtime.identity.token_file import JoinTokenFile, load_token_file

__all__ = ["enroll", "identity"]

_ASK_AGAIN: Final = (
    "if the answer was lost on the way, run this command again: the token stays good for this"
    " device"
)


def enroll(
    token: Annotated[Path, typer.Option(help="Token file from `leeward cloud token`.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace the present identity.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Trade a one-time join token for this device's certificate."""

    def work() -> None:
        loaded = load_config(config)
        file = load_token_file(token)
        identity = asyncio.run(_enrol(loaded, file, force=force))
        until = identity.expires_at.isoformat(timespec="minutes")
        line = f"enrolled as {identity.device}, gateway {identity.gateway}, until {until}"
        show(_identity_data(identity), line, as_json=as_json)

    run_command(work, as_json=as_json)


def identity(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Show who this device is, without dialling anybody."""

    def work() -> None:
        store = _store(load_config(config))
        try:
            found = store.load()
        except CertificateInvalid as error:
            if not as_json:
                raise
            show({"valid": False, "reason": str(error)}, as_json=True)
            return
        until = found.expires_at.isoformat(timespec="minutes")
        line = f"{found.device}, gateway {found.gateway}, valid until {until}"
        show(_identity_data(found), line, as_json=as_json)

    run_command(work, as_json=as_json)


async def _enrol(config: EdgeConfig, file: JoinTokenFile, *, force: bool) -> DeviceIdentity:
    prepare_state(config.state)
    async with command_log(config.state / "ledger", clock=SystemClock()) as control:
        try:
            return await enrol_in_turn(
                file, _store(config), force=force, control=control, tell=_tell_turn
            )
        except (BackendUnavailable, DeadlineExceeded):
            typer.echo(_ASK_AGAIN, err=True)
            raise


def _tell_turn(wait_s: float) -> None:
    typer.echo(f"the gateway has many devices to enrol; asking again in {wait_s:.0f} s", err=True)


def _store(config: EdgeConfig) -> IdentityStore:
    return identity_store(config, clock=SystemClock())


def _identity_data(identity: DeviceIdentity) -> dict[str, Any]:
    return {
        "valid": True,
        "device": identity.device,
        "gateway": identity.gateway,
        "expires_at": identity.expires_at.isoformat(),
    }
