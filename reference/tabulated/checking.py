"""Run graphs through the real planner and the real executor, and compare with the table.

Over cached calls this proves that the sweep tells what the executor does; over live nodes, that
the table tells what happens today.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from optimizer.replay.graph_table import GraphTable
from optimizer.replay.graph_terms import parse_term
from reference.tabulated.documents import graph_of, seeded
from reference.tabulated.plans import make_plan
from reference.tabulated.releases import KnownSpans
from reference.tabulated.sweep import text_mark
from reference.tabulated.world import catalog_of, label_of, policy
from reference.tasks import Question, is_right
from runtime.catalog.model import Catalog
from runtime.clock import SystemClock
from runtime.errors import CloudAway, LeakFound
from runtime.executor.events import AnswerFinished, Receipt, RunFinished
from runtime.executor.executor import Executor
from runtime.executor.limits import Limits
from runtime.executor.people import PersonPort
from runtime.ids import NodeName, RequestId, SessionId
from runtime.planner.model import Plan
from runtime.policy.model import Policy
from runtime.ports import ChatMessage, ModelPort, ReleasePort

__all__ = ["Differences", "Ran", "answer_of", "compare", "run_graph", "sample_pairs"]

_DEADLINE_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of one request."""

    text: str
    """Empty where the planner refused it."""
    is_right: bool
    is_refused: bool = False
    has_left: bool = False
    tokens: int = 0
    cost_usd: float = 0.0
    spans_released: int = 0
    latency_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Differences:
    """How many of the compared requests came out as the table says."""

    compared: int
    same_right: int
    same_text: int
    same_account: int
    """Tokens, cost, exposure and released spans all agree."""

    @property
    def agreement(self) -> float:
        """Share with the same text and the same verdict."""
        return self.same_text / self.compared if self.compared else 1.0


def sample_pairs(table: GraphTable, count: int, *, seed: int) -> list[tuple[int, int]]:
    """Draw distinct pairs of a graph and a question."""
    rng = random.Random(f"pairs/{seed}")  # noqa: S311 - data, no secret
    total = len(table.graphs) * len(table.questions)
    drawn = rng.sample(range(total), min(count, total))
    return [divmod(place, len(table.questions)) for place in drawn]


async def run_graph(
    key: str, question: Question, nodes: Mapping[NodeName, ModelPort], *, pool: tuple[str, ...]
) -> Ran:
    """Plan one request and let the executor run it.

    Args:
        key: The graph.
        question: What is asked.
        nodes: The ports of the nodes.
        pool: The models that the catalog lists.

    Raises:
        LeewardError: The run failed.
    """
    rules, catalog = policy(), catalog_of(pool)
    graph = seeded(graph_of(parse_term(key)), question.id)
    try:
        plan = make_plan(graph, label_of(question), policy=rules, catalog=catalog)
    except (LeakFound, CloudAway):
        return Ran("", is_right=False, is_refused=True)
    text, done = await answer_of(
        plan, question, nodes, rules=rules, catalog=catalog, deadline_s=_DEADLINE_S
    )
    return Ran(
        text,
        is_right=is_right(text, question.answer),
        has_left=done.left_the_edge,
        tokens=done.usage.prompt_tokens + done.usage.completion_tokens,
        cost_usd=done.cost_usd,
        spans_released=sum(record.spans for record in done.releases),
        latency_s=done.latency_s,
    )


async def answer_of(
    plan: Plan,
    question: Question,
    nodes: Mapping[NodeName, ModelPort],
    *,
    rules: Policy,
    catalog: Catalog,
    deadline_s: float,
    request_id: RequestId | None = None,
    limits: Limits | None = None,
    people: PersonPort | None = None,
    releases: ReleasePort | None = None,
) -> tuple[str, Receipt]:
    """Let the executor run a plan; return the answer and the receipt.

    Args:
        plan: What to run.
        question: What is asked; its spans are known.
        nodes: The ports of the nodes.
        rules: The policy that the plan keeps.
        catalog: Of the models.
        deadline_s: Of the run, seconds.
        request_id: Of the run, from which samples are drawn; left out, of graph and question.
        limits: Of the run.
        people: Who is asked where a graph asks a person.
        releases: What leaves of the question; left out, its known spans are redacted.

    Raises:
        LeewardError: The run failed.
    """
    executor = Executor(
        nodes,
        releases or KnownSpans(question),
        policy=rules,
        catalog=catalog,
        clock=SystemClock(),
        rng=random.Random(0),  # noqa: S311 - jitter of retries
        limits=limits,
        people=people,
    )
    events = executor.run(
        plan,
        (ChatMessage("user", question.text),),
        request_id=request_id or RequestId(f"{plan.graph.name}/{question.id}"),
        session_id=SessionId(question.id),
        deadline_s=deadline_s,
    )
    text, done = "", None
    async with aclosing(events) as running:
        async for event in running:
            if isinstance(event, AnswerFinished):
                text = event.text
            elif isinstance(event, RunFinished):
                done = event.receipt
    assert done is not None  # noqa: S101 - every run that does not raise ends with its receipt
    return text, done


def compare(table: GraphTable, ran: Iterable[tuple[int, int, Ran]]) -> Differences:
    """Hold runs against the table.

    Args:
        table: The table.
        ran: Graph, question, and what came of it.
    """
    compared = same_right = same_text = same_account = 0
    for graph, question, one in ran:
        compared += 1
        mark = None if one.is_refused else text_mark(one.text)
        same_right += bool(table.right[graph, question]) == one.is_right
        same_text += table.answer_mark(graph, question) == mark
        same_account += _is_same_account(table, graph, question, one)
    return Differences(compared, same_right, same_text, same_account)


def _is_same_account(table: GraphTable, graph: int, question: int, one: Ran) -> bool:
    row = table.questions[question]
    spans = sum(int(table.spans_released(kind)[graph, question]) for kind in row.spans)
    return (
        int(table.tokens[graph, question]) == one.tokens
        and abs(float(table.cost_usd[graph, question]) - one.cost_usd) < 1e-12
        and bool(table.exposed[graph, question]) == one.has_left
        and spans == one.spans_released
    )
