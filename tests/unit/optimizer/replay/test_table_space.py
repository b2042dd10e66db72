"""The graphs of a table as choices: one candidate per graph, whatever the steps are numbered."""

from collections import Counter
from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pytest

from optimizer.replay.graph_table import GraphTable
from optimizer.replay.graph_terms import Term, TermInvalid, canonical
from optimizer.replay.table_space import NO_STEP, TableSpace
from optimizer.search.distribution import uniform
from optimizer.search.model import DecisionKind
from reference.tabulated.documents import graph_of


def choices_of(space: TableSpace, models: list[str], edges: set[tuple[str, str]]) -> list[int]:
    """Write a graph as choices; the last model is the sink's, missing ones are none."""
    steps = len([one for one in space.decisions if one.kind is DecisionKind.MODEL]) - 1
    plays = dict(zip([f"s{one + 1}" for one in range(steps)], models[:-1], strict=False))
    plays["final"] = models[-1]
    found = []
    for decision in space.decisions:
        name, _, what = decision.name.partition(".")
        if what == "model":
            found.append(decision.options.index(plays.get(name, NO_STEP)))
        elif what == "role":
            found.append(0)
        else:
            source, _, target = decision.name.partition("->")
            found.append(int((source, target) in edges))
    return found


def test_every_graph_is_allowed_and_comes_back(table_space: TableSpace) -> None:
    candidates = table_space.candidates()

    for one in candidates:
        assert table_space.refusal(one.choices) is None
        assert table_space.candidate(one.choices) == one
    assert len({one.choices for one in candidates}) == len(candidates)


def test_the_document_is_the_one_that_the_table_was_built_with(
    table_space: TableSpace, graph_table: GraphTable
) -> None:
    for one, term in zip(table_space.candidates(), graph_table.terms, strict=True):
        assert table_space.graph(one) == graph_of(term)


@pytest.mark.parametrize("order", list(permutations(("s1", "s2", "s3"))))
def test_steps_may_be_numbered_in_any_way_that_reads_forward(
    table_space: TableSpace, order: tuple[str, str, str]
) -> None:
    played = dict(zip(order, ("tern-s", "tern-s", "gannet-m"), strict=True))
    models = [played[name] for name in ("s1", "s2", "s3")]
    edges = {(name, "final") for name in order}

    found = table_space.candidate(choices_of(table_space, [*models, "tern-m"], edges))

    assert found.key == "fuser@tern-m(assistant@gannet-m#0,assistant@tern-s#0,assistant@tern-s#1)"


def test_what_does_not_reach_the_sink_falls_out(table_space: TableSpace) -> None:
    models = ["gannet-m", "tern-s", "gannet-m", "tern-m"]
    edges = {("s1", "s3"), ("s2", "final")}

    found = table_space.candidate(choices_of(table_space, models, edges))

    assert found.key == "assistant@tern-m(assistant@tern-s#0)"
    assert dict(zip((d.name for d in table_space.decisions), found.choices, strict=True))[
        "s2.model"
    ] == table_space.decisions[2].options.index(NO_STEP)


def test_a_graph_that_was_not_run_is_refused(table_space: TableSpace) -> None:
    wide = choices_of(
        table_space,
        ["tern-s", "tern-s", "tern-s", "tern-m"],
        {("s1", "s2"), ("s1", "s3"), ("s2", "s3"), ("s1", "final"), ("s3", "final")},
    )
    twice = choices_of(
        table_space,
        ["tern-s", "tern-m", "tern-m", "tern-m"],
        {("s1", "s2"), ("s1", "s3"), ("s2", "final"), ("s3", "final")},
    )

    assert "no graph with these edges" in str(table_space.refusal(wide))
    assert "no such graph" in str(table_space.refusal(twice))
    assert "needs" in str(table_space.refusal(wide[:-1]))
    assert "no option" in str(table_space.refusal([99, *wide[1:]]))
    with pytest.raises(KeyError):
        table_space.candidate(twice)


def canonical_key(space: TableSpace, choices: Sequence[int]) -> str:
    """Build the graph step by step and bring it into its canonical form."""
    chosen = {one.name: one.options[choices[i]] for i, one in enumerate(space.decisions)}
    names = [one.name.removesuffix(".model") for one in space.decisions if ".model" in one.name]
    drawn: Counter[str] = Counter()
    made: dict[str, Term] = {}
    for place, name in enumerate(names):
        model = chosen[f"{name}.model"]
        if model == NO_STEP:
            continue
        read = [one for one in names[:place] if chosen[f"{one}->{name}"] == "present"]
        inputs = tuple(made[one] for one in read if one in made)
        sample = 0 if inputs else drawn[model]
        drawn[model] += not inputs
        made[name] = Term("fuser" if len(inputs) > 1 else "assistant", model, sample, inputs)
    return canonical(made[names[-1]]).key


def test_draws_are_looked_up_as_the_graphs_that_they_build(table_space: TableSpace) -> None:
    rng = np.random.default_rng(5)
    prior = uniform(table_space.decisions)
    keys = {one.key: row for row, one in enumerate(table_space.candidates())}
    found = 0

    for _ in range(4000):
        choices = prior.sample(rng)
        try:
            row = keys.get(canonical_key(table_space, choices))
        except TermInvalid:
            row = None
        assert (table_space.refusal(choices) is None) == (row is not None)
        if row is not None:
            assert table_space.candidate(choices).key == table_space.candidates()[row].key
            found += 1

    assert found > 50


def test_draws_are_allowed_often_and_reach_every_kind_of_graph(table_space: TableSpace) -> None:
    prior, rng = uniform(table_space.decisions), np.random.default_rng(1)
    drawn = [prior.sample(rng) for _ in range(600)]

    kept = [table_space.candidate(one) for one in drawn if table_space.refusal(one) is None]

    assert len(kept) > 0.2 * len(drawn)
    features = [table_space.features(one) for one in kept]
    assert {one.depth for one in features} >= {1, 2, 3}
    assert {one.width for one in features} >= {1, 2, 3}


def test_features_are_what_the_insights_are_about(table_space: TableSpace) -> None:
    key = "assistant@gannet-m(fuser@tern-m(assistant@tern-s#0,assistant@tern-s#1))"
    one = next(one for one in table_space.candidates() if one.key == key)

    found = table_space.features(one)

    assert found.models == (("tern-s", 2), ("tern-m", 1), ("gannet-m", 1))
    assert (found.fusers, found.width, found.depth) == (1, 2, 3)
    assert (found.in_degree, found.edges) == (2, 3)


def test_only_graphs_with_a_cloud_model_can_expose(
    table_space: TableSpace, graph_table: GraphTable
) -> None:
    exposed = graph_table.exposed.any(axis=1)

    says = [table_space.can_expose(one) for one in table_space.candidates()]

    assert says == np.asarray(exposed).tolist()


def test_a_forbidden_graph_is_not_listed(graph_table: GraphTable) -> None:
    space = TableSpace(graph_table, forbids=lambda row: "not today" if row else None)

    other = TableSpace(graph_table).candidates()[1]

    assert len(space.candidates()) == 1
    assert space.refusal(other.choices) == "not today"


def test_roles_follow_from_the_edges(table_space: TableSpace, graph_table: GraphTable) -> None:
    def roles(term: Term) -> list[str]:
        return sorted(step.role for step in term.steps)

    for one, term in zip(table_space.candidates(), graph_table.terms, strict=True):
        graph = table_space.graph(one)
        assert sorted(step.role.value for step in graph.steps) == roles(term)
        flipped = [
            1 - choice if decision.kind is DecisionKind.ROLE else choice
            for choice, decision in zip(one.choices, table_space.decisions, strict=True)
        ]
        assert table_space.candidate(flipped) == one
