"""One study, one journal: whatever the number of workers, wherever it was killed."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optimizer.study.budget import Budget
from optimizer.study.events import Done, Ended, Event, Failed, Header, Outcome
from optimizer.study.execution import ExecutionSettings
from optimizer.study.journal import Journal, read_journal
from optimizer.study.model import Caps
from optimizer.study.runner import FINISHED, Runner, RunSettings
from optimizer.testing import DrawingSearcher, TableEvaluator, candidates_of
from runtime.errors import BackendUnavailable, CapacityExhausted, ContextOverflow, StudyInvalid
from runtime.testing.fakes import ManualClock

QUESTIONS = 12
NO_CAPS = Caps()
HEADER = Header("test", "hash", "outcomes", "drawing", 7, QUESTIONS)
REPEATED = settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


def run_study(
    directory: Path,
    *,
    workers: int = 1,
    caps: Caps = NO_CAPS,
    trials: int = 6,
    batch: int = 2,
    retries: int = 0,
    evaluator: TableEvaluator | None = None,
    header: Header = HEADER,
    seed: int = 7,
    **more: Any,
) -> tuple[str, TableEvaluator, Budget]:
    table = evaluator or TableEvaluator(QUESTIONS, shuffle_seed=workers)
    clock = ManualClock()

    async def run() -> tuple[str, Budget]:
        budget = Budget(caps, clock=clock)
        with Journal(directory / "journal.jsonl") as journal:
            runner = Runner(
                journal=journal,
                header=header,
                searcher=DrawingSearcher(
                    candidates_of(5), questions=QUESTIONS, per_trial=4, seed=seed
                ),
                evaluator=table,
                budget=budget,
                settings=RunSettings(
                    trials=trials,
                    batch=batch,
                    executions=ExecutionSettings(workers=workers, retries=retries),
                ),
                pause=clock.sleep,
                **more,
            )
            return await runner.run(), budget

    reason, budget = asyncio.run(run())
    return reason, table, budget


def lines_of(directory: Path) -> bytes:
    return (directory / "journal.jsonl").read_bytes()


def events_of(directory: Path, kind: type[Event]) -> list[Any]:
    return [one for one in read_journal(directory / "journal.jsonl") if isinstance(one, kind)]


@pytest.mark.parametrize("workers", [2, 8])
def test_the_journal_is_the_same_byte_for_byte_for_any_number_of_workers(
    tmp_path: Path, workers: int
) -> None:
    run_study(tmp_path / "one", workers=1)

    _, table, _ = run_study(tmp_path / "many", workers=workers)

    assert lines_of(tmp_path / "many") == lines_of(tmp_path / "one")
    assert 1 < table.most_running <= workers


def test_a_study_killed_at_every_line_ends_with_the_same_journal(tmp_path: Path) -> None:
    run_study(tmp_path / "whole")
    whole = lines_of(tmp_path / "whole")
    ends = [place + 1 for place, byte in enumerate(whole) if byte == 10]

    for end in [0, *ends]:
        cut = tmp_path / f"cut-{end}"
        cut.mkdir()
        (cut / "journal.jsonl").write_bytes(whole[:end])
        run_study(cut, workers=3)
        assert lines_of(cut) == whole, end


@REPEATED
@given(data=st.data())
def test_a_study_killed_at_any_byte_ends_with_the_same_journal(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("study")
    seed = data.draw(st.integers(0, 1000))
    run_study(directory, seed=seed, trials=4)
    whole = lines_of(directory)
    end = data.draw(st.integers(0, len(whole)))
    (directory / "journal.jsonl").write_bytes(whole[:end])

    run_study(directory, seed=seed, trials=4, workers=data.draw(st.sampled_from([1, 2, 8])))

    assert lines_of(directory) == whole


def test_a_resumed_study_runs_only_what_the_journal_lacks(tmp_path: Path) -> None:
    run_study(tmp_path)
    whole = lines_of(tmp_path)
    (tmp_path / "journal.jsonl").write_bytes(whole[: len(whole) // 2])
    kept = {(one.trial, one.evaluated.question) for one in events_of(tmp_path, Outcome)}

    _, table, _ = run_study(tmp_path)

    outcomes = events_of(tmp_path, Outcome)
    fresh = [
        one
        for one in outcomes
        if one.evaluated.source.value == "fresh" and (one.trial, one.evaluated.question) not in kept
    ]
    assert sum(table.calls.values()) == len(fresh)


def test_the_same_graph_and_question_is_never_run_twice(tmp_path: Path) -> None:
    _, table, _ = run_study(tmp_path, trials=40, batch=8, workers=8)

    assert max(table.calls.values()) == 1
    sources = {one.evaluated.source.value for one in events_of(tmp_path, Outcome)}
    assert sources == {"fresh", "known"}


@REPEATED
@given(
    usd=st.floats(0, 12),
    executions=st.integers(0, 30),
    exposed=st.integers(0, QUESTIONS),
    tokens=st.integers(0, 2500),
    workers=st.sampled_from([1, 2, 8]),
)
def test_no_cap_is_overshot_and_workers_do_not_change_where_it_ends(
    tmp_path_factory: pytest.TempPathFactory,
    usd: float,
    executions: int,
    exposed: int,
    tokens: int,
    workers: int,
) -> None:
    caps = Caps(usd=usd, executions=executions, exposed_questions=exposed, tokens=tokens)
    one, many = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("many")

    _, _, budget = run_study(one, caps=caps)
    run_study(many, caps=caps, workers=workers)

    spent = budget.spent
    assert spent.usd <= usd * (1 + 1e-9)
    assert spent.executions <= executions
    assert len(spent.exposed) <= exposed
    assert spent.tokens <= tokens
    assert lines_of(many) == lines_of(one)


def test_a_study_stopped_by_its_budget_goes_on_when_there_is_more(tmp_path: Path) -> None:
    run_study(tmp_path / "whole")
    reason, _, _ = run_study(tmp_path / "short", caps=Caps(executions=9))
    kept = len(events_of(tmp_path / "short", Outcome))

    more, _, _ = run_study(tmp_path / "short")

    assert (reason, more) == ("budget: executions", FINISHED)
    assert kept > 0
    without_end = [
        line for line in lines_of(tmp_path / "short").splitlines() if b"budget" not in line
    ]
    assert without_end == lines_of(tmp_path / "whole").splitlines()


def test_a_failure_is_no_wrong_answer_and_is_charged_its_worst_case(tmp_path: Path) -> None:
    table = TableEvaluator(QUESTIONS, failures={})
    searcher = DrawingSearcher(candidates_of(5), questions=QUESTIONS, per_trial=4, seed=7)
    first = searcher.ask()[0]
    pair = (str(first.candidate.key), first.questions[1])
    table.failures[pair] = [ContextOverflow("too long")]

    _, _, budget = run_study(tmp_path, evaluator=table, trials=2, batch=2)

    done = events_of(tmp_path, Done)[0]
    failed = events_of(tmp_path, Failed)
    assert (done.answered, done.failed) == (3, 1)
    assert [(one.error, one.spent.usd) for one in failed] == [("ContextOverflow", 1.0)]
    assert budget.spent.executions == 8 - sum(
        one.evaluated.source.value != "fresh" for one in events_of(tmp_path, Outcome)
    )


def test_what_may_pass_is_tried_again_and_a_refusal_at_the_door_costs_nothing(
    tmp_path: Path,
) -> None:
    table = TableEvaluator(QUESTIONS)
    first = DrawingSearcher(candidates_of(5), questions=QUESTIONS, per_trial=4, seed=7).ask()[0]
    pair = (str(first.candidate.key), first.questions[0])
    table.failures[pair] = [CapacityExhausted("full"), BackendUnavailable("gone")]

    run_study(tmp_path, evaluator=table, trials=2, retries=2)

    failed = events_of(tmp_path, Failed)
    assert [(one.error, one.spent.usd) for one in failed] == [
        ("CapacityExhausted", 0.0),
        ("BackendUnavailable", 1.0),
    ]
    assert events_of(tmp_path, Done)[0].failed == 0


def test_a_failure_in_an_open_trial_is_tried_again_when_the_study_is_resumed(
    tmp_path: Path,
) -> None:
    table = TableEvaluator(QUESTIONS)
    first = DrawingSearcher(candidates_of(5), questions=QUESTIONS, per_trial=4, seed=7).ask()[0]
    table.failures[str(first.candidate.key), first.questions[0]] = [ContextOverflow("long")]
    run_study(tmp_path, evaluator=table)
    lines = lines_of(tmp_path).splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if b'"failed"' in line)
    (tmp_path / "journal.jsonl").write_bytes(b"".join(lines[: place + 1]))

    run_study(tmp_path)

    assert events_of(tmp_path, Done)[0].failed == 0
    assert len(events_of(tmp_path, Failed)) == 1


def test_a_study_whose_executions_all_fail_stops(tmp_path: Path) -> None:
    table = TableEvaluator(QUESTIONS)
    for candidate in candidates_of(5):
        for question in range(QUESTIONS):
            table.failures[str(candidate.key), question] = [ContextOverflow("long")] * 9

    reason, _, _ = run_study(tmp_path, evaluator=table, trials=20)

    assert reason == "failures: ContextOverflow"
    assert sum(table.calls.values()) == 10


def test_a_stop_keeps_what_was_paid_for(tmp_path: Path) -> None:
    table = TableEvaluator(QUESTIONS)

    reason, _, _ = run_study(
        tmp_path, evaluator=table, is_stopping=lambda: sum(table.calls.values()) >= 6
    )

    assert reason == "stop file"
    assert len(events_of(tmp_path, Outcome)) >= 6
    assert events_of(tmp_path, Ended)[-1].reason == "stop file"
    assert run_study(tmp_path)[0] == FINISHED


def test_the_journal_of_another_study_is_refused_with_what_differs(tmp_path: Path) -> None:
    run_study(tmp_path)

    with pytest.raises(StudyInvalid, match="differs in seed"):
        run_study(tmp_path, header=Header("test", "hash", "outcomes", "drawing", 8, QUESTIONS))


def test_a_searcher_that_goes_another_way_is_refused(tmp_path: Path) -> None:
    run_study(tmp_path, seed=7)

    with pytest.raises(StudyInvalid, match="goes another way"):
        run_study(tmp_path, seed=8)


def test_outcomes_of_another_study_are_free(tmp_path: Path) -> None:
    run_study(tmp_path / "first")
    known = {
        (one.trial, one.evaluated.question): one.evaluated.answered
        for one in events_of(tmp_path / "first", Outcome)
    }
    table = TableEvaluator(QUESTIONS)
    foreign = {
        (candidate.key, question): table.answer(candidate, question)
        for candidate in candidates_of(5)
        for question in range(QUESTIONS)
    }

    _, table, budget = run_study(tmp_path / "second", evaluator=table, foreign=foreign)

    assert known
    assert (table.calls, budget.spent.executions) == ({}, 0)
