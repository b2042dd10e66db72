"""Draw a graph for people: aligned text for terminals, Mermaid for pages.

Knows how graphs look; both drawings are stable, so that they can be compared and reviewed.
"""

from __future__ import annotations

import networkx as nx

from runtime.graph.model import Edge, Graph, Step

__all__ = ["render_mermaid", "render_text"]


def render_text(graph: Graph) -> str:
    """Return one line per step, in an order in which they may run.

    The number is the step's stage: steps of one stage wait for nothing of each other.
    """
    stages = _stages(graph)
    rows = [
        (
            str(stages[step.id]),
            step.id,
            step.role.value,
            _player(step),
            _extras(step),
            _inputs(graph, step),
            "=> answer" if step.id == graph.sink.id else "",
        )
        for step in sorted(graph.topological, key=lambda step: stages[step.id])
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width)
        for row in rows
    ]
    return "\n".join([graph.name, *(line.rstrip() for line in lines)])


def render_mermaid(graph: Graph) -> str:
    """Return a Mermaid flowchart; guarded edges are dashed and carry their condition."""
    lines = ["flowchart LR"]
    for step in graph.steps:
        opening, closing = ("([", "])") if step.id == graph.sink.id else ("[", "]")
        texts = [step.id, f"{step.role.value}: {_player(step)}", _extras(step)]
        label = "<br/>".join(_escaped(text) for text in texts if text)
        lines.append(f'    {_node(step.id)}{opening}"{label}"{closing}')
    for edge in graph.edges:
        guard = _guard(edge)
        arrow = f'-. "{_escaped(guard)}" .->' if guard else "-->"
        lines.append(f"    {_node(edge.source)} {arrow} {_node(edge.target)}")
    return "\n".join(lines)


def _stages(graph: Graph) -> dict[str, int]:
    directed: nx.DiGraph[str] = nx.DiGraph()
    directed.add_nodes_from(step.id for step in graph.steps)
    directed.add_edges_from((edge.source, edge.target) for edge in graph.edges)
    generations = enumerate(nx.topological_generations(directed), start=1)
    return {str(step): stage for stage, steps in generations for step in steps}


def _player(step: Step) -> str:
    if step.rule is not None:
        return f"rule {step.rule.value}"
    return step.model or "(open)"


def _extras(step: Step) -> str:
    extras = [f"samples {step.samples}"] if step.samples > 1 else []
    if step.map_over is not None:
        over = step.map_over
        alone = ", alone" if over.is_alone else ""
        extras.append(f"for each of {over.step}.{over.output}, at most {over.max_items}{alone}")
    if step.draft is not None:
        sure = step.draft.keep_above
        extras.append(
            f"drafted by {step.draft.model}"
            if sure is None
            else f"written by {step.draft.model} where its tokens have {sure:g}"
        )
    return ", ".join(extras)


def _inputs(graph: Graph, step: Step) -> str:
    sources = [
        f"{edge.source} ({_guard(edge)})" if edge.is_guarded else str(edge.source)
        for edge in graph.incoming[step.id]
    ]
    return f"<- {', '.join(sources)}" if sources else ""


def _guard(edge: Edge) -> str:
    if edge.when is not None:
        return f"when {edge.when}"
    return "otherwise" if edge.otherwise else ""


def _node(step_id: str) -> str:
    """A Mermaid id that is no keyword of its (``end`` is one)."""
    return f"step_{step_id}"


def _escaped(text: str) -> str:
    return (
        text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
    )
