"""Whether a person's yes would let more of a graph run where it wants to, and to what they say it.

A pure question; who is asked, and how long, is for others to decide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from runtime.errors import LeewardError
from runtime.ids import Category, PlanId
from runtime.planner.model import Plan, PlannedStep, PlanRequest
from runtime.planner.plan import plan
from runtime.policy.model import ReleaseKind

__all__ = ["Wanted", "approval_wanted"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person would have to approve."""

    categories: frozenset[Category]
    """What would stay in the text."""
    reader: PlannedStep
    """The first step on another node that would read it."""
    plan: Plan
    """What would be done then."""


def approval_wanted(request: PlanRequest, *, plan_id: PlanId, graph_hash: str) -> Wanted | None:
    """Return what an approval would have to name; ``None`` when none would change the plan.

    Args:
        request: The request as it stands, without any approval.
        plan_id: Names the plan that is made to find out.
        graph_hash: The canonical hash of the request's graph.
    """
    hopeful = replace(request, approved=request.label.categories)
    try:
        made = plan(hopeful, plan_id=plan_id, graph_hash=graph_hash)
    except LeewardError:
        return None  # not even then
    wanted = frozenset[Category]().union(
        *(item.categories for item in made.releases if item.by is ReleaseKind.APPROVAL)
    )
    readers = [step for step in made.steps if step.zone == "cloud"]
    return Wanted(wanted, readers[0], made) if wanted and readers else None
