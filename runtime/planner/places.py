"""Choose which model plays a step, and which edge model stands in for another.

The rule for a step that leaves its model open is deliberately modest: the largest edge model
that may see the request. Spending money or sending content away for quality is a choice for
whoever wrote the graph, or for the optimizer, and never for the planner.
"""

from __future__ import annotations

from runtime.catalog.model import Model
from runtime.errors import CloudAway, NotFound
from runtime.graph.model import Step
from runtime.ids import ModelName, NodeName
from runtime.planner.model import Drafter, PlanRequest

__all__ = ["drafter_of", "model_for", "stand_in_for"]


def model_for(request: PlanRequest, step: Step) -> Model:
    """Return the model that the step names, or the one that its open place gets.

    A step that a rule plays gets the entry of the rule, which costs nothing, where graphs are run.

    An open place gets the largest edge model that can be reached and may see the request; where
    there is none, as on a gateway, the cheapest reachable model anywhere.

    Raises:
        NotFound: The catalog lacks the model, or is empty.
        CloudAway: No model, or no node, at all can be reached.
    """
    if step.rule is not None:
        return Model(ModelName(f"rule/{step.rule.value}"), _home(request))
    if step.model is not None:
        try:
            return request.catalog.model_by_name[step.model]
        except KeyError:
            raise NotFound(f"step {step.id} names model {step.model}, unknown here") from None
    if not request.catalog.models:
        raise NotFound(f"step {step.id} leaves its model open, and the catalog is empty")
    largest = _largest_edge_model(request)
    if largest is not None:
        return largest
    reachable = [model for model in request.catalog.models if model.node in request.healthy]
    if not reachable:
        raise CloudAway(f"no node can be reached that serves a model for step {step.id}")
    return min(reachable, key=lambda model: (_usd_per_mtok(request, model), model.name))


def drafter_of(request: PlanRequest, step: Step, model: Model) -> Drafter | None:
    """Return who drafts for a step whose place is ``model``'s; ``None`` where nobody does.

    A step that came to the edge needs nobody. One whose drafter is away, or is not cleared for the
    request as it was sent, does without.

    Raises:
        NotFound: The catalog lacks the drafting model, or knows it as no model of the edge.
    """
    if step.draft is None:
        return None
    drafting = request.catalog.model_by_name.get(step.draft.model)
    if drafting is None or request.catalog.node_of(drafting).zone != "edge":
        name = step.draft.model
        raise NotFound(f"step {step.id} is drafted by {name}, which is no edge model known here")
    is_cloud = request.catalog.node_of(model).zone == "cloud"
    if not is_cloud or not _is_usable_on_edge(request, drafting):
        return None
    return Drafter(drafting.name, drafting.node)


def stand_in_for(request: PlanRequest, model: Model) -> Model | None:
    """Return the edge model that takes over from ``model``, or ``None`` if there is none.

    That is the catalog's ``fallback`` for it if that one can be used now, and the largest usable
    edge model otherwise. Usable means reachable, and cleared for the request as it was sent.
    """
    named = request.catalog.model_by_name.get(model.fallback) if model.fallback else None
    if named is not None and _is_usable_on_edge(request, named):
        return named
    return _largest_edge_model(request)


def _home(request: PlanRequest) -> NodeName:
    """Return the node that runs the graph: an edge where there is one, else what is left."""
    nodes = [node for node in request.catalog.nodes if node.name in request.healthy]
    if not nodes:
        raise CloudAway("no node can be reached")
    return min(nodes, key=lambda node: (node.zone != "edge", node.name)).name


def _largest_edge_model(request: PlanRequest) -> Model | None:
    usable = [model for model in request.catalog.models if _is_usable_on_edge(request, model)]
    return min(usable, key=lambda model: (-model.parameters, model.name), default=None)


def _is_usable_on_edge(request: PlanRequest, model: Model) -> bool:
    node = request.catalog.node_of(model)
    return (
        node.zone == "edge"
        and node.name in request.healthy
        and request.policy.may_receive(node.name, node.zone, request.label)
    )


def _usd_per_mtok(request: PlanRequest, model: Model) -> float:
    return model.cost_usd(request.today, prompt_tokens=1_000_000, completion_tokens=1_000_000)
