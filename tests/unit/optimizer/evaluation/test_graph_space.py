"""The space lists every graph once: isomorphic graphs are one, and every one of them can run."""

from dataclasses import replace
from itertools import permutations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.evaluation.graph_shapes import SpaceLimits
from optimizer.evaluation.graph_space import GraphSpace
from runtime.graph.document import check_graph
from runtime.graph.hash import graph_hash
from runtime.graph.model import Graph
from runtime.ids import StepId


def space_of(
    *,
    steps: int = 3,
    models: tuple[str, ...] = ("small", "large"),
    width: int = 6,
    depth: int = 7,
) -> GraphSpace:
    limits = SpaceLimits(
        models=models,
        sink_models=models,
        roles=("assistant", "fuser"),
        max_steps=steps,
        max_width=width,
        max_depth=depth,
        max_tokens=64,
        temperature=0.8,
    )
    return GraphSpace("test", limits)


def choices_of(space: GraphSpace) -> st.SearchStrategy[list[int]]:
    return st.tuples(*(st.integers(0, len(one.options) - 1) for one in space.decisions)).map(list)


def test_graphs_of_one_step_before_the_sink_can_be_counted_by_hand() -> None:
    listed = space_of(steps=1).candidates()

    # the sink alone on 2 models; one step on 2 models before a sink on 2 models
    assert listed is not None
    assert len(listed) == 2 + 4


def test_two_steps_are_counted_by_hand() -> None:
    listed = space_of(steps=2, models=("only",)).candidates()

    # sink; chain of 2; chain of 3; two side by side into an assistant or a fuser; a triangle,
    # whose sink is an assistant or a fuser
    assert listed is not None
    assert sorted(str(one.key) for one in listed) == [
        "assistant@only()",
        "assistant@only();assistant@only();assistant@only(1,2)",
        "assistant@only();assistant@only();fuser@only(1,2)",
        "assistant@only();assistant@only(1)",
        "assistant@only();assistant@only(1);assistant@only(1,2)",
        "assistant@only();assistant@only(1);assistant@only(2)",
        "assistant@only();assistant@only(1);fuser@only(1,2)",
    ]


@settings(max_examples=60)
@given(st.data())
def test_every_choice_has_one_canonical_form_that_stays_as_it_is(data: st.DataObject) -> None:
    space = space_of()
    choices = data.draw(choices_of(space))

    candidate = space.candidate(choices)

    assert space.candidate(candidate.choices) == candidate
    assert check_graph(space.graph(candidate)) == space.graph(candidate)


@settings(max_examples=60)
@given(st.data())
def test_renaming_steps_changes_nothing(data: st.DataObject) -> None:
    space = space_of()
    choices = data.draw(choices_of(space))
    order = data.draw(st.permutations(range(3)))
    renamed = _renamed(space, choices, order)

    if renamed is not None:
        assert space.candidate(renamed) == space.candidate(choices)


def test_no_two_candidates_are_the_same_graph_with_other_names() -> None:
    space = space_of(steps=3, models=("only",))
    listed = space.candidates()
    assert listed is not None

    forms = [_least_form(space.graph(one)) for one in listed]

    assert len(set(forms)) == len(forms)
    assert len({graph_hash(space.graph(one)) for one in listed}) == len(listed)


def test_limits_on_width_and_depth_are_said_in_a_sentence() -> None:
    chain = _with_edges(space_of(depth=2), {"s1->s2", "s2->final"})
    wide = _with_edges(space_of(width=2), {"s1->final", "s2->final", "s3->final"})

    assert space_of(depth=2).refusal(chain) == "3 steps in a row are more than max_depth 2"
    assert space_of(width=2).refusal(wide) == "3 steps side by side are more than max_width 2"


def test_a_models_first_sample_is_greedy_further_ones_draw_and_later_steps_are_greedy() -> None:
    space = space_of()
    wide = _with_edges(space, {"s1->final", "s2->final", "s3->final"})

    graph = space.graph(space.candidate(wide))

    first, second, third, sink = graph.steps
    assert first.sampling == sink.sampling
    assert (first.sampling.temperature, first.sampling.seed) == (0.0, None)
    assert second.sampling.temperature == third.sampling.temperature == 0.8
    assert second.sampling.seed != third.sampling.seed


def test_a_step_draws_alike_in_every_graph_whatever_stands_beside_it() -> None:
    space = space_of()
    large = {"s2.model", "s3.model"}
    mixed = space.graph(
        space.candidate(_with_edges(space, {"s1->final", "s2->final", "s3->final", *large}))
    )
    alike = space.graph(space.candidate(_with_edges(space, {"s2->final", "s3->final", *large})))

    assert [step.sampling for step in mixed.steps[1:]] == [step.sampling for step in alike.steps]


def test_two_steps_that_would_say_the_same_are_one_too_many() -> None:
    space = space_of()
    readers = _with_edges(space, {"s1->s2", "s1->s3", "s2->final", "s3->final"})
    sources = _with_edges(space, {"s1->final", "s2->final"})
    cold = GraphSpace("test", replace(space._limits, temperature=0.0))

    assert space.refusal(readers) == "s2 and s3 would say the same; one of them is enough"
    assert space.refusal(sources) is None
    assert cold.refusal(sources) == "s1 and s2 would say the same; one of them is enough"


def test_what_is_forbidden_is_not_listed() -> None:
    limits = space_of(steps=1)._limits
    space = GraphSpace(
        "test", limits, forbids=lambda g: "no large" if "large" in str(g.steps) else None
    )

    listed = space.candidates()

    assert listed is not None
    assert [str(one.key) for one in listed] == [
        "assistant@small()",
        "assistant@small();assistant@small(1)",
    ]


def test_a_space_too_large_to_walk_is_not_listed() -> None:
    space = space_of(steps=6)

    assert space.candidates() is None
    assert space.combinations > 10**9
    assert space_of(steps=4, models=("a", "b", "c")).candidates() is None


def test_listing_finds_what_walking_every_choice_finds() -> None:
    space = space_of(steps=3, width=2, depth=3)
    walked = {
        space.candidate(choices)
        for choices in product(*(range(len(one.options)) for one in space.decisions))
    }

    listed = space.candidates()

    assert listed is not None
    assert set(listed) == {one for one in walked if space.refusal(one.choices) is None}


def test_parts_are_what_graphs_share_and_no_two_graphs_are_one() -> None:
    space = space_of()
    listed = space.candidates()
    assert listed is not None
    place = {str(one.key): number for number, one in enumerate(listed)}

    parts = space.composition(listed)

    inner = parts.sinks[place["assistant@small()"]]
    chain = place["assistant@small();assistant@large(1)"]
    longer = place["assistant@small();assistant@large(1);assistant@small(2)"]
    assert inner in parts.steps[chain]
    assert parts.sinks[chain] in parts.steps[longer]
    assert len(set(parts.sinks.tolist())) == len(listed)


@settings(max_examples=60)
@given(st.data())
def test_parts_are_equal_exactly_where_the_runtime_would_make_the_same_call(
    data: st.DataObject,
) -> None:
    space = space_of()
    pair = [space.candidate(data.draw(choices_of(space))) for _ in range(2)]
    graphs = [space.graph(one) for one in pair]

    parts = space.composition(pair)

    said = {_said(graph, step.id) for graph in graphs for step in graph.steps}
    assert len(parts.inputs) == len(said)
    assert [len(steps) for steps in parts.steps] == [
        len({_said(graph, step.id) for step in graph.steps}) for graph in graphs
    ]


def test_sizes_are_the_models_and_models_without_one_are_alike() -> None:
    limits = SpaceLimits(("small", "other"), ("large",), ("assistant",), 1, 6, 7, 64, 0.8)
    space = GraphSpace("test", limits, sizes={"small": 2.0, "large": 30.0})
    listed = space.candidates()
    assert listed is not None

    parts = space.composition(listed)

    assert parts.models == ("small", "other", "large")
    assert parts.sizes.tolist() == [2.0, 1.0, 30.0]


def _said(graph: Graph, step: StepId) -> tuple[object, ...]:
    """Return all that a step's answer follows from."""
    read = sorted(_said(graph, edge.source) for edge in graph.incoming[step])
    one = graph.by_id[step]
    seed = -1 if one.sampling.seed is None else one.sampling.seed
    return (str(one.model), one.role.value, seed, one.sampling.temperature, tuple(read))


def _with_edges(space: GraphSpace, edges: set[str]) -> list[int]:
    return [int(one.name in edges) for one in space.decisions]


def _renamed(space: GraphSpace, choices: list[int], order: list[int]) -> list[int] | None:
    """Give step ``i`` the place ``order[i]``; ``None`` where an edge would point backwards."""
    place = {f"s{old + 1}": f"s{new + 1}" for old, new in enumerate(order)}
    values = {one.name: choice for one, choice in zip(space.decisions, choices, strict=True)}
    renamed: dict[str, int] = {}
    for name, value in values.items():
        if "->" in name:
            source, target = name.split("->")
            new = f"{place[source]}->{place.get(target, target)}"
            if value and new not in values:
                return None
            renamed[new] = value
        else:
            step, part = name.split(".")
            renamed[f"{place.get(step, step)}.{part}"] = value
    return [renamed.get(one.name, 0) for one in space.decisions]


def _least_form(graph: Graph) -> tuple[object, ...]:
    """Return the least of all ways to number a graph's steps: brute force, other code."""
    inner = [step.id for step in graph.steps if step.id != graph.sink.id]
    forms = []
    for order in permutations(inner):
        number = {step: place for place, step in enumerate((*order, graph.sink.id))}
        steps = tuple(
            (graph.by_id[step].role.value, str(graph.by_id[step].model)) for step in number
        )
        edges = tuple(sorted((number[e.source], number[e.target]) for e in graph.edges))
        forms.append((steps, edges))
    return min(forms)


def test_brute_force_finds_as_many_graphs() -> None:
    space = space_of(steps=2)
    found = set()
    for choices in product(*(range(len(one.options)) for one in space.decisions)):
        found.add(_least_form(space.graph(space.candidate(choices))))

    listed = space.candidates()

    assert listed is not None
    assert len(listed) == len(found)
    assert StepId("final") == space.graph(listed[0]).sink.id
