"""Thousands of devices against one gateway: a storm, everyday life, renewals, a gateway that dies.

Light devices (``bench.fleet_device``) in processes of their own speak the real protocol to a real
gateway process on loopback, which they share the machine's cores with: what is measured is what a
smaller gateway would do.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.fleet_bytes import QUICK_PROBE_S, RENEWALS_PER_HOUR, Idlers, idling
from bench.fleet_crowds import Crowds, running_crowds
from bench.fleet_world import FleetWorld, running_world
from bench.ranks import by_rank
from cloud.config import load_config
from cloud.environment import opened_state
from runtime.clock import SystemClock
from runtime.rpc.limits import KEEPALIVE_INTERVAL_S

__all__ = ["measure"]

_HOUR_S: Final = 3600.0
_REPORTS_PER_HOUR: Final = 60
_DAY_HOURS: Final = 24.0
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class _Size:
    devices: int
    processes: int
    enrolments_per_minute: int
    """Fewer than there are devices, so that some are told to wait."""
    interval_s: float
    """Between two reports of a device."""
    span_s: float
    """How long they live their everyday life."""
    renewed_within_s: float
    idlers: int
    """Further devices, whose bytes are counted."""
    is_put_together: bool = False
    """Whether an hour's bytes are added up from its reports and probes, for want of a span."""
    probe_s: float = KEEPALIVE_INTERVAL_S
    """How often the idlers probe a silent connection."""
    has_restart: bool = True


_FULL: Final = _Size(2000, 4, 1200, interval_s=60.0, span_s=300.0, renewed_within_s=120.0, idlers=8)
_QUICK: Final = _Size(
    150,
    1,
    145,
    interval_s=4.5,
    span_s=4.5,
    renewed_within_s=2.0,
    idlers=2,
    is_put_together=True,
    probe_s=QUICK_PROBE_S,
    has_restart=False,
)
"""As many reports a second as of the full size's devices."""


async def measure(quick: bool, report: Callable[[str], None]) -> dict[str, Any]:
    """Return how the gateway bears the fleet, and what one device costs.

    Args:
        quick: 150 devices that report as often together as 2,000 do in the full run.
        report: Says how far it is.
    """
    size = _QUICK if quick else _FULL
    changes = {
        "device_certificate_days": 1 / _DAY_HOURS,
        "enrolments_per_minute": size.enrolments_per_minute,
        "device_sync_s": size.interval_s,
    }
    with tempfile.TemporaryDirectory(prefix="leeward-scale-") as root:
        async with AsyncExitStack() as stack:
            world = await stack.enter_async_context(running_world(Path(root), changes))
            idlers = await stack.enter_async_context(
                idling(world, size.idlers, probe_s=size.probe_s)
            )
            probing = asyncio.create_task(_probe_bytes(idlers, size))
            crowds = await stack.enter_async_context(
                running_crowds(world, size.devices, processes=size.processes)
            )
            return {"simulated_devices": size.devices} | await _live(
                world, crowds, idlers, probing, size, report
            )


async def _live(
    world: FleetWorld,
    crowds: Crowds,
    idlers: Idlers,
    probing: asyncio.Task[float],
    size: _Size,
    report: Callable[[str], None],
) -> dict[str, Any]:
    found = await _storm(crowds)
    report(f"scale: all enrolled after {found['enrolment_storm_s']} s")
    reports, idle_bytes = await asyncio.gather(
        _reports(world, crowds, size), _idle_bytes(idlers, probing, size)
    )
    found |= reports
    report(f"scale: {found['sync_reports']} reports, p99 {found['sync_p99_ms']} ms")
    found |= await _renewals(world, crowds, size)
    report(f"scale: {found['renewals']} renewals")
    renewal_bytes = await idlers.per_renewal(1 if size.is_put_together else 3)
    report_ms, renewal_ms = found["cpu_ms_per_report"], found["cpu_ms_per_renewal"]
    found |= {
        "bytes_per_device_hour": round(idle_bytes + RENEWALS_PER_HOUR * renewal_bytes),
        "bytes_per_idle_hour_without_renewals": round(idle_bytes),
        "bytes_per_renewal": round(renewal_bytes),
        "cpu_ms_per_device_hour": round(
            _REPORTS_PER_HOUR * report_ms + RENEWALS_PER_HOUR * renewal_ms
        ),
        "gateway_memory_mib": _memory_mib(world),
    }
    if size.has_restart:
        found |= await _restart(world, crowds)
    found["devices_lost"] = size.devices + size.idlers - await _reporting(world)
    await crowds.do("close")
    return found


async def _storm(crowds: Crowds) -> dict[str, Any]:
    """Let all devices enrol, link and report at once, as after a power cut."""
    took_s = await crowds.do("enrol")
    return {
        "enrolment_storm_s": round(took_s[-1], 2),
        "enrolment_storm_p50_s": round(by_rank(took_s, 0.5), 2),
        "enrolment_storm_told_to_wait": crowds.refused,
        "enrolment_storm_failed_calls": dict(crowds.failed),
    }


async def _reports(world: FleetWorld, crowds: Crowds, size: _Size) -> dict[str, Any]:
    """Let all devices live their everyday life."""
    cpu_s = _cpu_s(world)
    took_s = await crowds.do("beat", span_s=size.span_s, interval_s=size.interval_s)
    cpu_s = _cpu_s(world) - cpu_s
    return {
        "sync_p50_ms": round(1000 * by_rank(took_s, 0.5), 1),
        "sync_p99_ms": round(1000 * by_rank(took_s, 0.99), 1),
        "sync_max_ms": round(1000 * took_s[-1], 1),
        "sync_reports": len(took_s),
        "sync_reports_per_s": round(len(took_s) / size.span_s, 1),
        "sync_failed": crowds.failed.total(),
        "gateway_cores_busy": round(cpu_s / size.span_s, 3),
        "cpu_ms_per_report": round(1000 * cpu_s / len(took_s), 2),
    }


async def _renewals(world: FleetWorld, crowds: Crowds, size: _Size) -> dict[str, Any]:
    """Give every device a certificate for a new key, and a connection that shows it."""
    cpu_s = _cpu_s(world)
    took_s = await crowds.do("renew", within_s=size.renewed_within_s)
    return {
        "renewals": len(took_s),
        "renewals_failed": crowds.failed.total(),
        "renewal_p99_ms": round(1000 * by_rank(took_s, 0.99), 1),
        "cpu_ms_per_renewal": round(1000 * (_cpu_s(world) - cpu_s) / len(took_s), 2),
    }


async def _restart(world: FleetWorld, crowds: Crowds) -> dict[str, Any]:
    """Kill the gateway; return how long until all devices have reported to the next one."""
    await world.roles.kill("cloud")
    await world.restart()
    took_s = await crowds.do("come_back")
    return {
        "back_after_restart_s": round(took_s[-1], 2),
        "back_after_restart_p50_s": round(by_rank(took_s, 0.5), 2),
    }


async def _idle_bytes(idlers: Idlers, probing: asyncio.Task[float], size: _Size) -> float:
    """Return the bytes of an idle device in an hour without renewals."""
    if not size.is_put_together:
        return await idlers.per_hour(size.span_s, size.interval_s)
    probes_bytes = await probing  # first: a report would stand for a probe
    return probes_bytes + _REPORTS_PER_HOUR * await idlers.per_report(6)


async def _probe_bytes(idlers: Idlers, size: _Size) -> float:
    """Return the bytes of an hour's probes, where they are not in the span that is measured."""
    if not size.is_put_together:
        return 0.0
    return _HOUR_S / KEEPALIVE_INTERVAL_S * await idlers.per_probe()  # the most there can be


async def _reporting(world: FleetWorld) -> int:
    """Return how many devices the gateway's books have, and have heard of."""
    async with opened_state(load_config(world.config), clock=SystemClock()) as state:
        return sum(one.seen_at is not None for one in await state.fleet.standings())


def _cpu_s(world: FleetWorld) -> float:
    """Return the processor time that the gateway has used so far, seconds."""
    fields = Path(f"/proc/{world.roles.pid('cloud')}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _memory_mib(world: FleetWorld) -> int:
    status = Path(f"/proc/{world.roles.pid('cloud')}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) // 1024
