"""Score answers by whatever scorer their task names: text rules, a sandbox, a judge.

One object per study. A verdict depends on task and answer alone, so the same answer is examined
once, however many graphs give it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Final

from optimizer.evaluation.model import NOTHING, Spend
from optimizer.evaluation.rules import GraphRules
from optimizer.evaluation.tasks import Task
from optimizer.judging.cost import worst_of_case
from optimizer.judging.judge import Judge, PaidVote
from optimizer.judging.model import JudgeCase
from optimizer.scoring.choices import is_same_choice
from optimizer.scoring.code.examine import examine
from optimizer.scoring.code.model import Ending
from optimizer.scoring.model import Scorer
from optimizer.scoring.numbers import is_same_number
from optimizer.scoring.patterns import is_found
from optimizer.scoring.sandbox.cell import SandboxLimits
from optimizer.scoring.texts import is_exact
from runtime.documents.canonical import sha256_of
from runtime.errors import NotPermitted
from runtime.labels import Label

__all__ = ["Scored", "Scoring"]

_LONGEST_SCORED: Final = 20_000
"""Characters from an answer's end that text rules look at."""
_RULES: Final[Mapping[Scorer, Callable[[str, str], bool]]] = MappingProxyType(
    {
        Scorer.EXACT: is_exact,
        Scorer.NUMERIC: is_same_number,
        Scorer.CHOICE: is_same_choice,
    }
)


@dataclass(frozen=True, slots=True)
class Scored:
    """How right an answer is."""

    right: float
    """0 to 1."""
    votes: tuple[PaidVote, ...] = ()
    """The judge's, where a judge said so."""


class Scoring:
    """Scores the answers of one study.

    Args:
        sandbox: Bounds of the sandbox; ``None`` where the study does not allow code to be run.
        judge: The judge; ``None`` where the study has none.
    """

    def __init__(self, *, sandbox: SandboxLimits | None = None, judge: Judge | None = None) -> None:
        self._sandbox = sandbox
        self._judge = judge
        self._known: dict[str, bool] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def shows_outside(self, task: Task) -> bool:
        """Say whether an answer to ``task`` is shown to anybody outside the edge."""
        judge = self._judge
        return task.scorer is Scorer.JUDGE and judge is not None and not judge.settings.is_edge

    def is_by_rule(self, task: Task) -> bool:
        """Say whether scoring an answer to ``task`` asks nobody and starts nothing."""
        return task.scorer in _RULES

    def expectation(self, task: Task) -> str:
        """Return everything that a verdict on an answer to ``task`` depends on."""
        if task.scorer is Scorer.JUDGE and self._judge is not None:
            return sha256_of([task.answer, self._judge.identity])
        if task.scorer is Scorer.CODE and self._sandbox is not None:
            return sha256_of([task.expectation, asdict(self._sandbox)])
        return task.expectation

    def worst_case(self, task: Task, rules: GraphRules) -> Spend:
        """Return the most that scoring one answer can cost."""
        if task.scorer is not Scorer.JUDGE or self._judge is None:
            return NOTHING
        return worst_of_case(task.question, task.answer, self._judge.settings, rules)

    async def score(self, task: Task, answer: str, label: Label) -> Scored:
        """Return how right ``answer`` is.

        Args:
            task: What was asked.
            answer: What a graph answered.
            label: What the edge found in question and answer, declared categories included.

        Raises:
            LeewardError: It could not be scored; that says nothing of the answer.
        """
        if task.scorer is Scorer.JUDGE:
            if self._judge is None:
                raise NotPermitted("the study has no judge")
            case = JudgeCase(task.question, task.answer, answer, label.join(task.label))
            judged = await self._judge.judge(case)
            return Scored(judged.right, judged.votes)
        rule = _RULES.get(task.scorer)
        if rule is not None:
            return Scored(float(rule(answer[-_LONGEST_SCORED:], task.answer)))
        return Scored(float(await self._examined(task, answer)))

    async def _examined(self, task: Task, answer: str) -> bool:
        """Return what a process says of an answer; asked once."""
        parts = (task.scorer.value, task.expectation, answer)
        key = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
        async with self._locks[key]:
            if key not in self._known:
                self._known[key] = await self._examine(task, answer)
            return self._known[key]

    async def _examine(self, task: Task, answer: str) -> bool:
        if task.scorer is Scorer.REGEX:
            return await is_found(task.answer, answer[-_LONGEST_SCORED:])
        if task.code is None or self._sandbox is None:
            raise NotPermitted(f"the study does not allow the {task.scorer.value} scorer")
        examined = await examine(answer, task.code, self._sandbox)
        return examined.ending is Ending.PASSED
