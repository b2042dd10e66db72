"""What the benchmark of patterns runs: graphs, policies and tasks of the reference world.

Two sets of tasks. *Single*: one question. *Double*: two questions, a line each, so that there is
something to divide. Each set has its own baselines, which ask one model everything, in the clear.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Final

from reference.tabulated.questions import draw_questions
from reference.tabulated.world import policy
from reference.tasks import Question
from reference.tasks.question import Span
from runtime.graph.document import parse_graph
from runtime.graph.model import Graph
from runtime.ids import ModelName
from runtime.labels import Level
from runtime.patterns.book import bound_patterns
from runtime.policy.model import Policy, ReleaseKind
from runtime.ports import Sampling

__all__ = ["DIVIDING", "Arm", "Task", "arms_of", "tasks_of"]

DIVIDING: Final = frozenset({"split", "divide-and-fuse", "sketch-expand"})
"""Patterns that are run on double tasks."""
_ASKING: Final = "redact-and-restore"
_ANSWERED: Final = re.compile(r"^\s*answer:[ \t]*(.+?)[ \t]*$", re.IGNORECASE | re.MULTILINE)
_SINGLE: Final = (
    "leeward: graph/v1\nname: {name}\nsteps: {{answer: {{role: assistant, model: {model}}}}}\n"
)
_EACH_LINE: Final = """\
leeward: graph/v1
name: {name}
steps:
  divide: {{role: divider, rule: paragraphs, outputs: {{parts: list}}}}
  solve:
    role: assistant
    model: {model}
    map: {{over: divide.parts, max_items: 16, alone: true}}
  final: {{role: fuser, rule: join}}
edges: ["divide -> solve -> final"]
"""


@dataclass(frozen=True)
class Task:
    """One request: the text of one or two questions."""

    questions: tuple[Question, ...]

    @cached_property
    def asked(self) -> Question:
        """All of it as one question, whose spans are known."""
        if len(self.questions) == 1:
            return self.questions[0]
        first, second = self.questions
        moved = len(first.text) + 1
        spans = (
            *first.spans,
            *(Span(one.start + moved, one.end + moved, one.kind) for one in second.spans),
        )
        return replace(
            first,
            id=f"{first.id}+{second.id}",
            text=f"{first.text}\n{second.text}",
            spans=spans,
        )

    def right(self, text: str) -> int:
        """Return how many of the questions are answered; each answer counts for one of them."""
        given = [found.casefold().rstrip(".") for found in _ANSWERED.findall(text)]
        if len(self.questions) == 1:
            given = given[-1:]
        count = 0
        for question in self.questions:
            wanted = question.answer.casefold().rstrip(".")
            if wanted in given:
                given.remove(wanted)
                count += 1
        return count


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """One thing that is measured."""

    name: str
    graph: Graph
    rules: Policy
    is_double: bool
    is_baseline: bool = False
    writer: str | None = None
    """Who writes abstracts, where the policy asks for them: a model of the edge, or ``rule``."""

    @property
    def pattern(self) -> str:
        """The pattern that it is an arm of."""
        return self.name.partition(" (")[0]


def arms_of(near: str, far: str, far_small: str) -> list[Arm]:
    """Return the baselines of both sets of tasks, then every shipped pattern of whole answers.

    Args:
        near: Model of the edge.
        far: Model of the cloud that the patterns and the baseline ask.
        far_small: A cheaper one.
    """
    rules = policy()
    opened = replace(rules, clearance={**rules.clearance, "cloud": Level.RESTRICTED})
    baselines = [
        Arm(name, _graph(form, name, model), opened, is_double=form is _EACH_LINE, is_baseline=True)
        for form in (_SINGLE, _EACH_LINE)
        for name, model in (("all-edge", near), ("all-cloud", far))
    ]
    places = {"near": near, "far": far, "far-small": far_small}
    bound = bound_patterns({place: ModelName(model) for place, model in places.items()})
    shipped = [
        Arm(name, _short(graph), rules, is_double=name in DIVIDING)
        for name, graph in bound.items()
        # What two models write token by token needs a provider that checks drafts: `bench.link`.
        if not any(step.draft for step in graph.steps)
    ]
    return [*baselines, *shipped, *_asking_otherwise(_short(bound[_ASKING]), rules, near)]


def tasks_of(count: int, seed: int) -> tuple[list[Task], list[Task]]:
    """Return single and double tasks over questions of the report half, in a mixed order.

    Args:
        count: How many questions, a multiple of 16.
        seed: Another seed draws others.
    """
    drawn = draw_questions(2 * count, seed=seed)[count:]
    mixed = list(drawn)
    random.Random(seed).shuffle(mixed)  # noqa: S311 - a run that is cut short has all kinds
    singles = [Task((question,)) for question in mixed]
    doubles = [Task(pair) for pair in list(pairwise(mixed))[::2]]
    return singles, doubles


def _asking_otherwise(graph: Graph, rules: Policy, near: str) -> list[Arm]:
    """Return the arms that ask the cloud something else than the question with placeholders."""
    arms: list[tuple[str, ReleaseKind, str | None]] = [
        ("generalise", ReleaseKind.GENERALISE, None),
        (f"sketch by {near}", ReleaseKind.SKETCH, near),
        ("sketch by rule", ReleaseKind.SKETCH, "rule"),
    ]
    return [
        Arm(f"{_ASKING} ({name})", graph, _releasing(rules, kind), is_double=False, writer=writer)
        for name, kind, writer in arms
    ]


def _releasing(rules: Policy, kind: ReleaseKind) -> Policy:
    return replace(rules, releases=tuple(replace(one, by=kind) for one in rules.releases))


def _graph(form: str, name: str, model: str) -> Graph:
    return _short(parse_graph(form.format(name=name, model=model)))


def _short(graph: Graph) -> Graph:
    """No reference model writes more than 160 tokens to a question."""
    most = Sampling().max_tokens
    steps = [
        replace(step, sampling=replace(step.sampling, max_tokens=160))
        if step.sampling.max_tokens == most
        else step
        for step in graph.steps
    ]
    return replace(graph, steps=tuple(steps))
