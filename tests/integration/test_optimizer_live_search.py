"""Agent-REINFORCE, the code scorer and a judge over a real edge, as the command line runs them."""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from runtime.cli.up import reference_plan
from runtime.local.stack import RunningStack, running_stack
from tests.integration.live_study import drawn_tasks, timeless, write_study

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PROGRAM = "from runtime.cli.main import main; main()"
SEARCH: dict[str, Any] = {
    "searcher": {"name": "agent_reinforce", "options": {"first_look": 2, "step_block": 3}},
    "constraints": {"cost_usd": 0.00005},
    "trials": 10,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningStack]:
    root = tmp_path_factory.mktemp("stack")
    async with running_stack(reference_plan(), root, environment=os.environ) as running:
        yield running


async def started(*arguments: str) -> asyncio.subprocess.Process:
    """Start the command line as users do."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, "optimizer", *arguments, "--json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ran(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Run a command to its end and return its code and what it printed."""
    process = await started(*arguments)
    out, errors = await process.communicate()
    assert out, errors.decode()
    assert process.returncode is not None
    return process.returncode, json.loads(out)


def lines_of(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


async def wait_lines(journal: Path, *, count: int) -> None:
    """Wait until a journal has that many lines."""
    async with asyncio.timeout(60):
        while lines_of(journal) < count:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)


@pytest.mark.asyncio(loop_scope="module")
async def test_agent_reinforce_searches_steps_and_its_journal_is_one_for_1_2_and_8_workers(
    tmp_path: Path, stack: RunningStack
) -> None:
    study = str(write_study(tmp_path, stack, **SEARCH))

    code, found = await ran("run", study, "--dir", str(tmp_path / "one"), "--workers", "1")
    for workers in ("2", "8"):
        await ran("run", study, "--dir", str(tmp_path / workers), "--workers", workers)

    assert code == 0
    assert found["recommended"] is not None
    one = timeless(tmp_path / "one" / "journal.jsonl")
    assert one == timeless(tmp_path / "2" / "journal.jsonl")
    assert one == timeless(tmp_path / "8" / "journal.jsonl")
    # Two models alone first: the form that takes graphs apart. Every graph shares their calls.
    asked = [event["graph"] for event in one if event["event"] == "asked"]
    assert set(asked[:2]) == {"assistant@tern-s()", "assistant@gannet-m()"}
    assert found["spent"]["calls"] < sum(event.get("calls", 0) for event in one)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_live_search_killed_outright_goes_on_where_it_was_and_ends_the_same(
    tmp_path: Path, stack: RunningStack
) -> None:
    study = str(write_study(tmp_path, stack, **SEARCH))
    await ran("run", study, "--dir", str(tmp_path / "whole"))
    whole = timeless(tmp_path / "whole" / "journal.jsonl")
    killed = tmp_path / "killed"

    for lines in (4, len(whole) // 2):
        process = await started("run", study, "--dir", str(killed))
        await wait_lines(killed / "journal.jsonl", count=lines)
        process.kill()
        await process.communicate()
    code, _ = await ran("resume", study, "--dir", str(killed))

    assert code == 0
    assert timeless(killed / "journal.jsonl") == whole


@pytest.mark.asyncio(loop_scope="module")
async def test_code_in_answers_is_run_in_the_sandbox_and_prose_is_wrong(
    tmp_path: Path, stack: RunningStack
) -> None:
    plain, first, second = drawn_tasks(public=3, private=0)
    code = [
        {"id": one["id"], "question": one["question"], "scorer": "code", "code": checks}
        for one, checks in (
            (first, {"tests": ["assert add(1, 2) == 3"]}),
            (second, {"cases": [{"stdin": "", "stdout": "8\n"}]}),
        )
    ]
    study = write_study(
        tmp_path,
        stack,
        tasks=[plain, *code],
        scoring={"code": {"sandbox": "namespaces"}},
        graphs={"models": ["gannet-m"], "max_steps": 0, "max_tokens": 120},
        trials=1,
    )

    exit_code, found = await ran("run", str(study))

    assert exit_code == 0
    assert (found["failed"], found["spent"]["executions"]) == (0, 3)
    events = timeless(tmp_path / "study.study" / "journal.jsonl")
    right = {event["question"]: event["right"] for event in events if event["event"] == "outcome"}
    assert right == {0: 1.0, 1: 0.0, 2: 0.0}


@pytest.mark.asyncio(loop_scope="module")
async def test_an_edge_model_that_cannot_judge_gives_no_verdicts_and_its_calls_are_counted(
    tmp_path: Path, stack: RunningStack
) -> None:
    plain, judged = drawn_tasks(public=2, private=0)
    study = write_study(
        tmp_path,
        stack,
        tasks=[plain, {**judged, "scorer": "judge"}],
        scoring={"judge": {"model": "tern-s", "tries": 2, "max_tokens": 40}},
        graphs={"models": ["tern-s"], "max_steps": 0, "max_tokens": 120},
        trials=1,
    )

    exit_code, found = await ran("run", str(study))

    events = timeless(tmp_path / "study.study" / "journal.jsonl")
    kinds = Counter(event["event"] for event in events)
    assert exit_code == 0
    assert kinds["outcome"] == 1  # a question without a verdict has no outcome, right or wrong
    assert found["failed"] == kinds["failed"] > 0
    assert found["spent"]["judge"]["calls"] > 0
    assert found["spent"]["judge"]["tokens"] > 0
