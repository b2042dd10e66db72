"""Many examples are drawn alike whoever draws them, and a broken property is shown small."""

import pytest
from hypothesis import given, settings

from runtime.testing.at_length import PropertyBroken, hold
from runtime.testing.drawing import ByChoices, BySeed, Draw
from runtime.testing.drawn_graphs import draw_graph
from runtime.testing.drawn_plans import draw_plan_request
from runtime.testing.strategies import strategy
from tests.privacy.flow_properties import the_structure_alone_decides


def no_number_is_high(draw: Draw) -> None:
    numbers = [draw.integer(0, 50) for _ in range(draw.integer(0, 9))]
    draw.show("numbers", numbers)
    assert max(numbers, default=0) < 38


def nothing_is_of_interest(draw: Draw) -> None:
    draw.pass_over("dull")


def lists_of_parts(draw: Draw) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return draw.some_of("abcde", at_least=1, at_most=3), draw.permutation("xyz")


def test_a_seed_draws_the_same_again_and_so_do_its_choices() -> None:
    for seed in range(50):
        first, second = BySeed(seed), BySeed(seed)
        request = draw_plan_request(first)

        again = draw_plan_request(second)
        replayed = draw_plan_request(ByChoices(first.choices))

        assert request == again == replayed


def test_two_seeds_draw_differently() -> None:
    drawn = {str(draw_graph(BySeed(seed))) for seed in range(50)}

    assert len(drawn) > 40


def test_choices_that_are_missing_are_the_simplest() -> None:
    graph = draw_graph(ByChoices(()))

    assert len(graph.steps) == 1
    assert not graph.edges


@given(parts=strategy(lists_of_parts)())
@settings(max_examples=50)
def test_hypothesis_draws_from_the_same_definition(
    parts: tuple[tuple[str, ...], tuple[str, ...]],
) -> None:
    some, permuted = parts

    assert 1 <= len(set(some)) == len(some) <= 3
    assert set(some) <= set("abcde")
    assert sorted(permuted) == ["x", "y", "z"]


def test_a_broken_property_is_shown_by_its_smallest_example_and_seed() -> None:
    with pytest.raises(PropertyBroken, match=r"numbers = \[38\]") as broken:
        hold(no_number_is_high, examples=1_000)

    seed = int(str(broken.value).split()[1])
    with pytest.raises(AssertionError):
        no_number_is_high(BySeed(seed))


def test_too_few_examples_that_say_anything_are_said_so() -> None:
    with pytest.raises(ValueError, match="too few examples say anything: held against 0"):
        hold(nothing_is_of_interest, examples=10)


def test_several_processes_draw_what_one_does() -> None:
    alone = hold(the_structure_alone_decides, examples=300, first_seed=11)

    together = hold(the_structure_alone_decides, examples=300, first_seed=11, processes=2)

    assert together == alone
    assert alone.held >= 300
