"""The JSON schema of each reply, narrowed to the brief: only ids and options that are allowed.

Uses no keyword that strict structured output rejects; what a schema cannot say (a cycle, a count)
``replies`` checks.
"""

from optimizer.agents.facts import vector_ids
from optimizer.agents.labels import Labels
from optimizer.agents.model import Ground, InitBrief, RevisionBrief, edge_present

__all__ = ["init_schema", "revision_schema"]

Json = dict[str, object]

_TEXT: Json = {"type": "string"}


def init_schema(brief: InitBrief) -> Json:
    """Return the schema of a choice of model-count vectors."""
    picks = {"type": "array", "items": _one_of(vector_ids(brief))}
    return _object({"picks": picks, "reason": _TEXT})


def revision_schema(brief: RevisionBrief, labels: Labels) -> Json:
    """Return the schema of a next graph with new probabilities, or of these alone."""
    edges, choices = _parts(brief.ground, labels)
    change = _object(
        {
            "decision": _one_of((*edges, *choices)),
            "option": _TEXT,
            "probability": {"type": "number"},
        }
    )
    graph: Json = {"edges": {"type": "array", "items": _one_of(edges)}, "choices": _object(choices)}
    return _object(
        {
            **(graph if brief.writes_graph else {}),
            "probabilities": {"type": "array", "items": change},
            "reason": _TEXT,
        }
    )


def _parts(ground: Ground, labels: Labels) -> tuple[tuple[str, ...], Json]:
    """Return the edges that may be there, and the schema of every other decision."""
    edges: list[str] = []
    choices: dict[str, object] = {}
    for index, decision in enumerate(ground.decisions):
        allowed = ground.allowed(index)
        present = edge_present(decision)
        if present is None:
            choices[labels.decisions[index]] = _one_of(
                tuple(labels.options[index][option] for option in allowed)
            )
        elif present in allowed:
            edges.append(labels.decisions[index])
    return tuple(edges), choices


def _object(properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _one_of(values: tuple[str, ...]) -> Json:
    return {"type": "string", "enum": list(values)} if values else dict(_TEXT)
