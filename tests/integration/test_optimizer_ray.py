"""Studies on Ray: the same journal as without it, and every way a worker can be lost.

One real local cluster for all tests of this file but those of the command line.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from leeward.v1 import collaboration_pb2 as pb
from leeward.v1 import collaboration_pb2_grpc as pb_grpc
from optimizer.engines.local import LocalEngine
from optimizer.engines.model import A, Do, Engine, Q, Work
from optimizer.engines.ray_cluster import Cluster, own_cluster
from optimizer.engines.ray_pool import PoolSettings, RayPool
from optimizer.evaluation.cache import CallCache
from optimizer.evaluation.edge_work import EdgeWork, WorkerRuns
from optimizer.evaluation.graph_shapes import SpaceLimits
from optimizer.evaluation.graph_space import GraphSpace
from optimizer.evaluation.live import LiveEvaluator, LiveSettings
from optimizer.evaluation.rules import GraphRules
from optimizer.evaluation.tasks import Task
from optimizer.scoring.model import Scorer
from optimizer.study.budget import Budget
from optimizer.study.events import Failed, Header, Outcome
from optimizer.study.execution import ExecutionSettings
from optimizer.study.journal import Journal, read_journal
from optimizer.study.model import Caps
from optimizer.study.runner import FINISHED, Runner, RunSettings
from optimizer.testing import DrawingSearcher, ScriptedEdge
from optimizer.testing_work import MishapWork, ScriptedWork, UnopenedWork
from runtime.clock import SystemClock
from runtime.codec.collaboration import (
    decode_plan_request,
    decode_run_request,
    encode_plan_response,
)
from runtime.codec.events import encode_event
from runtime.errors import BackendUnavailable, CapacityExhausted, StudyInvalid
from runtime.executor.events import AnswerFinished, RunFinished
from runtime.labels import PUBLIC, Label
from runtime.ports import FinishReason
from runtime.rpc.boundary import error_boundary
from runtime.rpc.servers import bind, new_server, stop
from runtime.testing.plans import CATALOG, POLICY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `ray` is not installed"),
    pytest.mark.asyncio(loop_scope="module"),
]

MODELS = ("slm", "llm")
SPACE = GraphSpace("live", SpaceLimits(MODELS, MODELS, ("assistant", "fuser"), 1, 6, 7, 50, 0.8))
RULES = GraphRules(POLICY, CATALOG, {PUBLIC: 1.0}, (), date(2026, 1, 1), 4)
TASKS = (
    Task("one", "What is it?", "42", Scorer.NUMERIC, PUBLIC),
    Task("two", "How long is it?", "42", Scorer.NUMERIC, PUBLIC),
    Task("private", "What has Anna?", "42", Scorer.NUMERIC, Label.of("person")),
)
CANDIDATES = [
    SPACE.candidate([int(one.name in on) for one in SPACE.decisions])
    for on in ([], ["final.model"], ["s1->final"], ["s1->final", "final.model"])
]
NO_CAPS = Caps()
SCRIPTED = ScriptedWork()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster() -> AsyncIterator[Cluster]:
    async with own_cluster(cpus=2, environment=os.environ) as running:
        yield running


@dataclass
class SharedRay:
    """The engine on Ray, on a cluster that outlives it."""

    cluster: Cluster

    @asynccontextmanager
    async def opened(
        self, work: Work[Q, A], *, workers: int, progress: Callable[[str], None] = lambda _: None
    ) -> AsyncIterator[Do[Q, A]]:
        settings = PoolSettings(min(workers, 2))
        async with RayPool.opened(self.cluster.ray, work, settings) as pool:
            yield pool.do


def mishaps(
    cluster: Cluster, marks: Path, *, size: int = 1, ping_s: float = 30.0
) -> AbstractAsyncContextManager[RayPool]:
    return RayPool.opened(cluster.ray, MishapWork(marks), PoolSettings(size, ping_s=ping_s))


async def run_study(
    directory: Path,
    engine: Engine,
    *,
    workers: int,
    caps: Caps = NO_CAPS,
    work: ScriptedWork | EdgeWork = SCRIPTED,
    retries: int = 0,
    is_stopping: Callable[[], bool] = lambda: False,
) -> tuple[str, Budget]:
    budget = Budget(caps, clock=SystemClock())
    with (
        closing(CallCache(directory / "calls.sqlite", study="this")) as cache,
        Journal(directory / "journal.jsonl") as journal,
    ):
        async with engine.opened(work, workers=workers) as do:
            runner = Runner(
                journal=journal,
                header=Header("live", "hash", "outcomes", "drawing", 7, len(TASKS)),
                searcher=DrawingSearcher(CANDIDATES, questions=len(TASKS), per_trial=2, seed=7),
                evaluator=LiveEvaluator(
                    WorkerRuns(do),
                    SPACE,
                    TASKS,
                    rules=RULES,
                    cache=cache,
                    settings=LiveSettings("policy", {}),
                ),
                budget=budget,
                settings=RunSettings(
                    trials=6,
                    batch=3,
                    executions=ExecutionSettings(workers=workers, retries=retries),
                ),
                is_stopping=is_stopping,
            )
            return await runner.run(), budget


def lines_of(directory: Path) -> bytes:
    return (directory / "journal.jsonl").read_bytes()


def events_of(directory: Path, kind: type[Any]) -> list[Any]:
    return [one for one in read_journal(directory / "journal.jsonl") if isinstance(one, kind)]


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110 - a process gives no event to wait for
            await asyncio.sleep(0.05)


async def test_the_journal_is_the_same_for_1_2_and_8_workers_here_and_on_ray(
    tmp_path: Path, cluster: Cluster
) -> None:
    reason, _ = await run_study(tmp_path / "local-1", LocalEngine(), workers=1)
    expected = lines_of(tmp_path / "local-1")

    for workers in (2, 8):
        await run_study(tmp_path / f"local-{workers}", LocalEngine(), workers=workers)
        assert lines_of(tmp_path / f"local-{workers}") == expected
    for workers in (1, 2, 8):
        await run_study(tmp_path / f"ray-{workers}", SharedRay(cluster), workers=workers)
        assert lines_of(tmp_path / f"ray-{workers}") == expected

    assert reason == FINISHED
    assert events_of(tmp_path / "ray-8", Failed) == []


class Node(pb_grpc.CollaborationServicer):
    """An edge's contract over gRPC, on scripted models."""

    def __init__(self) -> None:
        self._edge = ScriptedEdge()

    async def Plan(self, request: pb.PlanRequest, context: Any) -> pb.PlanResponse:
        async with error_boundary(context, "Collaboration.Plan"):
            return encode_plan_response(await self._edge.plan(decode_plan_request(request)))

    async def Run(self, request: pb.RunRequest, context: Any) -> AsyncIterator[pb.RunResponse]:
        async with error_boundary(context, "Collaboration.Run"):
            run = await self._edge.run(decode_run_request(request))
            yield encode_event(AnswerFinished(run.text, FinishReason.STOP, run.receipt.label))
            yield encode_event(RunFinished(run.receipt))


async def test_workers_reach_an_edge_over_grpc_and_the_journal_is_what_it_is_without_them(
    tmp_path: Path, cluster: Cluster
) -> None:
    server = new_server(max_concurrent_rpcs=64)
    pb_grpc.add_CollaborationServicer_to_server(Node(), server)
    port = bind(server, "127.0.0.1:0", tls=None)
    await server.start()
    work = EdgeWork(f"127.0.0.1:{port}", RULES, 60.0, MODELS)

    try:
        await run_study(tmp_path / "here", LocalEngine(), workers=1, work=work)
        await run_study(tmp_path / "there", SharedRay(cluster), workers=8, work=work)
        with pytest.raises(StudyInvalid, match='lists "nobody", which the edge does not know'):
            async with SharedRay(cluster).opened(replace(work, models=("nobody",)), workers=1):
                pass
    finally:
        await stop(server, None, grace_s=0)

    assert events_of(tmp_path / "here", Outcome)
    assert events_of(tmp_path / "there", Failed) == []
    assert lines_of(tmp_path / "there") == lines_of(tmp_path / "here")


async def test_a_cap_ends_a_study_on_ray_at_the_same_execution_and_is_not_overshot(
    tmp_path: Path, cluster: Cluster
) -> None:
    caps = Caps(calls=12, usd=0.02)

    here, _ = await run_study(tmp_path / "here", LocalEngine(), workers=1, caps=caps)
    there, budget = await run_study(tmp_path / "there", SharedRay(cluster), workers=8, caps=caps)

    assert here == there == "budget: calls"
    assert lines_of(tmp_path / "there") == lines_of(tmp_path / "here")
    assert 0 < budget.spent.calls <= 12


async def test_a_worker_that_is_killed_costs_the_worst_case_and_the_study_goes_on(
    tmp_path: Path, cluster: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = tmp_path / "whole"
    await run_study(whole, LocalEngine(), workers=1)
    work = replace(SCRIPTED, dies_on="How long", marks=tmp_path)

    reason, budget = await run_study(
        tmp_path / "hurt", SharedRay(cluster), workers=1, work=work, retries=1
    )

    failed, expected = events_of(tmp_path / "hurt", Failed), events_of(whole, Outcome)
    assert reason == FINISHED
    assert [(one.error, one.question) for one in failed] == [("BackendUnavailable", 1)]
    assert failed[0].spent.executions == 1
    assert failed[0].spent.calls > 0
    found = events_of(tmp_path / "hurt", Outcome)
    assert [one.evaluated.answered for one in found] == [one.evaluated.answered for one in expected]
    spent = sum(one.evaluated.spent.calls for one in found)
    assert budget.spent.calls == spent + failed[0].spent.calls
    assert capfd.readouterr().out == ""  # where `--json` prints its one object


async def test_a_study_on_ray_that_is_stopped_is_finished_without_it(
    tmp_path: Path, cluster: Cluster
) -> None:
    await run_study(tmp_path / "whole", LocalEngine(), workers=1)
    directory = tmp_path / "stopped"
    stop = tmp_path / "stop"
    stop.touch()

    reason, _ = await run_study(directory, SharedRay(cluster), workers=2, is_stopping=stop.exists)
    again, _ = await run_study(directory, LocalEngine(), workers=1)

    without_end = [line for line in lines_of(directory).splitlines() if b"stop file" not in line]
    assert (reason, again) == ("stop file", FINISHED)
    assert without_end == lines_of(tmp_path / "whole").splitlines()


async def test_failures_and_faults_come_back_without_what_may_hold_a_prompt(
    tmp_path: Path, cluster: Cluster
) -> None:
    async with mishaps(cluster, tmp_path) as pool:
        with pytest.raises(CapacityExhausted) as full:
            await pool.do("full")
        with pytest.raises(RuntimeError, match=r"^KeyError at testing_work\.py:\d+ in a worker$"):
            await pool.do("fault")

    assert full.value.retry_after_s == 7.5


async def test_a_lost_worker_is_replaced_by_another_process(
    tmp_path: Path, cluster: Cluster
) -> None:
    async with mishaps(cluster, tmp_path) as pool:
        before = await pool.do("pid")
        with pytest.raises(BackendUnavailable, match="was lost: ActorDiedError"):
            await pool.do("die")
        after = await pool.do("pid")

    assert before != after
    assert not psutil.pid_exists(before)


async def test_a_cancelled_request_is_cancelled_in_the_worker_which_is_kept(
    tmp_path: Path, cluster: Cluster
) -> None:
    async with mishaps(cluster, tmp_path) as pool:
        before = pool.workers
        waiting = asyncio.ensure_future(pool.do("wait"))
        await wait_until((tmp_path / "waiting").exists)
        waiting.cancel()
        await wait_until((tmp_path / "cancelled").exists)

        assert await pool.do("pid") == before[0].pid


async def test_a_worker_that_hangs_is_ended_and_replaced(tmp_path: Path, cluster: Cluster) -> None:
    async with mishaps(cluster, tmp_path, ping_s=1.0) as pool:
        hung = pool.workers[0].pid
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await pool.do("hang")

        after = await pool.do("pid")

    assert after != hung
    await wait_until(lambda: not psutil.pid_exists(hung))


async def test_work_that_no_worker_can_open_is_refused_with_its_own_reason(
    cluster: Cluster,
) -> None:
    with pytest.raises(StudyInvalid, match='lists "nobody", which the edge does not know'):
        async with RayPool.opened(cluster.ray, UnopenedWork(), PoolSettings(2)):
            pass
