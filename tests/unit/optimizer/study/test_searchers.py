"""Every searcher runs on a live study's space, and lives with answers that never come."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from optimizer.evaluation.graph_shapes import SpaceLimits
from optimizer.evaluation.graph_space import GraphSpace
from optimizer.study.budget import Budget
from optimizer.study.events import Done, Header
from optimizer.study.execution import ExecutionSettings
from optimizer.study.journal import Journal, read_journal
from optimizer.study.model import Caps, ReplaySource, SearcherChoice, Study
from optimizer.study.runner import Runner, RunSettings
from optimizer.study.searchers import make_searcher
from optimizer.testing import TableEvaluator
from runtime.errors import ContextOverflow
from runtime.testing.fakes import ManualClock

QUESTIONS = 30
MODELS = ("small", "large")
SPACE = GraphSpace("any", SpaceLimits(MODELS, MODELS, ("assistant", "fuser"), 2, 6, 7, 50, 0.8))
STUDY = Study(
    name="any",
    file=Path("study.yaml"),
    hash="hash",
    outcomes_hash="outcomes",
    source=ReplaySource(Path("m"), Path("s")),
    caps=Caps(executions=600),
    constraints=(),
    confidence=0.9,
    objectives=("accuracy",),
    searcher=SearcherChoice("random", {}),
    trials=16,
    batch=4,
    seed=5,
    workers=1,
    warm_start=None,
)


def run(name: str, directory: Path, *, workers: int, failing: int = 0) -> bytes:
    study = replace(STUDY, searcher=SearcherChoice(name, {}))
    table = TableEvaluator(QUESTIONS, shuffle_seed=workers)
    listed = SPACE.candidates()
    assert listed is not None
    for candidate in listed:
        for question in range(failing):
            table.failures[str(candidate.key), question * 3] = [ContextOverflow("too long")] * 99

    async def work() -> None:
        with Journal(directory / "journal.jsonl") as journal:
            runner = Runner(
                journal=journal,
                header=Header(study.name, study.hash, "outcomes", name, study.seed, QUESTIONS),
                searcher=make_searcher(study, SPACE, questions=QUESTIONS),
                evaluator=table,
                budget=Budget(study.caps, clock=ManualClock()),
                settings=RunSettings(
                    trials=study.trials,
                    batch=study.batch,
                    syncs_each=False,
                    executions=ExecutionSettings(workers=workers),
                ),
            )
            await runner.run()

    asyncio.run(work())
    return (directory / "journal.jsonl").read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "agent_reinforce",
        "evolution",
        "exhaustive",
        "local_search",
        "maao_rule",
        "random",
        "reinforce",
        "successive_halving",
        "textgrad_rule",
    ],
)
def test_workers_and_kills_change_nothing_for_any_searcher(tmp_path: Path, name: str) -> None:
    whole = run(name, tmp_path / "one", workers=1)
    cut = tmp_path / "cut"
    cut.mkdir()
    (cut / "journal.jsonl").write_bytes(whole[: len(whole) * 2 // 3])

    resumed = run(name, cut, workers=8)

    events = read_journal(tmp_path / "one" / "journal.jsonl")
    assert resumed == whole
    assert any(isinstance(event, Done) for event in events)


@pytest.mark.parametrize("name", ["agent_reinforce", "evolution", "random", "successive_halving"])
def test_a_searcher_goes_on_when_some_questions_are_never_answered(
    tmp_path: Path, name: str
) -> None:
    run(name, tmp_path, workers=2, failing=4)

    done = [one for one in read_journal(tmp_path / "journal.jsonl") if isinstance(one, Done)]
    assert len(done) > 3
    assert any(one.failed for one in done)
