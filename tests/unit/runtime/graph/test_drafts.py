"""Steps that two models write together: their document, and what cannot be in it."""

import pytest

from runtime.codec.graph import decode_graph, encode_graph
from runtime.errors import GraphInvalid
from runtime.graph.document import dump_graph, graph_from_data, parse_graph
from runtime.graph.hash import graph_hash
from runtime.graph.model import Draft
from runtime.graph.render import render_text
from runtime.ids import ModelName

TEXT = """\
leeward: graph/v1
name: drafted
steps:
  answer:
    role: assistant
    model: far
    draft: {model: near}
"""


def test_a_draft_needs_its_model_alone() -> None:
    graph = parse_graph(TEXT)

    assert graph.steps[0].draft == Draft(ModelName("near"), tokens=16, at_most=32)
    assert graph.models == {"near", "far"}
    assert "drafted by near" in render_text(graph)


@pytest.mark.parametrize("draft", ["{model: near}", "{model: near, keep_above: 0.7, always: true}"])
def test_a_drafted_step_comes_back_from_document_and_wire(draft: str) -> None:
    graph = parse_graph(TEXT.replace("{model: near}", draft))

    assert graph_from_data(dump_graph(graph)) == graph
    assert decode_graph(encode_graph(graph)) == graph


def test_a_graph_without_drafts_keeps_its_hash() -> None:
    plain = parse_graph(TEXT.replace("    draft: {model: near}\n", ""))

    assert "draft" not in dump_graph(plain)["steps"]["answer"]  # type: ignore[operator,index]
    assert graph_hash(plain) != graph_hash(parse_graph(TEXT))


@pytest.mark.parametrize(
    ("change", "to", "words"),
    [
        ("    model: far\n", "", "has the last word"),
        ("model: near", "model: far", "the step's own model"),
        ("model: far", "model: far\n    samples: 3", "for one answer"),
        ("model: far", "model: far\n    sampling: {temperature: 1}", "likeliest text"),
        ("model: far", "model: far\n    sampling: {stop: [x]}", "likeliest text"),
        ("model: near", "model: near, keep_above: 1.5", "keep_above"),
        ("model: near", "model: near, tokens: 0", "tokens"),
        ("model: near", "modell: near", "did you mean"),
    ],
)
def test_what_two_models_cannot_share_is_told_with_its_line(
    change: str, to: str, words: str
) -> None:
    with pytest.raises(GraphInvalid) as refused:
        parse_graph(TEXT.replace(change, to, 1), file="drafted.yaml")

    assert words in str(refused.value)
    assert str(refused.value).startswith("drafted.yaml:")
