"""Draw graphs that ``runtime.graph.validate`` accepts: guards over real outputs, real lists."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from runtime.graph.certain import is_certain_to_run
from runtime.graph.model import Comparison, Condition, Edge, Graph, MapOver, Output, Step
from runtime.graph.roles import Role
from runtime.graph.rules import Rule
from runtime.ids import ModelName, StepId
from runtime.ports import Sampling
from runtime.testing.drawing import Draw

__all__ = ["MODELS", "draw_graph", "note_shape"]

MODELS: Final = tuple(
    ModelName(name) for name in ("tern", "gull", "skua", "gannet", "albatross", "petrel")
)

_STEP_IDS: Final = tuple(StepId(name) for name in ("ada", "bob", "cyd", "dee", "eve", "fay"))
_SCORE: Final = Output("score", "number")
_RULES: Final = (
    (Rule.AGREEMENT, Role.FUSER, ()),
    (Rule.VOTE, Role.FUSER, ()),
    (Rule.NUMBERS, Role.VERIFIER, (_SCORE,)),
)
"""Rules that output a number to decide by, each with a role and what it declares."""
_BRANCH: Final = Output("branch", "enum", ("left", "right"))
_PARTS: Final = Output("parts", "list")
_ROLES: Final = tuple(Role)
_FIRST_ROLES: Final = tuple(role for role in Role if role is not Role.FUSER)
_COMPARISONS: Final = tuple(Comparison)


def draw_graph(draw: Draw, *, max_steps: int = 6, guards: bool = True) -> Graph:
    """Draw a valid graph: one certain sink, guards over real outputs, fan-out over real lists.

    Args:
        draw: Makes the choices.
        max_steps: At most six.
        guards: Whether edges may carry ``when`` and ``otherwise``.
    """
    ids = _STEP_IDS[: draw.one_of((*range(1, max_steps + 1), max_steps))]
    sources = {step: draw.some_of(ids[:at], at_most=3) for at, step in enumerate(ids)}
    for position, step in enumerate(ids[:-1]):
        if not any(step in sources[later] for later in ids[position + 1 :]):
            target = draw.one_of(ids[position + 1 :])
            sources[target] = (*sources[target], step)
    steps = {step: _draw_step(draw, step, sources[step]) for step in ids}
    steps = {step: _with_rule(draw, steps, step, len(sources[step])) for step in ids}
    steps = {step: _with_list(steps, step) for step in ids}
    pairs = [(source, step) for step in ids for source in sources[step]]
    edges = _draw_edges(draw, pairs, steps) if guards else [Edge(*pair) for pair in pairs]
    graph = Graph(name="drawn", steps=draw.permutation(steps.values()), edges=tuple(edges))
    if not any(edge.is_guarded for edge in edges) or is_certain_to_run(graph, ids[-1]):
        return graph
    return _with_certain_sink(graph)


def note_shape(draw: Draw, graph: Graph) -> None:
    """Count a drawn graph by what is in it."""
    draw.note("steps", len(graph.steps))
    draw.note("guarded edges", min(sum(edge.is_guarded for edge in graph.edges), 6))
    draw.note("steps fanned out", sum(step.map_over is not None for step in graph.steps))
    draw.note("steps played by a rule", sum(step.rule is not None for step in graph.steps))


def _draw_step(draw: Draw, step: StepId, sources: tuple[StepId, ...]) -> Step:
    is_mapped = draw.is_true() and bool(sources)
    return Step(
        id=step,
        role=draw.one_of(_ROLES if sources else _FIRST_ROLES),
        model=draw.one_of((None, *MODELS)),
        samples=draw.one_of((1, 1, 3)),
        sampling=Sampling(max_tokens=draw.one_of((16, 256))),
        outputs=draw.one_of(((), (_SCORE,), (_BRANCH,), (_SCORE, _BRANCH))),
        map_over=(
            MapOver(sources[0], _PARTS.name, draw.integer(1, 4), draw.is_true())
            if is_mapped
            else None
        ),
        instruction=draw.one_of(("", "Answer in one word.")),
    )


def _with_rule(draw: Draw, steps: dict[StepId, Step], step: StepId, sources: int) -> Step:
    """Now and then let a rule play a step that nothing is mapped over."""
    own = steps[step]
    if not sources or _is_mapped_over(steps, step) or not draw.seldom():
        return own
    rule, role, outputs = draw.one_of(_RULES)
    return Step(id=step, role=role, rule=rule, outputs=outputs)


def _with_list(steps: dict[StepId, Step], step: StepId) -> Step:
    """Let a step output the list over which a later one runs."""
    own = steps[step]
    return replace(own, outputs=(*own.outputs, _PARTS)) if _is_mapped_over(steps, step) else own


def _is_mapped_over(steps: dict[StepId, Step], step: StepId) -> bool:
    return any(other.map_over and other.map_over.step == step for other in steps.values())


def _draw_edges(
    draw: Draw, pairs: list[tuple[StepId, StepId]], steps: dict[StepId, Step]
) -> list[Edge]:
    """Guard some of the pairs; a source's first guard is a ``when``."""
    edges: list[Edge] = []
    deciding: set[StepId] = set()
    for source, target in pairs:
        guard = draw.one_of(("none", "none", "when", "otherwise", "both"))
        if guard == "otherwise" and source not in deciding:
            guard = "when"
        if guard in ("when", "both"):
            deciding.add(source)
            edges.append(Edge(source, target, when=_draw_condition(draw, steps[source])))
        if guard in ("otherwise", "both"):
            edges.append(Edge(source, target, otherwise=True))
        if guard == "none":
            edges.append(Edge(source, target))
    return edges


def _draw_condition(draw: Draw, step: Step) -> Condition:
    numbers = ["confidence", "tokens"] if step.rule is None else []
    numbers += ["agreement"] if step.rule in (Rule.AGREEMENT, Rule.VOTE) else []
    numbers += ["agreement"] if step.samples > 1 else []
    numbers += [output.name for output in step.outputs if output.kind == "number"]
    if _BRANCH in step.outputs and draw.is_true():
        comparison = draw.one_of((Comparison.EQ, Comparison.NE))
        return Condition(step.id, _BRANCH.name, comparison, draw.one_of(_BRANCH.values))
    return Condition(step.id, draw.one_of(numbers), draw.one_of(_COMPARISONS), 0.5)


def _with_certain_sink(graph: Graph) -> Graph:
    """Take the guards off one way to the sink, and those that were only their ``otherwise``."""
    way: set[tuple[StepId, StepId]] = set()
    step = graph.topological[0].id
    while graph.outgoing[step]:
        edge = graph.outgoing[step][0]
        way.add((edge.source, edge.target))
        step = edge.target
    edges = [edge for edge in graph.edges if (edge.source, edge.target) not in way]
    edges += [Edge(*pair) for pair in sorted(way)]
    deciding = {edge.source for edge in edges if edge.when is not None}
    return replace(
        graph,
        edges=tuple(
            edge if edge.source in deciding else Edge(edge.source, edge.target) for edge in edges
        ),
    )
