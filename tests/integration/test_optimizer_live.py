"""A live study on the reference models: an edge, a gateway and an LLM server as real processes."""

import json
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from optimizer.evaluation.cache import CallCache
from optimizer.evaluation.edge_runs import EdgeRuns
from optimizer.evaluation.live import LiveEvaluator, LiveSettings, check_models
from optimizer.evaluation.model import Answered
from optimizer.search.model import Candidate
from optimizer.study.budget import Budget
from optimizer.study.bundle import write_bundle
from optimizer.study.events import Event
from optimizer.study.opening import OpenStudy, open_study
from optimizer.study.running import RunPlace, run_study
from optimizer.study.searchers import make_searcher
from runtime.cli.up import reference_plan
from runtime.clock import SystemClock
from runtime.codec.collaboration import CollaborationCall
from runtime.errors import StudyInvalid
from runtime.graph.model import Graph
from runtime.identity.graph_signature import load_signed_graph
from runtime.identity.signing_keys import load_or_create_key
from runtime.local.stack import RunningStack, running_stack
from runtime.ports import ChatMessage
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.collaboration_client import CollaborationClient
from tests.integration.live_study import TODAY, write_study

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningStack]:
    root = tmp_path_factory.mktemp("stack")
    async with running_stack(reference_plan(), root, environment=os.environ) as running:
        yield running


async def run(one: OpenStudy, place: RunPlace) -> tuple[str, Budget]:
    seen: list[Budget] = []

    def observer(_: Event, budget: Budget) -> None:
        seen.append(budget)

    async with one.evaluator(place) as opened:
        searcher = make_searcher(one.study, one.space, questions=one.questions)
        result = await run_study(
            one.study, searcher, opened, place, clock=SystemClock(), observer=observer
        )
    return result.reason, seen[-1]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_live_study_ends_is_resumed_for_nothing_and_is_reproduced_by_its_export(
    tmp_path: Path, stack: RunningStack
) -> None:
    one = open_study(write_study(tmp_path, stack), today=TODAY)
    one.check_possible()
    place = RunPlace(tmp_path / "study")

    reason, budget = await run(one, place)
    journal = place.journal.read_bytes()
    again, _ = await run(one, place)

    archive = one.archive(place)
    best = max(archive.measured, key=lambda graph: graph.accuracy)
    assert (reason, again) == ("finished", "finished")
    assert place.journal.read_bytes() == journal
    assert 0 < budget.spent.usd < 0.5
    assert sum(one.virtual < len(one.outcomes.questions) for one in archive.measured) == 5

    key, _ = load_or_create_key(tmp_path / "key.pem")
    document, _ = write_bundle(
        tmp_path / "graphs",
        one.space.graph(best.candidate),
        name="found",
        key=key,
        provenance={"study": "live"},
    )
    graph, _ = load_signed_graph(document, signers=[key.public_key()])
    right = [answered.right for answered in await _rerun(one, graph)]
    assert sum(right) / len(right) == best.accuracy


@pytest.mark.asyncio(loop_scope="module")
async def test_calls_one_by_one_give_what_the_whole_graph_gives(
    tmp_path: Path, stack: RunningStack
) -> None:
    one = open_study(write_study(tmp_path, stack), today=TODAY)
    assert one.live is not None
    task = one.live.source.tasks[0]
    chain = _candidate(one, "s1->s2", "s2->final")
    wide = _candidate(one, "s1->final", "s2->final")
    cache = CallCache(tmp_path / "calls.sqlite", study="one")

    async with open_channel(ChannelSettings(stack.edge_grpc, tls=None)) as channel:
        runs = EdgeRuns(CollaborationClient(channel), rules=one.live.rules, timeout_s=60)
        await check_models(runs, ("tern-s", "gannet-m"), task)
        evaluator = LiveEvaluator(
            runs,
            one.space,
            one.live.source.tasks,
            rules=one.live.rules,
            cache=cache,
            settings=LiveSettings("policy", {}),
        )
        for candidate in (chain, wide):
            evaluated = await evaluator.evaluate(candidate, 0)
            request = (ChatMessage("user", task.question),)
            whole = await runs.run(CollaborationCall(one.space.graph(candidate), request))
            ran = await evaluator._calls.run(one.space.graph(candidate), request)
            assert ran.is_complete
            sink = one.space.graph(candidate).sink.id
            assert ran.by_step[sink].result.text == whole.text
            assert evaluated.answered.cost_usd == pytest.approx(whole.cost_usd)
            assert evaluated.answered.tokens == whole.tokens

        shared = await evaluator.evaluate(wide, 0)
        with pytest.raises(StudyInvalid, match="which the edge does not know"):
            await check_models(runs, ("nobody",), task)

    assert shared.spent.calls == 0
    assert shared.answered.calls == 3


@pytest.mark.asyncio(loop_scope="module")
async def test_shipped_patterns_are_run_measured_and_exported_like_composed_graphs(
    tmp_path: Path, stack: RunningStack
) -> None:
    graphs = {
        "models": ["tern-s", "gannet-m"],
        "max_steps": 0,
        "max_tokens": 120,
        "patterns": ["cascade-confidence", "cross-check", "abstain"],
    }
    changes = {"graphs": graphs, "searcher": {"name": "exhaustive"}, "trials": 6}
    one = open_study(write_study(tmp_path, stack, **changes), today=TODAY)
    one.check_possible()
    place = RunPlace(tmp_path / "study")

    reason, budget = await run(one, place)

    measured = {str(graph.candidate.key): graph for graph in one.archive(place).measured}
    cascade = measured["cascade-confidence(near=tern-s,far=gannet-m)"]
    assert reason in ("finished", "nothing left to ask")
    assert set(measured) == {
        "assistant@tern-s()",
        "assistant@gannet-m()",
        "cascade-confidence(near=tern-s,far=gannet-m)",
        "cross-check(near=tern-s,far=gannet-m,far-small=gannet-m)",
        "abstain(near=tern-s)",
    }
    assert measured["abstain(near=tern-s)"].outcomes.calls[0] != ()
    assert not measured["abstain(near=tern-s)"].outcomes.exposed.any()
    assert budget.spent.usd <= one.live.rules.worst_case(  # type: ignore[union-attr]
        one.space.graph(cascade.candidate), 0, prompt_tokens=400
    ).usd * 4 * len(measured)

    key, _ = load_or_create_key(tmp_path / "key.pem")
    document, _ = write_bundle(
        tmp_path / "graphs",
        one.space.graph(cascade.candidate),
        name="found",
        key=key,
        provenance={"study": "live"},
    )
    graph, _ = load_signed_graph(document, signers=[key.public_key()])
    right = [answered.right for answered in await _rerun(one, graph)]
    assert sum(right) / len(right) == cascade.accuracy


async def _rerun(one: OpenStudy, graph: Graph) -> list[Answered]:
    """Run an exported graph on every question as an application would."""
    assert one.live is not None
    source = one.live.source
    found = []
    async with open_channel(ChannelSettings(source.edge, tls=None)) as channel:
        runs = EdgeRuns(CollaborationClient(channel), rules=one.live.rules, timeout_s=60)
        for task in source.tasks:
            request = (ChatMessage("user", task.question),)
            run = await runs.run(CollaborationCall(graph, request, declared_label=task.label))
            right = float(run.text.rpartition("Answer:")[2].strip().rstrip(".") == task.answer)
            found.append(Answered(right, run.receipt.left_the_edge, 0.0, 0.0, 0.0))
    return found


def _candidate(one: OpenStudy, *edges: str) -> Candidate:
    choices = [
        int(decision.name in edges or decision.name == "s2.model")
        for decision in one.space.decisions
    ]
    return one.space.candidate(choices)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_study_can_start_an_edge_of_its_own_and_ends_it(
    tmp_path: Path, stack: RunningStack
) -> None:
    config = yaml.safe_load(stack.layout.edge_config.read_text())
    catalog = yaml.safe_load((stack.layout.root / "catalog.yaml").read_text())
    del catalog["models"]["gannet-m"]
    graph = {"leeward": "graph/v1", "name": "ask-edge", "steps": {"answer": {"role": "assistant"}}}
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "ask.yaml").write_text(yaml.safe_dump(graph))
    (tmp_path / "catalog.yaml").write_text(yaml.safe_dump(catalog))
    own = {
        **config,
        "listen": "127.0.0.1:0",
        "http": "127.0.0.1:0",
        "state": "state",
        "policy": str(stack.layout.root / "policy.yaml"),
        "catalog": "catalog.yaml",
        "graphs": "graphs",
        "default_graph": "ask-edge",
        "gateway": None,
    }
    (tmp_path / "edge.yaml").write_text(yaml.safe_dump(own))
    path = write_study(tmp_path, stack, trials=1)
    study = yaml.safe_load(path.read_text())
    study["catalog"] = "catalog.yaml"
    study["evaluation"] = {"live": {"edge_config": "edge.yaml", "timeout_s": 60}}
    study["graphs"] = {"models": ["tern-s"], "max_steps": 0, "max_tokens": 60}
    path.write_text(yaml.safe_dump(study))
    one = open_study(path, today=TODAY)
    place = RunPlace(tmp_path / "study", environment=dict(os.environ))

    reason, budget = await run(one, place)

    assert reason == "finished"
    assert (budget.spent.executions, budget.spent.cloud_calls) == (4, 0)
    address = json.loads((place.directory / "edge.ready.json").read_text())["grpc"]
    host, _, port = address.rpartition(":")
    with (
        pytest.raises(ConnectionRefusedError),
        socket.create_connection((host, int(port)), timeout=1),
    ):
        pass
