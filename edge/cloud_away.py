"""What this device would not answer with its gateway away, told when it loads its documents."""

from edge.config import EdgeConfig
from edge.documents import EdgeDocuments
from runtime.clock import SystemClock
from runtime.errors import StateInvalid
from runtime.planner.alone import NoEdgePlan, without_edge_plan

__all__ = ["require_edge_plans", "without_gateway"]


def without_gateway(config: EdgeConfig, documents: EdgeDocuments) -> tuple[NoEdgePlan, ...]:
    """Return the graphs that need the gateway, though the policy says ``edge_only``.

    A device that has no gateway has nothing to miss.
    """
    if config.gateway is None:
        return ()
    graphs = {**documents.patterns, **documents.graphs}
    return without_edge_plan(
        graphs.values(),
        documents.policy,
        documents.catalog,
        alone=frozenset({config.name}),
        today=SystemClock().now().date(),
        can_sketch=config.sketch_model is not None,
    )


def require_edge_plans(config: EdgeConfig, documents: EdgeDocuments) -> None:
    """Refuse documents with which a graph would need the gateway.

    Raises:
        StateInvalid: One would; says which, and why.
    """
    for missing in without_gateway(config, documents):
        raise StateInvalid(f"needs the cloud: {missing}", file="state", field="graphs")
