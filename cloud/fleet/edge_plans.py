"""What devices would not answer with the cloud away under a state, told before it is rolled out.

Only what is inside the state is known here: where it leaves policy or catalog as they were
installed, each device says it by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from cloud.stores.fleet_records import DeviceStanding
from runtime.catalog.document import parse_catalog
from runtime.errors import LeewardError, StateInvalid
from runtime.fleet.state import FleetState, Target, Wanted, resolve
from runtime.graph.document import parse_graph
from runtime.ids import DeviceId
from runtime.planner.alone import NoEdgePlan, without_edge_plan
from runtime.policy.document import parse_policy

__all__ = ["Lacking", "lacking_edge_plans"]


@dataclass(frozen=True, slots=True)
class Lacking:
    """A graph that some devices could not answer without the cloud."""

    missing: NoEdgePlan
    devices: list[str] = field(default_factory=list)


def lacking_edge_plans(
    state: FleetState, standings: Iterable[DeviceStanding], *, today: date
) -> list[Lacking]:
    """Return what is missing where; devices that would have the same are looked at once.

    Raises:
        StateInvalid: Something is, and the state asks that nothing be (``needs_edge_plans``).
    """
    found: dict[NoEdgePlan, Lacking] = {}
    known: dict[tuple[bool, tuple[str, ...]], tuple[NoEdgePlan, ...]] = {}
    for one in standings:
        target = Target(DeviceId(one.device), frozenset(one.groups), one.labels)
        wanted = resolve(state, target)
        key = ("sketch_model" in wanted.settings, _texts(wanted))
        if key not in known:
            known[key] = _missing(key[1], today=today, can_sketch=key[0])
        for missing in known[key]:
            found.setdefault(missing, Lacking(missing)).devices.append(one.device)
    for lacking in found.values():
        if state.health.needs_edge_plans:
            reason = f"needs the cloud on {lacking.devices[0]}: {lacking.missing}"
            raise StateInvalid(reason, file=state.name, field="graphs")
    return list(found.values())


def _texts(wanted: Wanted) -> tuple[str, ...]:
    """Return policy, catalog and graphs of a device; nothing where they are not in the state."""
    if wanted.policy is None or wanted.catalog is None:
        return ()
    graphs = [wanted.graphs[name].text for name in sorted(wanted.graphs)]
    return (wanted.policy.text, wanted.catalog.text, *graphs)


def _missing(texts: tuple[str, ...], *, today: date, can_sketch: bool) -> tuple[NoEdgePlan, ...]:
    if not texts:
        return ()
    try:
        policy, catalog = parse_policy(texts[0]), parse_catalog(texts[1])
        graphs = [parse_graph(text) for text in texts[2:]]
    except LeewardError:
        return ()  # each device refuses the state, and says why
    alone = frozenset(node.name for node in catalog.nodes if node.zone == "edge")
    return without_edge_plan(
        graphs, policy, catalog, alone=alone, today=today, can_sketch=can_sketch
    )
