"""Graphs taken apart: what is shared, in which order, and how much of each model is in a graph."""

import numpy as np
import pytest

from optimizer.search.composition import Composer, composition_of
from tests.unit.optimizer.search.composed_world import ComposedWorld, composed_world


@pytest.fixture(scope="module")
def world() -> ComposedWorld:
    return composed_world(("tern-s", "gannet-m"), questions=32, seed=1)


def test_a_part_comes_after_what_it_reads_and_each_graph_ends_in_its_own(
    world: ComposedWorld,
) -> None:
    parts = world.parts

    assert all(one < part for part, inputs in enumerate(parts.inputs) for one in inputs)
    assert len(set(parts.sinks.tolist())) == len(world.space.candidates())


def test_what_two_graphs_have_in_common_is_one_part(world: ComposedWorld) -> None:
    alone = world.row("assistant@tern-s#0")
    refined = world.row("assistant@gannet-m(assistant@tern-s#0)")

    assert world.parts.sinks[alone] in world.parts.steps[refined]
    assert len(world.parts.steps[refined]) == 2


def test_inputs_in_another_order_are_the_same_part() -> None:
    composer = Composer(("a", "b"), [1.0, 2.0])
    left, right = composer.part(0, 0, ()), composer.part(1, 0, ())

    assert composer.part(1, 0, (left, right)) == composer.part(1, 0, (right, left))


def test_loads_count_steps_and_answers_read_and_the_path_is_the_heaviest() -> None:
    composer = Composer(("small", "large"), [1.0, 10.0])
    small, large = composer.part(0, 0, ()), composer.part(1, 0, ())
    composer.graph(composer.part(0, 0, (small, large)))
    parts = composer.composed()

    assert parts.loads.tolist() == [[2.0, 1.0, 2.0, 0.0]]
    assert parts.path_loads.tolist() == [[1.0, 1.0, 2.0, 0.0]]


def test_some_of_the_graphs_have_the_parts_that_they_had(world: ComposedWorld) -> None:
    rows = np.array([3, 40, 77])

    some = world.parts.only(rows)

    assert some.loads.tolist() == world.parts.loads[rows].tolist()
    assert some.depth[some.sinks].tolist() == world.parts.depth[world.parts.sinks[rows]].tolist()
    assert len(some.inputs) < len(world.parts.inputs)


def test_a_space_of_votes_has_no_steps(team_world) -> None:
    assert composition_of(team_world.space, team_world.space.candidates()) is None
    assert team_world.problem.composition is None
