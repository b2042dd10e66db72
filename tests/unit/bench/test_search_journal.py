"""Runs on disk: what is found again, what is not, and what a broken line costs."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.search_journal import RunJournal, RunKey, sources_hash
from bench.search_runs import Point, Run

KEY = RunKey("S1", "0.1", "random", "A", 3, 100, 0.99, "abc")


def run_of(seed: int) -> Run:
    points = (Point(10, 20, 0.5, 0.6, 3), Point(30, 44, 0.0, 0.01, 7))
    return Run("random", "A", seed, points, 96, 0.25, 12, 0)


def test_a_run_is_found_again_as_it_was(tmp_path: Path) -> None:
    journal = RunJournal(tmp_path / "deep" / "runs.jsonl")

    journal.add(KEY, run_of(3))

    again = RunJournal(tmp_path / "deep" / "runs.jsonl")
    assert again.get(KEY) == run_of(3)
    assert len(again) == 1


@pytest.mark.parametrize(
    "other", [{"seed": 4}, {"made_with": "abd"}, {"confidence": None}, {"accounting": "B"}]
)
def test_a_run_of_something_else_does_not_count(tmp_path: Path, other) -> None:
    journal = RunJournal(tmp_path / "runs.jsonl")
    journal.add(KEY, run_of(3))

    assert journal.get(replace(KEY, **other)) is None


@given(cut=st.integers(1, 120))
def test_a_journal_that_was_cut_off_keeps_all_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "runs.jsonl"
    journal = RunJournal(path)
    for seed in (3, 4):
        journal.add(replace(KEY, seed=seed), run_of(seed))
    path.write_bytes(path.read_bytes()[:-cut])

    again = RunJournal(path)

    assert again.get(KEY) == run_of(3)
    # Without its line break alone a line is whole.
    assert (again.get(replace(KEY, seed=4)) is None) == (cut > 1)
    again.add(replace(KEY, seed=5), run_of(5))
    assert RunJournal(path).get(replace(KEY, seed=5)) == run_of(5)


def test_a_method_rests_on_its_own_modules_and_no_others(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_bytes(b"1")

    by_module = {
        name: sources_hash(f"optimizer.search.{name}", data)
        for name in ("random_search", "evolution", "composed_search")
    }

    assert len(set(by_module.values())) == 3
    other = tmp_path / "other"
    other.write_bytes(b"2")
    assert sources_hash("optimizer.search.evolution", other) != by_module["evolution"]
