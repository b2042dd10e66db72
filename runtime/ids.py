"""Names and identifiers as types, so that a step's id cannot be passed for a node's."""

import re
from typing import Final, NewType

__all__ = [
    "Category",
    "DeviceId",
    "ModelName",
    "NodeName",
    "PlanId",
    "RequestId",
    "SessionId",
    "StepId",
    "is_minted",
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

_MINTED: Final = re.compile(r"[0-9a-f]{32}(?:/[a-z0-9_-]{1,40}(?:/[0-9]{1,6})?)?", re.ASCII)


def is_minted(name: str) -> bool:
    """Whether ``name`` has the form of ids that an edge draws at random: those hold no content."""
    return _MINTED.fullmatch(name) is not None
