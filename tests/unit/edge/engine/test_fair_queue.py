"""Whose turn it is: priority first, then callers in turn, then age."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.fair_queue import FairQueue

Entry = tuple[str, int, int]
ENTRIES = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(-1, 1)), min_size=1, max_size=40)


def filled(entries: list[tuple[str, int]]) -> FairQueue[Entry]:
    queue = FairQueue[Entry]()
    for number, (caller, priority) in enumerate(entries):
        queue.put((caller, priority, number), caller=caller, priority=priority)
    return queue


def drained(queue: FairQueue[Entry]) -> list[Entry]:
    return [queue.pop() for _ in range(len(queue))]


@given(ENTRIES)
def test_everything_comes_out_once_by_priority_and_by_age_within_a_caller(
    entries: list[tuple[str, int]],
) -> None:
    order = drained(filled(entries))

    assert sorted(number for _, _, number in order) == list(range(len(entries)))
    assert [priority for _, priority, _ in order] == sorted(
        (priority for _, priority in entries), reverse=True
    )
    for who in {(caller, priority) for caller, priority, _ in order}:
        numbers = [number for caller, priority, number in order if (caller, priority) == who]
        assert numbers == sorted(numbers)


@given(ENTRIES)
def test_no_caller_gets_a_second_turn_while_another_waits_for_its_first(
    entries: list[tuple[str, int]],
) -> None:
    same_priority = [(caller, 0) for caller, _ in entries]
    waiting = Counter(caller for caller, _ in entries)
    served: Counter[str] = Counter()

    for caller, _, _ in drained(filled(same_priority)):
        others = [served[other] for other in waiting if served[other] < waiting[other]]
        assert served[caller] <= min(others)
        served[caller] += 1


def test_a_caller_that_comes_back_waits_behind_the_others() -> None:
    queue = filled([("a", 0), ("b", 0), ("c", 0)])
    assert queue.pop()[0] == "a"

    queue.put(("a", 0, 9), caller="a")

    assert [caller for caller, _, _ in drained(queue)] == ["b", "c", "a"]


@given(ENTRIES, st.sets(st.integers(0, 39)))
def test_what_is_taken_out_changes_nobody_elses_turn(
    entries: list[tuple[str, int]], leaving: set[int]
) -> None:
    queue = filled(entries)

    taken = queue.take_out(lambda entry: entry[2] in leaving)

    assert {number for _, _, number in taken} == leaving & set(range(len(entries)))
    staying = [(number, *one) for number, one in enumerate(entries) if number not in leaving]
    assert len(queue) == len(staying)
    order = drained(queue)
    assert sorted(number for _, _, number in order) == [number for number, _, _ in staying]
    for priority in {priority for _, _, priority in staying}:
        waiting = [caller for _, caller, at in staying if at == priority]
        came = dict.fromkeys(caller for caller, at in entries if at == priority)
        turns = [caller for caller, at, _ in order if at == priority]
        assert turns[: len(set(waiting))] == [caller for caller in came if caller in waiting]


def test_an_empty_queue_has_no_next() -> None:
    with pytest.raises(IndexError):
        FairQueue[Entry]().pop()
