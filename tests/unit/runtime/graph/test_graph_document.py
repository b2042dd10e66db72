"""Graph documents: what is read, and what is refused with which words on which line."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import GraphInvalid
from runtime.graph.document import (
    check_graph,
    dump_graph,
    graph_from_data,
    graph_schema,
    load_graph,
    parse_graph,
)
from runtime.graph.model import Comparison, Condition, Edge, Graph, MapOver, Output, Step
from runtime.graph.roles import Role
from runtime.ids import ModelName, StepId
from runtime.ports import Sampling
from runtime.testing.strategies import graphs

HEAD = "leeward: graph/v1\nname: g\n"
TWO = HEAD + "steps:\n  a: {role: assistant}\n  b: {role: fuser}\nedges:\n"
THREE = (
    HEAD
    + "steps:\n  a: {role: router, outputs: {way: [left, right], score: number, parts: list}}\n"
    "  b: {role: assistant}\n  c: {role: fuser}\nedges:\n"
)


def refusal(text: str) -> GraphInvalid:
    with pytest.raises(GraphInvalid) as refused:
        parse_graph(text, file="g.yaml")
    return refused.value


def test_every_field_of_a_document_arrives() -> None:
    text = """
leeward: graph/v1
name: everything
steps:
  split:
    role: divider
    model: tern-s
    max_tokens: 99
    instruction: Split it.
    outputs: {parts: list, hard: [low, high], score: number}
  solve:
    role: assistant
    samples: 3
    sampling:
      temperature: 0.7
      top_p: 0.9
      top_k: 40
      min_p: 0.05
      repeat_penalty: 1.1
      seed: 7
      stop: ["\\n\\n"]
      grammar: 'root ::= "x"'
      logprobs: 1
    map: {over: split.parts, max_items: 4}
  join: {role: fuser}
edges:
  - split -> solve -> join
  - {from: split, to: join, when: "split.hard == high"}
"""

    graph = parse_graph(text)

    split, solve, join = (StepId(name) for name in ("split", "solve", "join"))
    assert graph == Graph(
        name="everything",
        steps=(
            Step(
                split,
                Role.DIVIDER,
                ModelName("tern-s"),
                sampling=Sampling(max_tokens=99),
                outputs=(
                    Output("parts", "list"),
                    Output("hard", "enum", ("low", "high")),
                    Output("score", "number"),
                ),
                instruction="Split it.",
            ),
            Step(
                solve,
                Role.ASSISTANT,
                samples=3,
                sampling=Sampling(
                    temperature=0.7,
                    top_p=0.9,
                    top_k=40,
                    min_p=0.05,
                    repeat_penalty=1.1,
                    seed=7,
                    stop=("\n\n",),
                    grammar='root ::= "x"',
                    logprobs=1,
                ),
                map_over=MapOver(split, "parts", 4),
            ),
            Step(join, Role.FUSER),
        ),
        edges=(
            Edge(split, solve),
            Edge(solve, join),
            Edge(split, join, when=Condition(split, "hard", Comparison.EQ, "high")),
        ),
    )


@pytest.mark.parametrize("form", ["[a, b] -> c", "a, b -> c", "[a,b]->c"])
def test_a_fan_is_several_edges(form: str) -> None:
    steps = "steps: {a: {role: assistant}, b: {role: assistant}, c: {role: fuser}}\n"

    graph = parse_graph(f'{HEAD}{steps}edges: ["{form}"]')

    assert [(edge.source, edge.target) for edge in graph.edges] == [("a", "c"), ("b", "c")]


def test_a_single_step_is_a_graph() -> None:
    graph = parse_graph(HEAD + "steps: {only: {role: assistant}}")

    assert graph.sink.id == "only"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (TWO + "  - a -> c", 7, '"c" is not a step'),
        (TWO + "  - a -> bb", 7, 'did you mean "b"'),
        (TWO + "  - a -> b\n  - b -> b", 8, "to itself"),
        (TWO + "  - a -> b\n  - b -> a", 8, "cycle a -> b -> a"),
        (TWO + "  - a -> b\n  - a -> b", 8, "second a -> b"),
        (TWO + "  - a -> b\n  - {from: a, to: b, when: a.tokens < 1}", 8, "sends anyway"),
        (TWO.replace("edges:\n", ""), 5, "nothing to merge"),
        (TWO.replace("fuser", "assistant").replace("edges:\n", ""), 5, "a, b all lead nowhere"),
        (TWO + "  - {from: a, to: b, when: a.tokens < 1}", 5, "may be skipped"),
        (TWO + "  - {from: a, to: b, otherwise: true}", 7, "needs another edge"),
        (TWO + "  - {from: a, to: b, when: a.agreement < 1}", 7, "several samples"),
        (TWO + "  - {from: a, to: b, when: a.tokens == few}", 7, "with a word"),
        (TWO + "  - {from: a, to: b, when: a.tokns < 1}", 7, 'did you mean "tokens"'),
        (TWO + "  - {from: a, to: b, when: a.confidence < 97}", 7, "0 and 1, so 97 tells nothing"),
        (TWO + "  - {from: a, to: b, when: a.confidence < 97}", 7, "; write 0.97"),
        (TWO + "  - {from: a, to: b, when: a.confidence >= -1}", 7, "so -1 tells nothing"),
        (TWO + "  - {from: a, to: b, when: b.tokens < 1}", 7, 'must ask about "a"'),
        (TWO + "  - {from: a, to: b, when: a.tokens}", 7, "must be written"),
        (TWO + "  - {from: a, to: b, when: a.tokens < 1, otherwise: true}", 7, "excludes"),
        (TWO + "  - a => b", 7, "must be written"),
        (TWO + "  - a", 7, "must name two steps"),
        (TWO + "  - {from: a, too: b}", 7, 'did you mean "to"'),
        (THREE + "  - a -> b -> c\n  - {from: a, to: c, when: a.way < left}", 9, "== or !="),
        (THREE + "  - a -> b -> c\n  - {from: a, to: c, when: a.way == up}", 9, "left, right"),
        (THREE + "  - a -> b -> c\n  - {from: a, to: c, when: a.parts == x}", 9, "use it in `map`"),
        (THREE + "  - a -> b -> c\n  - {from: a, to: c, when: a.score > x}", 9, "with a word"),
        (HEAD + "steps: {}", 3, "at least 1"),
        (HEAD + "steps: {a: {role: asistant}}", 3, 'did you mean "assistant"'),
        (HEAD + "steps: {a: {role: assistant, samples: 65}}", 3, "at most 64"),
        (HEAD + "steps: {a: {role: assistant, samples: 0}}", 3, "at least 1"),
        (HEAD + "steps: {A: {role: assistant}}", 3, "a-z"),
        (HEAD + "steps: {" + "a" * 41 + ": {role: assistant}}", 3, "40 characters"),
        (HEAD + "steps: {a: {role: assistant, outputs: {tokens: number}}}", 3, "another name"),
        (HEAD + "steps: {a: {role: assistant, outputs: {x: [y, y]}}}", 3, "twice"),
        (HEAD + "steps: {a: {role: assistant, outputs: {x: [true]}}}", 3, "in quotes"),
        (HEAD + "steps: {a: {role: assistant, outputs: {x: text}}}", 3, "number, list"),
        (
            HEAD + "steps: {a: {role: assistant, sampling: {grammar: x, json_schema: y}}}",
            3,
            "keep one",
        ),
        (HEAD + "steps: {a: {role: assistant, sampling: {temperature: 9}}}", 3, "at most 5"),
        (HEAD.replace("name: g", "name: auto") + "steps: {a: {role: assistant}}", 2, "reserved"),
        (HEAD.replace("graph/v1", "graph/v2") + "steps: {a: {role: assistant}}", 1, "graph/v1"),
    ],
)
def test_each_mistake_is_refused_on_its_line(text: str, line: int, words: str) -> None:
    error = refusal(text)

    assert words in error.reason
    assert (error.file, error.line) == ("g.yaml", line)


@pytest.mark.parametrize(
    ("over", "edges", "words"),
    [
        ("a.parts", "b -> c, a -> c", "needs an edge a -> b"),
        ("a.score", "a -> b, b -> c", "outputs: {score: list}"),
        ("x.parts", "a -> b, b -> c", '"x" is not a step'),
        ("parts", "a -> b, b -> c", "must name a step's output"),
    ],
)
def test_a_map_needs_a_list_of_a_predecessor(over: str, edges: str, words: str) -> None:
    text = THREE.replace("b: {", f"b: {{map: {{over: {over}, max_items: 2}}, ")

    error = refusal(text + "".join(f"  - {edge}\n" for edge in edges.split(", ")))

    assert words in error.reason
    assert error.line == 5


def test_a_fan_that_makes_too_many_edges_is_refused() -> None:
    many = ", ".join(f"s{n}" for n in range(60))

    error = refusal(HEAD + f'steps: {{a: {{role: fuser}}}}\nedges:\n  - "{many} -> {many}"')

    assert "more than 512 edges" in error.reason
    assert error.line == 5


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(GraphInvalid, match=r"absent.yaml: cannot be read"):
        load_graph(tmp_path / "absent.yaml")


def test_the_error_in_a_chain_points_at_the_chain() -> None:
    error = refusal(TWO + "  - a -> b\n  - b -> a -> b")

    assert error.line == 8


def test_an_unguarded_way_or_every_way_makes_the_last_step_certain() -> None:
    branches = (
        "  - {from: a, to: b, when: a.way == left}\n"
        "  - {from: a, to: c, otherwise: true}\n  - b -> c"
    )

    assert parse_graph(THREE + branches).sink.id == "c"


def test_two_conditions_that_seem_to_cover_everything_do_not() -> None:
    """Both are false when the output cannot be read."""
    branches = (
        "  - {from: a, to: b, when: a.way == left}\n"
        "  - {from: a, to: c, when: a.way == right}\n  - b -> c"
    )

    assert "may be skipped" in refusal(THREE + branches).reason


@given(graphs())
def test_what_is_dumped_is_read_back_equal(graph: Graph) -> None:
    assert graph_from_data(dump_graph(graph)) == graph


@given(graphs())
def test_a_valid_graph_from_elsewhere_passes(graph: Graph) -> None:
    assert check_graph(graph) == graph


def test_a_graph_from_elsewhere_with_twin_steps_is_refused() -> None:
    step = Step(StepId("a"), Role.ASSISTANT)

    with pytest.raises(GraphInvalid, match="same id"):
        check_graph(Graph("g", (step, step), ()))


def test_a_graph_from_elsewhere_with_impossible_numbers_is_refused() -> None:
    step = Step(StepId("a"), Role.ASSISTANT, sampling=Sampling(temperature=float("nan")))

    with pytest.raises(GraphInvalid):
        check_graph(Graph("g", (step,), ()))


PIECES = st.sampled_from(
    [
        "leeward: graph/v1\n",
        "name: g\n",
        "steps:\n",
        "  a: {role: assistant}\n",
        "  a: &x {role: fuser}\n",
        "  b: *x\n",
        "edges:\n",
        "  - a -> b\n",
        "  - b -> a\n",
        "  - [a, b] -> a\n",
        "  - {from: a, to: b, when: 'a.tokens < 3'}\n",
        "  - {from: a, to: b, otherwise: true}\n",
        "steps: {a: {role: router, outputs: {x: [p, q]}}, b: {role: fuser}}\n",
        "\x00",
        "\ud800",
        "? ",
        "- ",
        "\t",
        ": {",
        "!!binary x",
        "%YAML 9.9\n---\n",
        "<<: *x\n",
        '"\\Uffffffff"\n',
    ]
)


@given(st.lists(PIECES | st.text(max_size=6), max_size=12).map("".join))
def test_hostile_text_gives_a_valid_graph_or_a_named_refusal(text: str) -> None:
    try:
        graph = parse_graph(text)
    except GraphInvalid:
        return

    assert check_graph(graph) == graph


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
HOSTILE = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "steps", "a", "map", "over", "from", "to", "when", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(HOSTILE, HOSTILE, st.sampled_from(["g", 5, None]))
def test_hostile_data_is_refused_by_name(steps: object, edges: object, name: object) -> None:
    data = {"leeward": "graph/v1", "name": name, "steps": steps, "edges": edges}

    with suppress(GraphInvalid):
        graph_from_data(data)


def test_the_schema_lists_the_roles() -> None:
    schema = graph_schema()

    assert schema["$defs"]["Role"]["enum"] == [role.value for role in Role]
