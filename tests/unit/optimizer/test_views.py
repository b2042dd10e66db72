"""What people see in a terminal: tables and a bar that fit 80 characters."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from optimizer.cli_progress import RunWatcher, two_lines
from optimizer.cli_views import measured_table
from optimizer.evaluation.model import Spend
from optimizer.search.model import Candidate, CandidateKey, Recommendation, Trial
from optimizer.study.archive import Measured
from optimizer.study.budget import Budget
from optimizer.study.events import Asked, Done, Recommended
from optimizer.study.model import Caps
from runtime.testing.fakes import ManualClock
from tests.unit.optimizer.study.test_watch import measured

KEY = "assistant@gannet-m(assistant@tern-m(assistant@gannet-l#0))"


def graph_of(number: int, key: str = KEY) -> Measured:
    return replace(measured(90, 100), number=number, candidate=Candidate(CandidateKey(key), (0,)))


def printed(thing: object, *, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(thing)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_narrow_table_keeps_each_graph_on_one_line_and_says_below_what_it_is() -> None:
    lines = printed(measured_table([graph_of(7), graph_of(9, "short")]), width=80)

    assert len(lines) == 5
    assert lines[1].startswith("g7 ")
    assert lines[2].startswith("g9 ")
    assert lines[3:] == [f"g7 is {KEY}", "g9 is short"]


def test_a_wide_table_says_it_in_its_last_column() -> None:
    lines = printed(measured_table([graph_of(7)]), width=160)

    assert len(lines) == 2
    assert lines[1].endswith(KEY)


@pytest.mark.parametrize("width", [80, 160])
def test_what_leaves_and_what_was_free_is_said_where_there_is_room(width: int) -> None:
    one = graph_of(7, "short")
    sent = replace(one, values={**one.values, "egress_bytes": 1234.4}, virtual=12)

    told = " ".join(printed(measured_table([sent]), width=width))

    assert "1,234" in told
    assert "12 of 100" in told
    assert ("bytes out" in told) == ("free" in told) == (width == 160)


def test_two_measurements_of_one_graph_are_told_apart() -> None:
    lines = printed(measured_table([graph_of(7), graph_of(0)], names=("g7", "now")), width=80)

    assert [line.split()[0] for line in lines[1:3]] == ["g7", "now"]
    assert lines[3:] == [f"g7 is {KEY}"]


@pytest.mark.parametrize("width", [80, 120])
def test_a_running_bar_shows_time_left_money_and_the_best_graph(width: int) -> None:
    console = Console(file=io.StringIO(), width=width)
    progress = two_lines(console)
    watcher = RunWatcher(progress, executions=28_800)
    budget = Budget(Caps(usd=1.0), clock=ManualClock())
    budget.charge(Spend(0.123, 9000, 3451, 8561, exposed=frozenset(range(95))))
    candidate = graph_of(1).candidate

    watcher(Asked(Trial(299, candidate, (0,))), budget)
    watcher(Done(299, 1, 0, 0.9), budget)
    watcher(Recommended(299, Recommendation(candidate, 0.896, (0.8, 0.95), 96)), budget)

    bar, words = printed(progress.get_renderable(), width=width)
    assert bar.startswith("trial 300 ")
    assert "0/28800" in bar
    assert bar.endswith("-:--:--")
    assert words == ("$0.123 of $1.00, 8561 runs, 3451 calls, 95 questions exposed; best 89.6%")
