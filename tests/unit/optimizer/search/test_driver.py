"""Ask and tell: batches, waiting, and outcomes in any order."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from optimizer.search.archive import Archive
from optimizer.search.driver import Request, Search
from optimizer.search.model import Candidate, CandidateKey, Outcomes, Recommendation, Trial


def candidate(number: int) -> Candidate:
    return Candidate(CandidateKey(f"graph {number}"), (number,))


def outcomes(trial: Trial) -> Outcomes:
    asked = np.array(trial.questions)
    zeros = np.zeros(len(asked))
    right = ((asked * 7 + trial.candidate.choices[0]) % 3 == 0).astype(np.float64)
    return Outcomes(asked, right, zeros > 0, zeros, zeros, zeros)


class Chain:
    """Each batch depends on what the archive says of the one before."""

    def batches(self, archive: Archive) -> Iterator[Sequence[Request]]:
        start = 0
        for _ in range(4):
            yield [Request(candidate(start + one), (0, 1, 2)) for one in range(3)]
            start += 1 + int(sum(row.right_sum for row in archive))

    def recommend(self, archive: Archive) -> Recommendation | None:
        return None

    def state(self) -> Mapping[str, object]:
        return {}


@given(st.randoms(use_true_random=False), st.integers(1, 5))
def test_trials_depend_on_outcomes_and_not_on_who_was_first(order, workers) -> None:
    search, reference = Search(Chain(), 3), Search(Chain(), 3)
    expected = []
    while trials := reference.ask(1):
        reference.tell(trials[0], outcomes(trials[0]))
        expected.append(trials[0])

    got, held = [], []
    while len(got) < len(expected):
        held.extend(search.ask(workers - len(held)))
        trial = held.pop(order.randrange(len(held)))
        search.tell(trial, outcomes(trial))
        got.append(trial)

    assert sorted(got, key=lambda one: one.number) == expected
    assert not search.ask(1)
    assert search.is_finished


def test_nothing_is_asked_while_a_batch_is_out() -> None:
    search = Search(Chain(), 3)

    first = search.ask(10)

    assert len(first) == 3
    assert not search.ask(10)
    assert not search.is_finished


def test_telling_twice_changes_nothing() -> None:
    search = Search(Chain(), 3)
    trials = search.ask(3)

    for trial in (*trials, *trials):
        search.tell(trial, outcomes(trial))
    search.ask(3)
    search.tell(trials[0], outcomes(trials[0]))

    assert all(row.count <= 3 for row in search.archive)


class Stubborn(Chain):
    """Asks for the same graph forever."""

    def batches(self, archive: Archive) -> Iterator[Sequence[Request]]:
        while True:
            yield [Request(candidate(1), (0,)), Request(candidate(1), (0, 1))]


def test_a_strategy_that_repeats_itself_is_asked_once_and_then_ends() -> None:
    search = Search(Stubborn(), 3)

    trials = search.ask(5)
    for trial in trials:
        search.tell(trial, outcomes(trial))

    assert [trial.questions for trial in trials] == [(0,), (1,)]
    assert not search.ask(1)
    assert search.is_finished
