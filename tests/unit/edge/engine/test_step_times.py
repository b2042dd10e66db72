"""Answers together or one after the other: as measured, and looked at again now and then."""

import pytest

from edge.engine.step_times import StepTimes


def learnt(**seconds: float) -> StepTimes:
    times = StepTimes()
    for name, took_s in seconds.items():
        times.note(int(name.removeprefix("of_")), took_s)
    return times


def test_both_ways_are_measured_before_one_is_preferred() -> None:
    assert not StepTimes().are_apart(2)
    assert learnt(of_2=0.02).are_apart(2)


@pytest.mark.parametrize(
    ("answers", "alone_s", "together_s", "is_apart"),
    [(2, 7.5, 26.7, True), (3, 7.5, 30.1, True), (4, 7.5, 32.8, False), (8, 7.5, 45.1, False)],
)
def test_the_cheaper_way_is_taken(
    answers: int, alone_s: float, together_s: float, *, is_apart: bool
) -> None:
    times = learnt(**{"of_1": alone_s, f"of_{answers}": together_s})

    assert [times.are_apart(answers) for _ in range(100)] == [is_apart] * 100


def test_a_large_batch_is_never_taken_apart() -> None:
    times = learnt(of_1=0.001, of_9=1.0)

    assert not any(times.are_apart(9) for _ in range(1000))


def test_the_other_way_is_tried_once_in_a_while_and_wins_when_it_has_become_cheaper() -> None:
    times = learnt(of_1=1.0, of_2=4.0)
    ways = []
    for _ in range(3000):
        is_apart = times.are_apart(2)
        ways.append(is_apart)
        times.note(1 if is_apart else 2, 1.0 if is_apart else 1.2)

    assert ways[:100] == [True] * 100
    assert ways.count(False) > 1000
    assert sum(ways[-500:]) < 10


def test_a_step_that_waited_for_the_processor_hardly_counts() -> None:
    times = learnt(of_8=0.04)
    times.note(8, 10.0)

    assert times.seconds(8) == pytest.approx(0.044)


def test_an_unknown_number_is_taken_for_the_nearest_known_one() -> None:
    times = learnt(of_1=0.01, of_8=0.04)

    assert times.seconds(6) == 0.04
    assert times.seconds(3) == 0.01
    assert StepTimes().seconds(3) is None
