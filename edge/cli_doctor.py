"""``leeward edge doctor``: how this device stands towards its gateway, and what to do about it."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from edge.cli_options import DEFAULT_CONFIG, AddressOption, ConfigOption, daemon_address
from edge.config import EdgeConfig, load_config
from edge.egress.control import ControlLog, command_log
from edge.egress.local import read_status
from edge.egress.probe import probe_gateway
from edge.identity import DeviceIdentity, identity_store
from runtime.cli.checks import show_checks
from runtime.cli.machine import Check
from runtime.cli.output import JsonOption, run_command
from runtime.clock import Clock, SystemClock
from runtime.errors import CertificateInvalid, LeewardError
from runtime.ids import NodeName

__all__ = ["ENROL_AGAIN", "doctor", "needing_the_cloud"]

ENROL_AGAIN: Final = "run `leeward edge enroll --force --token FILE` with a new join token"


def doctor(
    config: ConfigOption = DEFAULT_CONFIG,
    address: AddressOption = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Look at this device's identity, its gateway and its daemon; exits with 3 on a finding."""

    def work() -> None:
        loaded = load_config(config)
        checks = asyncio.run(_look(loaded, daemon_address(config, address), SystemClock()))
        show_checks(checks, as_json=as_json)

    run_command(work, as_json=as_json)


async def _look(config: EdgeConfig, daemon: str, clock: Clock) -> list[Check]:
    checks = await _daemon(daemon)
    if config.gateway is None:
        return [*checks, Check("gateway", "ok", "none: this device serves alone")]
    identity, judged = _identity(config, clock)
    if identity is not None:
        async with command_log(config.state / "ledger", clock=clock) as control:
            judged.append(await _gateway(config.gateway, identity, control_log=control))
    return [*checks, *judged]


def needing_the_cloud(data: Mapping[str, Any]) -> list[str]:
    """Say of each graph that a cut link would stop, though the policy says ``edge_only``."""
    return [
        f'without the cloud, graph "{one["graph"]}" refuses requests of level {one["level"]}'
        f" and above: {one['reason']}"
        for one in data["no_edge_plans"]
    ]


async def _daemon(address: str) -> list[Check]:
    try:
        status = await read_status(address)
    except LeewardError:
        advice = "start it: `systemctl start leeward-edge`, or `leeward edge serve`"
        return [Check("daemon", "missing", f"nothing answers at {address}", advice)]
    if status["refused_by_gateway"]:
        detail = "runs; the gateway does not know this device any more"
        return [Check("daemon", "missing", detail, ENROL_AGAIN)]
    found = Check("daemon", "ok", f"{status['node']} {status['version']} at {address}")
    advice = "give the catalog an edge model that may see them, or let the policy queue or refuse"
    lacking = needing_the_cloud(status)
    return [found, *(Check("cloud away", "warning", one, advice) for one in lacking)]


def _identity(config: EdgeConfig, clock: Clock) -> tuple[DeviceIdentity | None, list[Check]]:
    store = identity_store(config, clock=clock)
    try:
        found = store.load(at_any_time=True)
    except CertificateInvalid as error:
        advice = "run `leeward edge enroll --token FILE` with a join token of the gateway"
        if store.exists:
            advice = f"mend that; where it cannot be, {ENROL_AGAIN}"
        return None, [Check("identity", "missing", str(error), advice)]
    named = Check("identity", "ok", f"{found.device}, gateway {found.gateway}")
    return found, [named, _certificate(found, clock)]


def _certificate(identity: DeviceIdentity, clock: Clock) -> Check:
    now, until = clock.now(), f"{identity.expires_at:%Y-%m-%d %H:%M} UTC"
    if now < identity.begins_at:
        detail = f"begins {identity.begins_at:%Y-%m-%d %H:%M} UTC, later than this machine's clock"
        return Check("certificate", "missing", detail, "set the clock, or wait until it is set")
    if now < identity.expires_at:
        return Check("certificate", "ok", f"until {until}, renewed by the daemon")
    if identity.enrolment:
        advice = "leave the daemon running where it reaches the gateway: it recovers by itself"
        return Check("certificate", "warning", f"ended {until}", advice)
    return Check("certificate", "missing", f"ended {until}", ENROL_AGAIN)


async def _gateway(node: NodeName, identity: DeviceIdentity, *, control_log: ControlLog) -> Check:
    try:
        is_serving = await probe_gateway(node, identity, control=control_log)
    except LeewardError:
        detail = f"{identity.gateway} does not answer to this device"
        advice = "check the network, and that the gateway runs: `leeward cloud status` there"
        return Check("gateway", "missing", detail, advice)
    if not is_serving:
        return Check("gateway", "warning", f"{identity.gateway} stops or starts", "wait a moment")
    return Check("gateway", "ok", f"{identity.gateway} serves")
