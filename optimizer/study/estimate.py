"""What a study will cost, said before anything is spent: expected, and at worst.

The worst case is a bound: every graph as large as allowed, on its costliest models, reading the
longest question, every answer as long as it may be. The expectation is the mean over graphs drawn
from the space, on the mean question, with answers half as long as allowed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from optimizer.evaluation.graph_space import GraphSpace
from optimizer.evaluation.model import NOTHING, Spend
from optimizer.evaluation.pattern_space import PatternSpace
from optimizer.evaluation.rules import GraphRules, answer_tokens_read
from optimizer.search.costs import text_bytes
from optimizer.search.model import Candidate, Space
from optimizer.study.agent_estimate import AgentEstimate
from optimizer.study.document import CHARACTERS_PER_TOKEN
from optimizer.study.judge_estimate import estimate_judging
from optimizer.study.model import Caps, LiveSource, Study
from runtime.catalog.model import Model
from runtime.graph.model import Graph
from runtime.ids import ModelName, StepId
from runtime.planner.estimate import critical_path_s, estimate_steps

__all__ = ["Amounts", "Estimate", "agent_alone", "breaks", "draw_candidates", "estimate_study"]

_DRAWN = 200
_TRIES = 50
_ANSWER_SHARE = 0.5
_TURN_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Amounts:
    """What all executions together come to."""

    executions: int
    calls: float
    tokens: float
    usd: float
    flops: float
    exposed_questions: float
    seconds: float | None
    """``None`` where the catalog has no measured speed."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A study's size and cost."""

    combinations: int
    graphs: int | None
    """Different allowed graphs, where they can be listed."""
    questions: int
    expected: Amounts
    worst: Amounts
    calls_by_model: Mapping[str, float]
    """Expected, without the agent's and the judge's."""
    agent: AgentEstimate | None = None
    """The LLM agent's part of both, where there is one."""
    egress_bytes: float = 0.0
    """Content of a question that is expected to leave, mean over the graphs that were drawn."""
    most_egress_bytes: float = 0.0
    """The same of the graph among them of which most leaves."""
    judge_expected: Spend = NOTHING
    """The judge's part of what is expected."""
    judge_worst: Spend = NOTHING
    """The judge's part of the worst case."""


def estimate_study(
    study: Study,
    source: LiveSource,
    space: GraphSpace | PatternSpace,
    rules: GraphRules,
    *,
    agent: AgentEstimate | None = None,
) -> Estimate:
    """Estimate a live study, its agent included."""
    listed = space.candidates()
    executions = study.trials * len(source.tasks)
    if study.caps.executions is not None:
        executions = min(executions, study.caps.executions)
    drawn = draw_candidates(space, study.seed) or space.single_steps()
    graphs = [space.graph(candidate) for candidate in drawn]
    judging = estimate_judging(source, rules, executions=executions)
    shorter = [_with_answers(graph, _ANSWER_SHARE) for graph in graphs]
    question_bytes = fmean(len(task.question.encode()) for task in source.tasks)
    sent = [_egress_bytes(graph, rules, question_bytes=question_bytes) for graph in shorter]
    models = Counter(str(step.model) for graph in graphs for step in graph.played)
    return Estimate(
        combinations=space.combinations,
        graphs=None if listed is None else len(listed),
        questions=len(source.tasks),
        expected=_with(
            _with_expected(_expected(shorter, study, source, rules, executions=executions), agent),
            judging.expected,
            exposed=judging.exposed,
        ),
        worst=_with(
            _with_worst(
                _worst(study, source, rules, executions=executions, bound=_bound(space)), agent
            ),
            judging.worst,
            exposed=judging.exposed,
        ),
        egress_bytes=fmean(sent),
        most_egress_bytes=max(sent),
        judge_expected=judging.expected,
        judge_worst=judging.worst,
        calls_by_model={
            model: models[model] / len(graphs) * executions for model in sorted(models)
        },
        agent=agent,
    )


def agent_alone(agent: AgentEstimate) -> Amounts:
    """Return the worst case of a study that runs nothing but its agent: a replay."""
    return _with_worst(Amounts(0, 0, 0, 0, 0, 0, 0), agent)


def breaks(amounts: Amounts, caps: Caps) -> list[str]:
    """Name the caps that ``amounts`` would break."""
    pairs = (
        ("usd", amounts.usd, caps.usd),
        ("tokens", amounts.tokens, caps.tokens),
        ("calls", amounts.calls, caps.calls),
        ("executions", amounts.executions, caps.executions),
        ("exposed_questions", amounts.exposed_questions, caps.exposed_questions),
        ("flops_units", amounts.flops, caps.flops),
        ("seconds", amounts.seconds or 0.0, caps.seconds),
    )
    return [name for name, amount, cap in pairs if cap is not None and amount > cap]


def draw_candidates(space: Space, seed: int) -> list[Candidate]:
    """Draw allowed candidates, from the list where there is one; may be fewer than wanted."""
    listed = space.candidates()
    generator = random.Random(seed)  # noqa: S311 - an estimate, not a secret
    if listed is not None:
        return generator.sample(list(listed), min(_DRAWN, len(listed)))
    found: list[Candidate] = []
    for _ in range(_DRAWN * _TRIES):
        choices = [generator.randrange(len(one.options)) for one in space.decisions]
        if space.refusal(choices) is None:
            found.append(space.candidate(choices))
            if len(found) == _DRAWN:
                break
    return found


def _expected(
    graphs: Sequence[Graph],
    study: Study,
    source: LiveSource,
    rules: GraphRules,
    *,
    executions: int,
) -> Amounts:
    characters = fmean(len(task.question) for task in source.tasks)
    prompt_tokens = round(characters / CHARACTERS_PER_TOKEN) + _TURN_TOKENS // 2
    spends = [rules.expected_case(graph, prompt_tokens=prompt_tokens) for graph in graphs]
    latencies = [_latency_s(graph, rules, prompt_tokens) for graph in graphs]
    share = fmean(bool(spend.exposed) for spend in spends)
    seconds = None
    if all(latency > 0 for latency in latencies):
        seconds = executions * fmean(latencies) / study.workers
    return Amounts(
        executions=executions,
        calls=executions * fmean(spend.calls for spend in spends),
        tokens=executions * fmean(spend.tokens for spend in spends),
        usd=executions * fmean(spend.usd for spend in spends),
        flops=executions * fmean(spend.flops for spend in spends),
        exposed_questions=len(source.tasks) if share else 0,
        seconds=seconds,
    )


def _bound(space: GraphSpace | PatternSpace) -> list[Graph]:
    """Return every pattern with every choice of models."""
    if isinstance(space, GraphSpace):
        return []
    return [space.graph(one) for one in space.bound]


def _worst(
    study: Study,
    source: LiveSource,
    rules: GraphRules,
    *,
    executions: int,
    bound: Sequence[Graph] = (),
) -> Amounts:
    limits = source.limits
    prompt_tokens = max(len(task.question.encode()) for task in source.tasks) + _TURN_TOKENS
    steps = limits.max_steps + 1
    call = rules.worst_call(
        {*limits.models, *limits.sink_models},
        prompt_tokens=prompt_tokens + limits.max_steps * limits.max_tokens,
        written=limits.max_tokens,
    )
    others = [rules.worst_case(graph, 0, prompt_tokens=prompt_tokens) for graph in bound]

    def most(amount: Callable[[Spend], float]) -> float:
        return executions * max(steps * amount(call), *map(amount, others), 0)

    return Amounts(
        executions=executions,
        calls=most(lambda spend: spend.calls),
        tokens=most(lambda spend: spend.tokens),
        usd=most(lambda spend: spend.usd),
        flops=most(lambda spend: spend.flops),
        exposed_questions=len(source.tasks)
        if call.exposed or any(other.exposed for other in others)
        else 0,
        seconds=executions * source.timeout_s / study.workers,
    )


def _with_expected(amounts: Amounts, agent: AgentEstimate | None) -> Amounts:
    if agent is None:
        return amounts
    spend = Spend(agent.expected_usd, agent.expected_tokens, agent.expected_calls)
    return _with(amounts, spend)


def _with_worst(amounts: Amounts, agent: AgentEstimate | None) -> Amounts:
    if agent is None:
        return amounts
    spend = Spend(agent.worst_usd, agent.worst_tokens, agent.worst_calls)
    with_it = _with(amounts, spend)
    return replace(with_it, seconds=(amounts.seconds or 0.0) + agent.worst_seconds)


def _with(amounts: Amounts, spend: Spend, *, exposed: int = 0) -> Amounts:
    """Add what is spent beside the executions, and the questions that are exposed by it."""
    return replace(
        amounts,
        calls=amounts.calls + spend.calls,
        tokens=amounts.tokens + spend.tokens,
        usd=amounts.usd + spend.usd,
        flops=amounts.flops + spend.flops,
        exposed_questions=max(amounts.exposed_questions, exposed),
    )


def _with_answers(graph: Graph, share: float) -> Graph:
    """Return the same graph with answers that are ``share`` as long as allowed."""
    steps = tuple(
        replace(
            step,
            sampling=replace(
                step.sampling, max_tokens=max(1, round(step.sampling.max_tokens * share))
            ),
        )
        for step in graph.steps
    )
    return Graph(graph.name, steps, graph.edges)


def _egress_bytes(graph: Graph, rules: GraphRules, *, question_bytes: float) -> float:
    """Return what the cloud steps read of a question and of the answers before them."""
    cloud = [
        step
        for step in graph.played
        if rules.catalog.node_of(rules.catalog.model_by_name[ModelName(str(step.model))]).zone
        == "cloud"
    ]
    read = sum(answer_tokens_read(graph, step) for step in cloud)
    return len(cloud) * question_bytes + text_bytes(read)


def _latency_s(graph: Graph, rules: GraphRules, prompt_tokens: int) -> float:
    catalog = rules.catalog
    at_once = Model(ModelName("rule"), catalog.nodes[0].name)
    played = {
        StepId(step.id): catalog.model_by_name[ModelName(str(step.model))] for step in graph.played
    }
    if any(model.decode_tokens_per_s == 0 for model in played.values()):
        return 0.0
    models = {step.id: played.get(step.id, at_once) for step in graph.steps}
    estimates = estimate_steps(
        graph, models, catalog, today=rules.today, prompt_tokens=prompt_tokens
    )
    taken = {step.id: 0.0 for step in graph.steps}
    taken |= {step: estimates[step].latency_s for step in played}
    return critical_path_s(graph, taken)
