"""What a graph costs before it runs: FLOPs by the paper's formula, and other costs beside it.

One multiply-add is 2 FLOPs; attention is causal; keys and values are kept while decoding. A cost
is pluggable: anything that prices one step by its model and in-degree. Knows no outcomes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = [
    "HUMANEVAL",
    "MATH",
    "MMLU",
    "PAPER_MODELS",
    "ModelShape",
    "StepCost",
    "TaskLength",
    "call_flops",
    "flops_cost",
    "graph_cost",
    "price_cost",
]


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What the formula needs of a model: non-embedding parameters, layers, hidden size."""

    parameters: float
    layers: int
    hidden: int


@dataclass(frozen=True, slots=True)
class TaskLength:
    """Average prompt and answer of a task, and the budget unit: one call of the smallest model."""

    prompt_tokens: int
    answer_tokens: int
    unit_flops: float


StepCost = Callable[[str, int], float]
"""Cost of one step, by the name of its model and its in-degree."""

PAPER_MODELS: Final[Mapping[str, ModelShape]] = {
    "llama-3.2-1b": ModelShape(1e9, 16, 2048),
    "llama-3.2-3b": ModelShape(3e9, 28, 3072),
    "llama-3.1-8b": ModelShape(8e9, 32, 4096),
    "llama-3.1-70b": ModelShape(70e9, 80, 8192),
}
"""The shapes of the paper's experiments, for regression tests and examples."""

MATH: Final = TaskLength(202, 275, 9.710e11)
MMLU: Final = TaskLength(213, 215, 8.680e11)
HUMANEVAL: Final = TaskLength(180, 115, 5.957e11)


def call_flops(model: ModelShape, *, prompt_tokens: float, answer_tokens: float) -> float:
    """Return the FLOPs of one call.

    Source: appendix of arXiv 2511.00086; with S tokens in all it equals
    ``2*M*S + 2*L*D*S*(S+1)``.
    """
    weights = 2.0 * model.parameters
    attention = 2.0 * model.layers * model.hidden
    prefill = weights * prompt_tokens + attention * prompt_tokens * (prompt_tokens + 1)
    decode = weights * answer_tokens + attention * answer_tokens * (
        2 * prompt_tokens + answer_tokens + 1
    )
    return prefill + decode


def flops_cost(models: Mapping[str, ModelShape], task: TaskLength) -> StepCost:
    """Price steps in budget units; a step reads the question and each predecessor's answer."""

    def cost(model: str, in_degree: int) -> float:
        prompt = task.prompt_tokens + in_degree * task.answer_tokens
        flops = call_flops(models[model], prompt_tokens=prompt, answer_tokens=task.answer_tokens)
        return flops / task.unit_flops

    return cost


def price_cost(usd_per_million: Mapping[str, tuple[float, float]], task: TaskLength) -> StepCost:
    """Price steps in dollars, by input and output price per million tokens."""

    def cost(model: str, in_degree: int) -> float:
        into, out = usd_per_million[model]
        prompt = task.prompt_tokens + in_degree * task.answer_tokens
        return (into * prompt + out * task.answer_tokens) / 1e6

    return cost


def graph_cost(
    models: Sequence[str], edges: Sequence[tuple[int, int]], step_cost: StepCost
) -> float:
    """Return the cost of a graph, its sink included.

    Args:
        models: The model of every step.
        edges: Pairs of step positions, source first.
        step_cost: Prices one step.
    """
    in_degree = [0] * len(models)
    for _, target in edges:
        in_degree[target] += 1
    return sum(step_cost(model, degree) for model, degree in zip(models, in_degree, strict=True))
