"""Drawings of a graph, compared whole."""

from pathlib import Path

from hypothesis import given

from runtime.graph.document import load_graph, parse_graph
from runtime.graph.model import Graph
from runtime.graph.render import render_mermaid, render_text
from runtime.testing.strategies import graphs

GRAPHS = Path(__file__).parents[4] / "deploy" / "graphs"


def test_text_shows_stage_inputs_and_the_answer() -> None:
    graph = load_graph(GRAPHS / "ask-far-when-unsure.yaml")

    assert render_text(graph).splitlines() == [
        "ask-far-when-unsure",
        "1  near   assistant  tern-s    samples 3",
        "2  far    assistant  gannet-m             <- near (when near.agreement < 0.7)",
        "3  final  fuser      tern-s               <- near, far                         => answer",
    ]


def test_mermaid_dashes_guarded_edges() -> None:
    graph = load_graph(GRAPHS / "ask-far-when-unsure.yaml")

    assert render_mermaid(graph).splitlines() == [
        "flowchart LR",
        '    step_near["near<br/>assistant: tern-s<br/>samples 3"]',
        '    step_far["far<br/>assistant: gannet-m"]',
        '    step_final(["final<br/>fuser: tern-s"])',
        "    step_near --> step_final",
        '    step_near -. "when near.agreement &lt; 0.7" .-> step_far',
        "    step_far --> step_final",
    ]


def test_open_models_and_fan_out_are_shown() -> None:
    graph = parse_graph(
        "leeward: graph/v1\nname: g\nsteps:\n"
        "  a: {role: divider, outputs: {parts: list}}\n"
        "  b: {role: assistant, map: {over: a.parts, max_items: 4}}\nedges: [a -> b]"
    )

    assert "b  assistant  (open)  for each of a.parts, at most 4  <- a" in render_text(graph)


@given(graphs())
def test_every_step_and_edge_is_drawn(graph: Graph) -> None:
    text, mermaid = render_text(graph), render_mermaid(graph)

    assert len(text.splitlines()) == 1 + len(graph.steps)
    assert len(mermaid.splitlines()) == 1 + len(graph.steps) + len(graph.edges)
