"""``leeward edge``: serve the daemon, enrol it, look at it."""

import asyncio
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from edge.app import serve
from edge.cli_adapters import adapters_app, swap
from edge.cli_approvals import approvals_app
from edge.cli_capture import capture_app
from edge.cli_doctor import ENROL_AGAIN, doctor, needing_the_cloud
from edge.cli_models import models_app, pull
from edge.cli_options import DEFAULT_CONFIG, AddressOption, ConfigOption, daemon_address
from edge.cli_outbox import outbox_app
from edge.cli_rollback import rollback
from edge.cli_routing import feedback, routing
from edge.cli_top import top
from edge.cloud_away import without_gateway
from edge.config import EdgeConfig, load_config
from edge.detectors import edge_detectors
from edge.documents import load_documents, unused_releases
from edge.egress.control import command_log
from edge.egress.enrol import enrol_in_turn
from edge.egress.local import read_status
from edge.identity import DeviceIdentity, IdentityStore, identity_store
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.clock import SystemClock
from runtime.core_dumps import forbid_core_dumps
from runtime.documents.directories import prepare_state
from runtime.errors import BackendUnavailable, CertificateInvalid, DeadlineExceeded
from runtime.identity.token_file import JoinTokenFile, load_token_file
from runtime.telemetry.logs import configure_logging

__all__ = ["app"]

_ASK_AGAIN: Final = (
    "if the answer was lost on the way, run this command again: the token stays good for this"
    " device"
)

app = typer.Typer(
    name="edge",
    help="The edge daemon: small models, privacy, the way out.",
    no_args_is_help=True,
    add_completion=False,
)
app.command()(pull)
models_app.command(name="swap")(swap)
app.add_typer(models_app)
app.add_typer(adapters_app)
app.add_typer(approvals_app)
app.add_typer(capture_app)
app.add_typer(outbox_app)
app.command()(top)
app.command()(feedback)
app.command()(routing)
app.command()(rollback)
app.command()(doctor)


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
        forbid_core_dumps()
        asyncio.run(serve(load_config(config), source=config, ready_file=ready_file))

    run_command(work)


@app.command()
def check(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Check configuration, policy, catalog, graphs and the sentinel's model; start nothing."""

    def work() -> None:
        loaded = load_config(config)
        documents = load_documents(loaded)
        edge_detectors(loaded.sentinel, documents.policy)
        graphs = sorted(documents.graphs)
        lacking = without_gateway(loaded, documents)
        models = [str(model.name) for model in loaded.models]
        data = {
            "ok": True,
            "models": models,
            "graphs": graphs,
            "no_edge_plans": [
                {"graph": one.graph, "level": one.level.name.lower(), "reason": one.reason}
                for one in lacking
            ],
        }
        line = f"{config}: ok, runs {', '.join(models)}; graphs {', '.join(graphs)}"
        unused = unused_releases(loaded, documents.policy)
        notes = [f"note: {unused}"] if unused else []
        show(data | {"notes": notes}, line, *needing_the_cloud(data), *notes, as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
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


@app.command()
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


@app.command()
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
