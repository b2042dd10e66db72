"""Names and identifiers as types, so that a step's id cannot be passed for a node's."""

from typing import NewType

__all__ = [
    "Category",
    "DeviceId",
    "ModelName",
    "NodeName",
    "PlanId",
    "RequestId",
    "SessionId",
    "StepId",
]

Category = NewType("Category", str)
"""A kind of sensitivity: ``person``, ``health``, ``secret``."""
DeviceId = NewType("DeviceId", str)
"""An enrolled edge; the identity in its client certificate."""
ModelName = NewType("ModelName", str)
"""A model as the catalog names it."""
NodeName = NewType("NodeName", str)
"""A running process that serves models, as the catalog names it."""
PlanId = NewType("PlanId", str)
"""One plan; what a ledger entry and a gateway record refer to."""
RequestId = NewType("RequestId", str)
"""One call of an application."""
SessionId = NewType("SessionId", str)
"""The span over which placeholders stay the same."""
StepId = NewType("StepId", str)
"""A vertex of a graph."""
