"""Wires the device into its fleet: where it keeps states, whom it believes, how it reports."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from edge.config import EdgeConfig, load_config
from edge.egress.fleet_pulls import FleetPulls
from edge.egress.sync import SyncClient
from edge.fleet.agent import FleetAgent
from edge.fleet.applier import Applier
from edge.fleet.boot import Effective, FleetHome
from edge.fleet.generations import Generations
from edge.fleet.host import host_report
from edge.fleet.pointer import Pointer, PointerFile
from edge.fleet.reporter import Reporter
from edge.fleet.usage_journal import UsageJournal
from edge.identity import identity_store
from edge.life import Ground
from edge.lives import Lives
from edge.models.store import ModelStore
from edge.policy_revision import remember_revision
from edge.software.launched import Launched
from edge.software.pointer import SoftwarePointerFile
from edge.software.releases import Releases
from edge.software.software import Software, SwitchedSoftware
from edge.status import FleetStatus
from runtime.clock import Clock
from runtime.fleet.state import Target
from runtime.identity.signing_keys import load_signers
from runtime.version import VERSION

__all__ = ["fleet_agent", "fleet_home", "fleet_status", "remember"]

_JITTER: Final = 0.1


def fleet_home(
    config: EdgeConfig,
    source: Path,
    *,
    clock: Clock,
    launched: Launched | None = None,
    end: Callable[[], None] = lambda: None,
) -> FleetHome | None:
    """Return what a device of a fleet keeps; ``None`` for one that is in none, or not enrolled.

    Args:
        config: What ``source`` says.
        source: The configuration file.
        clock: For the records of models.
        launched: What the launcher has told; ``None`` for a daemon that none has started.
        end: Ends this daemon, so that the launcher starts another release.

    Raises:
        ConfigInvalid: A signer's key cannot be used.
        CertificateInvalid: The identity is damaged.
    """
    fleet = config.fleet
    identities = identity_store(config, clock=clock)
    if fleet is None or not identities.exists:
        return None
    # What a fleet has told the device goes on when its certificate has ended.
    device = identities.load(at_any_time=True).device
    directory = config.state / "fleet"
    return FleetHome(
        pointers=PointerFile(directory),
        generations=Generations(directory),
        store=ModelStore(config.state, clock=clock, quota_bytes=config.disk_quota_bytes),
        signers=load_signers(fleet.signers, field="fleet.signers") or [],
        target=Target(device, labels=fleet.labels),
        load=lambda changes: load_config(source, changes=changes),
        remember=remember,
        software=_software(config.state / "software", source, launched, clock=clock, end=end),
    )


def _software(
    directory: Path,
    source: Path,
    launched: Launched | None,
    *,
    clock: Clock,
    end: Callable[[], None],
) -> Software:
    if launched is None:
        return Software()
    releases = Releases(directory, launched, config=source)
    return SwitchedSoftware(
        SoftwarePointerFile(directory), releases, launched, clock=clock, end=end
    )


def remember(running: Effective) -> None:
    """Note the revision of a signed policy that runs for good.

    Raises:
        OSError: It cannot be noted.
    """
    config = running.config
    if config.policy_signers is not None:
        is_back = running.accepted is not None and running.accepted.order.is_rollback
        remember_revision(running.documents.policy, config.state, is_back=is_back)


def fleet_agent(home: FleetHome, lives: Lives, running: Effective, ground: Ground) -> FleetAgent:
    """Return what reports to the gateway and carries out what it passes on."""
    config, link = running.config, ground.link
    if link is None or config.gateway is None or config.fleet is None:
        raise AssertionError("only an enrolled device of a fleet has an agent")
    pulls = FleetPulls(
        ground.pulls, home.store, bytes_per_s=config.fleet.pull_bytes_per_s, clock=ground.clock
    )
    applier = Applier(home, lives, running, pulls=pulls, clock=ground.clock)
    ground.board.tell_fleet(lambda: fleet_status(applier.pointer, home.software))
    reporter = Reporter(
        models=ground.models.models,
        state=applier.report,
        labels=config.fleet.labels,
        version=VERSION,
        journal=UsageJournal(config.state / "fleet" / "usage.json"),
        head=ground.ledger.head,
        counts=ground.call_counts.of,
        host=lambda taken: host_report(config.state, models_bytes=taken),
    )
    rng = random.Random(secrets.randbits(64))  # noqa: S311 - spreads reports
    return FleetAgent(
        SyncClient(link, control=ground.control).sync,
        reporter,
        applier,
        jitter=partial(rng.uniform, 1 - _JITTER, 1 + _JITTER),
    )


def fleet_status(pointer: Pointer, software: Software) -> FleetStatus:
    """Return what whoever looks after the device is told."""
    current, standing = pointer.current, software.standing()
    return FleetStatus(
        state=f"{current.name}@{current.revision}" if current.state else "",
        outcome=pointer.outcome.value,
        failure=pointer.failure,
        release=standing.current,
        is_release_on_trial=standing.is_trial,
        left_version=standing.failed_version,
        left_reason=standing.failure,
        left_at=datetime.fromisoformat(standing.failed_at) if standing.failed_at else None,
    )
