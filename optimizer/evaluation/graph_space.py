"""The space of graphs that a study may build: a few steps, forward edges, one sink.

Decisions are, per step, its model and role; per pair of steps, an edge; and the sink's. A step
without a way to the sink is no part of the graph, and a fuser with fewer than two answers to merge
is an assistant. Isomorphic graphs have one candidate (``graph_shapes``). The first step of a model
that reads the request alone gives its greedy answer, as every step after it does, and further ones
draw: so graphs share their calls, and what one of them shows counts in the others. Knows no policy
(``rules`` does).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from optimizer.evaluation.graph_shapes import (
    Shape,
    SpaceLimits,
    canonical,
    connected,
    samples,
    shapes_within,
    twins,
)
from optimizer.search.composition import Composer, Composition
from optimizer.search.model import Candidate, CandidateKey, Decision, DecisionKind
from runtime.graph.model import Edge, Graph, Step
from runtime.graph.roles import Role
from runtime.ids import ModelName, StepId
from runtime.ports import Sampling

__all__ = ["SINK", "GraphSpace"]

SINK = StepId("final")
_ENUMERABLE = 60_000
"""Graphs that are tried to list every one; larger spaces are not listed."""
_SEED_STRIDE = 1000
"""Seeds of a model's samples lie this far apart, so that no two draw alike."""
_EQUAL_SIZE = 1.0
_MERGED = 2
"""A step that reads so many answers merges them, as an assistant or as a fuser."""


class GraphSpace:
    """All graphs within the limits, as an :class:`optimizer.search.model.Space`.

    Args:
        name: What reports call it, and the stem of its graphs' names.
        limits: How large graphs may be.
        forbids: Says why a graph may not be built, such as a leak; ``None`` allows it.
        exposes: Says whether a graph could send content out of the edge.
        sizes: What each model does per token, in any unit, > 0; a model left out has size 1.
    """

    def __init__(
        self,
        name: str,
        limits: SpaceLimits,
        *,
        forbids: Callable[[Graph], str | None] = lambda _: None,
        exposes: Callable[[Graph], bool] = lambda _: True,
        sizes: Mapping[str, float] | None = None,
    ) -> None:
        self._name = name
        self._limits = limits
        self._forbids = forbids
        self._exposes = exposes
        self._sizes = sizes or {}
        self._refusals: dict[CandidateKey, str | None] = {}

    @property
    def name(self) -> str:
        """What reports call it."""
        return self._name

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """Model and role of each step, the edges by target, then the sink's model and role."""
        limits, count = self._limits, self._limits.max_steps
        made: list[Decision] = []
        for step in range(count):
            made.append(Decision(f"s{step + 1}.model", DecisionKind.MODEL, limits.models))
            made.append(Decision(f"s{step + 1}.role", DecisionKind.ROLE, limits.roles))
        made.append(Decision(f"{SINK}.model", DecisionKind.MODEL, limits.sink_models))
        made.append(Decision(f"{SINK}.role", DecisionKind.ROLE, limits.roles))
        made.extend(
            Decision(f"s{source + 1}->{_name_of(target, count)}", DecisionKind.EDGE, _EDGE_OPTIONS)
            for source, target in self._pairs
        )
        return tuple(made)

    def refusal(self, choices: Sequence[int]) -> str | None:
        """Say in one sentence why these choices make no allowed graph, or ``None``."""
        candidate = self.candidate(choices)
        if candidate.key not in self._refusals:
            self._refusals[candidate.key] = self._refusal(self._shape(candidate.choices))
        return self._refusals[candidate.key]

    def candidate(self, choices: Sequence[int]) -> Candidate:
        """Bring choices into their canonical form: what does not reach the sink falls out."""
        return self._written(canonical(self._shape(choices)))

    def candidates(self) -> Sequence[Candidate] | None:
        """List every allowed graph by key, or ``None`` where there are too many to try."""
        return self._every

    def can_expose(self, candidate: Candidate) -> bool:
        """Say whether any question could leave the edge, whatever the models answer."""
        return self._exposes(self.graph(candidate))

    def single_steps(self) -> list[Candidate]:
        """Return the graphs of one step, allowed or not: the sink alone, on each of its models."""
        none = [0] * len(self.decisions)
        place = 2 * self._limits.max_steps
        return [
            self.candidate([*none[:place], model, *none[place + 1 :]])
            for model in range(len(self._limits.sink_models))
        ]

    @property
    def combinations(self) -> int:
        """How many combinations of choices there are, allowed or not."""
        total = 1
        for decision in self.decisions:
            total *= len(decision.options)
        return total

    def graph(self, candidate: Candidate) -> Graph:
        """Write a candidate as the document that the runtime executes."""
        return self._graph(self._shape(candidate.choices))

    def composition(self, candidates: Sequence[Candidate]) -> Composition:
        """Take graphs apart into steps that read other steps."""
        limits = self._limits
        players = tuple(dict.fromkeys((*limits.models, *limits.sink_models)))
        composer = Composer(players, [self._sizes.get(one, _EQUAL_SIZE) for one in players])
        for candidate in candidates:
            shape = self._shape(candidate.choices)
            parts: list[int] = []
            for step, sample in enumerate(self._variants(shape)):
                model = players.index(self._model(shape, step))
                reads = [parts[source] for source in shape.sources[step]]
                parts.append(composer.part(model, sample, reads))
            composer.graph(parts[-1])
        return composer.composed()

    @cached_property
    def _every(self) -> tuple[Candidate, ...] | None:
        shapes = shapes_within(self._limits, _ENUMERABLE)
        if shapes is None:
            return None
        allowed = [self._written(one) for one in shapes if self._refusal(one) is None]
        return tuple(sorted(allowed, key=lambda one: one.key))

    @cached_property
    def _pairs(self) -> tuple[tuple[int, int], ...]:
        count = self._limits.max_steps
        return tuple((s, t) for t in range(1, count + 1) for s in range(t))

    def _refusal(self, shape: Shape) -> str | None:
        """Say why a canonical shape may not be built, or ``None``."""
        if (misfit := self._limits.misfit(shape)) is not None:
            return misfit
        same = twins(shape, is_greedy=self._limits.temperature == 0)
        if same is not None:
            first, second = (f"s{step + 1}" for step in same)
            return f"{first} and {second} would say the same; one of them is enough"
        return self._forbids(self._graph(shape))

    def _written(self, shape: Shape) -> Candidate:
        return Candidate(CandidateKey(self._text(shape)), self._choices(shape))

    def _graph(self, shape: Shape) -> Graph:
        count = len(shape.models) - 1
        names = [_name_of(step, count) for step in range(count + 1)]
        steps = tuple(
            self._step(names[step], shape, step, sample)
            for step, sample in enumerate(samples(shape))
        )
        edges = tuple(
            Edge(names[source], names[target])
            for target in range(count + 1)
            for source in shape.sources[target]
        )
        return Graph(self._name, steps, edges)

    def _shape(self, choices: Sequence[int]) -> Shape:
        count = self._limits.max_steps
        has_edge = dict(zip(self._pairs, choices[2 * count + 2 :], strict=True))
        reached = connected(
            Shape(
                models=tuple(choices[2 * step] for step in range(count + 1)),
                roles=tuple(choices[2 * step + 1] for step in range(count + 1)),
                sources=tuple(
                    tuple(source for source in range(target) if has_edge[source, target])
                    for target in range(count + 1)
                ),
            )
        )
        roles = tuple(
            role if len(sources) > 1 else self._limits.assistant
            for role, sources in zip(reached.roles, reached.sources, strict=True)
        )
        return replace(reached, roles=roles)

    def _choices(self, shape: Shape) -> tuple[int, ...]:
        """Write a connected shape as choices; steps that it lacks choose option 0 and no edge."""
        count, used = self._limits.max_steps, len(shape.models) - 1
        values = [0] * (2 * count + 2)
        for step in range(used):
            values[2 * step], values[2 * step + 1] = shape.models[step], shape.roles[step]
        values[2 * count], values[2 * count + 1] = shape.models[used], shape.roles[used]
        present = {
            (source, count if target == used else target)
            for target, sources in enumerate(shape.sources)
            for source in sources
        }
        return (*values, *(int(pair in present) for pair in self._pairs))

    def _text(self, shape: Shape) -> str:
        parts = []
        for step, sources in enumerate(shape.sources):
            reads = ",".join(str(source + 1) for source in sources)
            role = self._limits.roles[shape.roles[step]]
            parts.append(f"{role}@{self._model(shape, step)}({reads})")
        return ";".join(parts)

    def _model(self, shape: Shape, step: int) -> str:
        is_sink = step == len(shape.models) - 1
        models = self._limits.sink_models if is_sink else self._limits.models
        return models[shape.models[step]]

    def _variants(self, shape: Shape) -> list[int]:
        """Number what tells steps apart beside model and reading: the sample, or the role."""
        drawn = samples(shape) if self._limits.temperature > 0 else (0,) * len(shape.models)
        return [
            sample if len(sources) < _MERGED else int(role == self._limits.assistant)
            for sample, role, sources in zip(drawn, shape.roles, shape.sources, strict=True)
        ]

    def _step(self, name: StepId, shape: Shape, step: int, sample: int) -> Step:
        limits = self._limits
        is_drawn = sample > 0 and limits.temperature > 0
        sampling = Sampling(
            temperature=limits.temperature if is_drawn else 0.0,
            seed=_SEED_STRIDE * sample if is_drawn else None,
            max_tokens=limits.max_tokens,
        )
        role = Role(limits.roles[shape.roles[step]])
        return Step(name, role, ModelName(self._model(shape, step)), sampling=sampling)


_EDGE_OPTIONS = ("absent", "present")


def _name_of(step: int, count: int) -> StepId:
    return SINK if step == count else StepId(f"s{step + 1}")
