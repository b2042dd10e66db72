"""The space lists every graph once: isomorphic graphs are one, and every one of them can run."""

from itertools import permutations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.evaluation.graph_space import GraphSpace, SpaceLimits
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


def test_siblings_draw_with_seeds_of_their_own_and_later_steps_are_greedy() -> None:
    space = space_of()
    wide = _with_edges(space, {"s1->final", "s2->final"})

    graph = space.graph(space.candidate(wide))

    first, second, sink = graph.steps
    assert first.sampling.temperature == second.sampling.temperature == 0.8
    assert first.sampling.seed != second.sampling.seed
    assert sink.sampling.temperature == 0.0


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
