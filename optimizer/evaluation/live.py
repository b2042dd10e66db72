"""Run graphs on an edge, as an application would: the edge plans, releases, gates and executes.

Cloud calls therefore leave through the edge's own gate and stand in its ledger. What was paid for
goes into the cache before it is reported; a graph that the edge refuses for a question is a wrong
answer that cost nothing, a failure is no answer at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace

from optimizer.evaluation.cache import CallCache, GraphKey
from optimizer.evaluation.calls import CallResult, Calls, CallsRun, PaidCall
from optimizer.evaluation.edge_runs import REFUSALS, Runs
from optimizer.evaluation.model import Answered, Evaluated, Source, Spend, full_spend
from optimizer.evaluation.purchases import Purchases
from optimizer.evaluation.rules import GraphRules
from optimizer.evaluation.scoring import Scored, Scoring
from optimizer.evaluation.tasks import Task
from optimizer.judging.judge import PaidVote
from optimizer.judging.privacy import check_public
from optimizer.search.costs import text_bytes
from optimizer.search.model import Candidate, Space, Trial
from runtime.codec.collaboration import CollaborationCall
from runtime.errors import CloudAway, NotFound, StudyInvalid
from runtime.graph.hash import graph_hash
from runtime.graph.model import Graph, Step
from runtime.graph.roles import Role
from runtime.ids import ModelName, StepId
from runtime.labels import PUBLIC, Label
from runtime.planner.estimate import critical_path_s
from runtime.ports import ChatMessage, Sampling

__all__ = ["LiveEvaluator", "LiveSettings", "check_models"]

_TURN_TOKENS = 64
"""Room for what a chat template puts around a question."""
_ID_BITS = 52
_REFUSED = Answered(
    right=0.0, exposed=False, cost_usd=0.0, flops=0.0, latency_s=0.0, egress_bytes=0.0
)


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """What outcomes depend on besides graph and question."""

    policy_hash: str
    revisions: Mapping[str, str]


class LiveEvaluator:
    """Runs candidates of one space on the tasks of one study, over one edge.

    Args:
        runs: The edge.
        space: Writes candidates as graphs.
        tasks: The questions, by number.
        rules: Worst cases.
        cache: What was paid for before, and who pays now.
        settings: What outcomes depend on besides.
        scoring: Says how right an answer is.
    """

    def __init__(
        self,
        runs: Runs,
        space: Space,
        tasks: tuple[Task, ...],
        *,
        rules: GraphRules,
        cache: CallCache,
        settings: LiveSettings,
        scoring: Scoring | None = None,
    ) -> None:
        self._runs = runs
        self._space = space
        self._tasks = tasks
        self._rules = rules
        self._cache = cache
        self._settings = settings
        self._scoring = scoring or Scoring()
        self._calls = Calls(runs, cache, revisions=settings.revisions)
        self._labels: dict[int, Label] = {}
        self._purchases = Purchases()

    @property
    def questions(self) -> int:
        """How many questions there are to search on."""
        return len(self._tasks)

    def prepare(self, trial: Trial) -> None:
        """Nothing is run before its reservation."""

    def worst_case(self, candidate: Candidate, question: int) -> Spend:
        """Return the most that the execution can spend, should the cache hold none of it."""
        # A token holds at least one byte of text, so bytes bound tokens for any vocabulary.
        task = self._tasks[question]
        ran = self._rules.worst_execution(
            self._space.graph(candidate),
            question,
            prompt_tokens=len(task.question.encode()) + _TURN_TOKENS,
            declared=task.label,
        )
        return ran.plus(_exposing(self._scoring.worst_case(task, self._rules), question))

    def remember(self, evaluated: Evaluated) -> None:
        """Hear of an outcome of an earlier run: its calls are paid for."""
        self._purchases.remember(evaluated)

    def booked(self, evaluated: Evaluated) -> Evaluated:
        """Return an outcome with what its own calls cost that no earlier one has paid for."""
        return self._purchases.booked(evaluated)

    async def evaluate(self, candidate: Candidate, question: int) -> Evaluated:
        """Run one graph on one question; what was paid for before is not run again.

        Raises:
            LeewardError: It failed; calls that succeeded are kept for the next attempt.
        """
        return self._purchases.settled(await self._run(self._space.graph(candidate), question))

    async def decide(self, candidate: Candidate, question: int, paid: Set[int]) -> Answered | None:
        """Return what a run would give, where the calls that were paid for say so; asks nobody.

        Such a call was made on this question alone, so the edge found nothing sensitive in it.
        """
        task, graph = self._tasks[question], self._space.graph(candidate)
        if not self._scoring.is_by_rule(task):
            return None
        calls = self._calls.made(graph, (ChatMessage("user", task.question),), paid)
        if calls is None:
            return None
        answer = calls[graph.sink.id].result.text
        return _answered_by(graph, calls, await self._scoring.score(task, answer, PUBLIC))

    async def _run(self, graph: Graph, question: int) -> Evaluated:
        """Run one graph on one question; say apart what it shares and what it does not."""
        request = (ChatMessage("user", self._tasks[question].question),)
        ran = CallsRun({}, is_complete=False)
        try:
            label = await self._label(question, graph)
            if not label.categories:
                ran = await self._calls.run(graph, request)
                self._take(question, ran.by_step.values())
                if ran.is_complete:
                    return await self._by_calls(graph, question, ran.by_step)
            found = await self._as_a_whole(graph, question)
        except REFUSALS:
            found = Evaluated(question, _REFUSED, Source.FRESH, alone=Spend(executions=1))
        wasted = _sum_of(question, ran.wasted)
        in_vain = tuple(sorted(call.id for call in ran.by_step.values() if self._is_own(call)))
        return replace(found, in_vain=in_vain, alone=found.alone.plus(wasted))

    async def _label(self, question: int, graph: Graph) -> Label:
        """Return what the edge finds in a question, declared categories included; asked once."""
        known = self._labels.get(question)
        if known is None:
            plan = await self._runs.plan(self._request(graph, self._tasks[question]))
            known = self._labels[question] = plan.label
        return known

    async def _by_calls(
        self, graph: Graph, question: int, calls: Mapping[StepId, PaidCall]
    ) -> Evaluated:
        scored = await self._score(question, graph, calls[graph.sink.id].result.text, PUBLIC)
        answered = _answered_by(graph, calls, scored)
        self._take_votes(question, scored.votes)
        if not any(map(self._is_own, calls.values())):
            return Evaluated(question, answered, Source.CACHE)
        return Evaluated(question, answered, Source.FRESH, alone=Spend(executions=1))

    async def _score(self, question: int, graph: Graph, answer: str, label: Label) -> Scored:
        """Score an answer; what would be shown outside is looked through by the edge first."""
        task = self._tasks[question]
        if self._scoring.shows_outside(task):
            model = str(graph.played[0].model)
            await check_public(self._runs, model, task, (answer,))
        return await self._scoring.score(task, answer, label)

    def _take_votes(self, question: int, votes: Iterable[PaidVote]) -> None:
        """Note what this study's own votes cost."""
        for vote in votes:
            if vote.study == self._cache.study:
                self._purchases.add(vote.id, _exposing(vote.spend, question))

    def _take(self, question: int, calls: Iterable[PaidCall]) -> None:
        """Note what this study's own calls cost."""
        for call in calls:
            if self._is_own(call):
                self._purchases.add(call.id, _sum_of(question, (call.result,)))

    def _is_own(self, call: PaidCall) -> bool:
        return call.study == self._cache.study

    async def _as_a_whole(self, graph: Graph, question: int) -> Evaluated:
        task = self._tasks[question]
        key = self._key(graph, task)
        stored = self._cache.get(key)
        if stored is not None:
            answered, study = _answered(stored.value), stored.study
            votes = _votes(stored.value, study)
        else:
            run = await self._runs.run(self._request(graph, task))
            scored = await self._score(question, graph, run.text, run.receipt.label)
            votes = scored.votes
            answered = Answered(
                right=scored.right,
                exposed=run.receipt.left_the_edge,
                cost_usd=run.cost_usd,
                flops=run.flops,
                latency_s=run.receipt.latency_s,
                tokens=run.tokens,
                calls=run.calls,
                cloud_calls=run.cloud_calls,
                call_ids=_whole_ids(key, graph),
                judged_by=tuple(vote.id for vote in votes),
                egress_bytes=run.egress_bytes,
            )
            study = self._cache.study
            self._cache.put(key, {**asdict(answered), "votes": [vote.as_json() for vote in votes]})
        self._take_votes(question, votes)
        if study != self._cache.study:
            return Evaluated(question, answered, Source.CACHE)
        # Its calls are shared with nobody, so the first of them stands for all.
        self._purchases.add(answered.call_ids[0], full_spend(question, answered))
        return Evaluated(question, answered, Source.FRESH)

    def _request(self, graph: Graph, task: Task) -> CollaborationCall:
        return CollaborationCall(
            graph=graph,
            messages=(ChatMessage("user", task.question),),
            declared_label=task.label,
        )

    def _key(self, graph: Graph, task: Task) -> GraphKey:
        models = sorted(map(str, graph.models))
        return GraphKey(
            graph=graph_hash(graph),
            models=tuple((model, self._settings.revisions.get(model, "")) for model in models),
            prompt=task.question,
            expected=self._scoring.expectation(task),
            scorer=task.scorer.value,
            label=task.label.names(),
            policy=self._settings.policy_hash,
        )


async def check_models(runs: Runs, models: Sequence[str], task: Task) -> None:
    """Ask the edge to plan, not run, one step on each model: free, and before anything is paid.

    Raises:
        StudyInvalid: The edge does not know a model of the study.
        LeewardError: The edge cannot be reached.
    """
    for model in models:
        step = Step(StepId("only"), Role.ASSISTANT, ModelName(model), sampling=Sampling())
        graph = Graph("model-check", (step,), ())
        try:
            await runs.plan(CollaborationCall(graph, (ChatMessage("user", task.question),)))
        except NotFound:
            reason = f'lists "{model}", which the edge does not know'
            raise StudyInvalid(reason, field="graphs.models") from None
        except CloudAway:
            reason = f'lists "{model}", whose node the edge cannot reach now'
            raise StudyInvalid(reason, field="graphs.models") from None
        except REFUSALS:
            continue  # known, and refused for this question only


def _answered_by(graph: Graph, calls: Mapping[StepId, PaidCall], scored: Scored) -> Answered:
    """Return what a graph did by what its calls did."""
    results = [call.result for call in calls.values()]
    return Answered(
        right=scored.right,
        exposed=any(result.is_cloud for result in results),
        cost_usd=sum(result.cost_usd for result in results),
        flops=sum(result.flops for result in results),
        latency_s=critical_path_s(
            graph, {step: call.result.latency_s for step, call in calls.items()}
        ),
        tokens=sum(result.tokens for result in results),
        calls=len(results),
        cloud_calls=sum(result.is_cloud for result in results),
        call_ids=tuple(call.id for call in calls.values()),
        judged_by=tuple(vote.id for vote in scored.votes),
        egress_bytes=float(sum(call.egress_bytes for call in calls.values())),
    )


def _sum_of(question: int, results: Sequence[CallResult]) -> Spend:
    is_exposed = any(result.is_cloud for result in results)
    return Spend(
        usd=sum(result.cost_usd for result in results),
        tokens=sum(result.tokens for result in results),
        calls=len(results),
        flops=sum(result.flops for result in results),
        exposed=frozenset({question}) if is_exposed else frozenset(),
        cloud_calls=sum(result.is_cloud for result in results),
    )


def _whole_ids(key: GraphKey, graph: Graph) -> tuple[int, ...]:
    """Name the calls of a graph that ran as a whole; only the same graph shares them.

    On a labelled question what a step reads depends on the releases that the whole graph needs.
    """
    scope = key.digest()
    digests = [hashlib.sha256(f"{scope}/{step.id}".encode()).digest() for step in graph.steps]
    return tuple(int.from_bytes(one[:8], "big") >> (64 - _ID_BITS) for one in digests)


def _answered(value: Mapping[str, object]) -> Answered:
    ids = value["call_ids"]
    assert isinstance(ids, list)  # noqa: S101 - written by `put` above
    votes = value.get("judged_by", [])
    assert isinstance(votes, list)  # noqa: S101 - as above
    fields = {**value, "call_ids": tuple(ids), "judged_by": tuple(votes)}
    fields.pop("votes", None)
    found = Answered(**fields)  # type: ignore[arg-type]
    if found.egress_bytes is None:  # a row of before: no more than all that was read and written
        return replace(found, egress_bytes=text_bytes(found.tokens) if found.exposed else 0.0)
    # Canonical JSON writes 4.0 as 4, a journal does not: both must say the same.
    return replace(found, egress_bytes=float(found.egress_bytes))


def _votes(value: Mapping[str, object], study: str) -> tuple[PaidVote, ...]:
    rows = value.get("votes", [])
    assert isinstance(rows, list)  # noqa: S101 - written by `put` above
    return tuple(PaidVote.from_json(row, study=study) for row in rows)


def _exposing(spend: Spend, question: int) -> Spend:
    """Return a judge's spend with the question that a call outside the edge exposes."""
    return replace(spend, exposed=frozenset({question})) if spend.cloud_calls else spend
