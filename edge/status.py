"""How the daemon stands: models, reachable nodes, ledger, identity. Content-free."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from edge.engine.port import LocalModels
from edge.engine.process import ModelStatus
from edge.identity import DeviceIdentity
from runtime.catalog.model import Catalog
from runtime.clock import Clock
from runtime.ids import DeviceId, NodeName
from runtime.ledger.entry import Head
from runtime.ledger.writer import LedgerWriter
from runtime.planner.alone import NoEdgePlan
from runtime.policy.model import Zone

__all__ = ["DaemonStatus", "FleetStatus", "Link", "NodeStatus", "StatusBoard"]


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node of the catalog as seen from here."""

    node: NodeName
    zone: Zone
    is_reachable: bool
    round_trip_s: float


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """How the device stands with what its fleet wants."""

    state: str
    """On trial or in force, ``name@revision``; empty for the device's own configuration."""
    outcome: str
    """How far the newest order is."""
    failure: str
    """Class name of what was wrong with it; empty for nothing."""
    release: str
    """Hash of the software release that runs; empty for what was installed."""
    is_release_on_trial: bool
    left_version: str
    """Of the release that was left last; empty for what was installed."""
    left_reason: str
    """Empty while none was ever left."""
    left_at: datetime | None


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """The daemon at one moment."""

    node: NodeName
    version: str
    device: DeviceId | None
    certificate_expires_at: datetime | None
    is_refused: bool
    """Whether the gateway does not know this device, or not any more."""
    models: tuple[ModelStatus, ...]
    nodes: tuple[NodeStatus, ...]
    ledger_head: Head
    uptime_s: float
    fleet: FleetStatus | None = None
    """``None`` where the device is in no fleet."""
    no_edge_plans: tuple[NoEdgePlan, ...] = ()
    """Graphs that are refused while the cloud is away, though the policy says ``edge_only``."""


class Link(Protocol):
    """What the board asks of the link to the gateway."""

    @property
    def identity(self) -> DeviceIdentity:
        """Whose certificate is shown."""
        ...

    @property
    def is_refused(self) -> bool:
        """Whether the gateway does not know it, or not any more."""
        ...


class StatusBoard:
    """Collects the status when asked."""

    def __init__(
        self,
        *,
        node: NodeName,
        version: str,
        link: Link | None,
        engine: LocalModels,
        catalog: Catalog,
        healthy: Callable[[], frozenset[NodeName]],
        ledger: LedgerWriter,
        clock: Clock,
    ) -> None:
        self._node = node
        self._version = version
        self._link = link
        self._engine = engine
        self._catalog = catalog
        self._healthy = healthy
        self._ledger = ledger
        self._clock = clock
        self._started_s = clock.monotonic_s()
        self._fleet: Callable[[], FleetStatus | None] = lambda: None
        self._no_edge_plans: tuple[NoEdgePlan, ...] = ()

    def follow(self, catalog: Catalog, no_edge_plans: tuple[NoEdgePlan, ...]) -> None:
        """Tell of the nodes of another catalog, and of what needs the cloud, from now on."""
        self._catalog = catalog
        self._no_edge_plans = no_edge_plans

    def tell_fleet(self, fleet: Callable[[], FleetStatus | None]) -> None:
        """Tell also of the fleet from now on."""
        self._fleet = fleet

    def status(self) -> DaemonStatus:
        """Return how everything stands now."""
        healthy = self._healthy()
        return DaemonStatus(
            node=self._node,
            version=self._version,
            device=self._link.identity.device if self._link else None,
            certificate_expires_at=self._link.identity.expires_at if self._link else None,
            is_refused=self._link is not None and self._link.is_refused,
            models=self._engine.models(),
            nodes=tuple(
                NodeStatus(node.name, node.zone, node.name in healthy, node.round_trip_s)
                for node in self._catalog.nodes
            ),
            ledger_head=self._ledger.head(),
            uptime_s=self._clock.monotonic_s() - self._started_s,
            fleet=self._fleet(),
            no_edge_plans=self._no_edge_plans,
        )
