"""The space of graphs that a study may build: a few steps, forward edges, one sink.

Decisions are, per step, its model and role; per pair of steps, an edge; and the sink's. A step
without a way to the sink is no part of the graph, and a fuser with fewer than two answers to merge
is an assistant. Isomorphic graphs have one candidate: steps are
numbered in the one order that makes the choices smallest. Knows no policy (``rules`` does).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

from optimizer.search.model import Candidate, CandidateKey, Decision, DecisionKind
from runtime.graph.model import Edge, Graph, Step
from runtime.graph.roles import Role
from runtime.ids import ModelName, StepId
from runtime.ports import Sampling

__all__ = ["SINK", "GraphSpace", "SpaceLimits"]

SINK = StepId("final")
_ENUMERABLE = 200_000
"""Combinations that are walked to list every graph; larger spaces are not listed."""
_SEED_STRIDE = 1000
"""Steps' seeds lie this far apart, so that their samples never share one."""


@dataclass(frozen=True, slots=True)
class SpaceLimits:
    """How large graphs may be and how their steps draw."""

    models: tuple[str, ...]
    sink_models: tuple[str, ...]
    roles: tuple[str, ...]
    max_steps: int
    max_width: int
    max_depth: int
    max_tokens: int
    temperature: float


@dataclass(frozen=True, slots=True)
class _Shape:
    """Choices in words: for each step model, role and predecessors; the sink comes last."""

    models: tuple[int, ...]
    roles: tuple[int, ...]
    sources: tuple[tuple[int, ...], ...]


class GraphSpace:
    """All graphs within the limits, as an :class:`optimizer.search.model.Space`.

    Args:
        name: What reports call it, and the stem of its graphs' names.
        limits: How large graphs may be.
        forbids: Says why a graph may not be built, such as a leak; ``None`` allows it.
        exposes: Says whether a graph could send content out of the edge.
    """

    def __init__(
        self,
        name: str,
        limits: SpaceLimits,
        *,
        forbids: Callable[[Graph], str | None] = lambda _: None,
        exposes: Callable[[Graph], bool] = lambda _: True,
    ) -> None:
        self._name = name
        self._limits = limits
        self._forbids = forbids
        self._exposes = exposes
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
            self._refusals[candidate.key] = self._refusal(candidate)
        return self._refusals[candidate.key]

    def candidate(self, choices: Sequence[int]) -> Candidate:
        """Bring choices into their canonical form: what does not reach the sink falls out."""
        shape = _canonical(self._shape(choices))
        return Candidate(CandidateKey(self._text(shape)), self._choices(shape))

    def candidates(self) -> Sequence[Candidate] | None:
        """List every allowed graph by key, or ``None`` where there are too many to walk."""
        if self.combinations > _ENUMERABLE:
            return None
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
        shape = self._shape(candidate.choices)
        count = len(shape.models) - 1
        names = [_name_of(step, count) for step in range(count + 1)]
        steps = tuple(
            self._step(names[step], shape, step, is_sink=step == count) for step in range(count + 1)
        )
        edges = tuple(
            Edge(names[source], names[target])
            for target in range(count + 1)
            for source in shape.sources[target]
        )
        return Graph(self._name, steps, edges)

    @cached_property
    def _every(self) -> tuple[Candidate, ...]:
        options = [range(len(decision.options)) for decision in self.decisions]
        found: dict[CandidateKey, Candidate] = {}
        for choices in product(*options):
            candidate = self.candidate(choices)
            if candidate.key not in found:
                found[candidate.key] = candidate
        allowed = [one for one in found.values() if self.refusal(one.choices) is None]
        return tuple(sorted(allowed, key=lambda one: one.key))

    @cached_property
    def _pairs(self) -> tuple[tuple[int, int], ...]:
        count = self._limits.max_steps
        return tuple((s, t) for t in range(1, count + 1) for s in range(t))

    def _refusal(self, candidate: Candidate) -> str | None:
        shape = self._shape(candidate.choices)
        depths = _depths(shape)
        if max(depths) > self._limits.max_depth:
            return f"{max(depths)} steps in a row are more than max_depth {self._limits.max_depth}"
        widest = max(depths[:-1].count(depth) for depth in range(1, max(depths) + 1))
        if widest > self._limits.max_width:
            return f"{widest} steps side by side are more than max_width {self._limits.max_width}"
        return self._forbids(self.graph(candidate))

    def _shape(self, choices: Sequence[int]) -> _Shape:
        count = self._limits.max_steps
        has_edge = dict(zip(self._pairs, choices[2 * count + 2 :], strict=True))
        connected = _connected(
            _Shape(
                models=tuple(choices[2 * step] for step in range(count + 1)),
                roles=tuple(choices[2 * step + 1] for step in range(count + 1)),
                sources=tuple(
                    tuple(source for source in range(target) if has_edge[source, target])
                    for target in range(count + 1)
                ),
            )
        )
        assistant = self._limits.roles.index(Role.ASSISTANT.value)
        roles = tuple(
            role if len(sources) > 1 else assistant
            for role, sources in zip(connected.roles, connected.sources, strict=True)
        )
        return replace(connected, roles=roles)

    def _choices(self, shape: _Shape) -> tuple[int, ...]:
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

    def _text(self, shape: _Shape) -> str:
        last = len(shape.models) - 1
        parts = []
        for step, sources in enumerate(shape.sources):
            models = self._limits.sink_models if step == last else self._limits.models
            reads = ",".join(str(source + 1) for source in sources)
            role = self._limits.roles[shape.roles[step]]
            parts.append(f"{role}@{models[shape.models[step]]}({reads})")
        return ";".join(parts)

    def _step(self, name: StepId, shape: _Shape, step: int, *, is_sink: bool) -> Step:
        limits = self._limits
        models = limits.sink_models if is_sink else limits.models
        is_drawn = not shape.sources[step] and not is_sink and limits.temperature > 0
        sampling = Sampling(
            temperature=limits.temperature if is_drawn else 0.0,
            seed=_SEED_STRIDE * (step + 1) if is_drawn else None,
            max_tokens=limits.max_tokens,
        )
        role = Role(limits.roles[shape.roles[step]])
        return Step(name, role, ModelName(models[shape.models[step]]), sampling=sampling)


_EDGE_OPTIONS = ("absent", "present")


def _name_of(step: int, count: int) -> StepId:
    return SINK if step == count else StepId(f"s{step + 1}")


def _connected(shape: _Shape) -> _Shape:
    """Leave out the steps that have no way to the sink."""
    kept = {len(shape.models) - 1}
    for target in range(len(shape.models) - 1, -1, -1):
        if target in kept:
            kept.update(shape.sources[target])
    order = sorted(kept)
    place = {step: position for position, step in enumerate(order)}
    return _Shape(
        models=tuple(shape.models[step] for step in order),
        roles=tuple(shape.roles[step] for step in order),
        sources=tuple(tuple(place[source] for source in shape.sources[step]) for step in order),
    )


def _depths(shape: _Shape) -> list[int]:
    depths: list[int] = []
    for sources in shape.sources:
        depths.append(1 + max((depths[source] for source in sources), default=0))
    return depths


_Code = tuple[tuple[int, ...], int, int]


def _canonical(shape: _Shape) -> _Shape:
    """Number the steps in the order that gives the smallest sequence of codes.

    A step's code is what it reads, its model and its role; a step can be numbered once all that
    it reads is. Only steps with the same code are tried in several orders.
    """
    last = len(shape.models) - 1
    order = min(_orders(shape, last), key=lambda found: _codes(shape, found))
    place = {step: position for position, step in enumerate(order)}
    return _Shape(
        models=tuple(shape.models[step] for step in order),
        roles=tuple(shape.roles[step] for step in order),
        sources=tuple(
            tuple(sorted(place[source] for source in shape.sources[step])) for step in order
        ),
    )


def _codes(shape: _Shape, order: tuple[int, ...]) -> tuple[_Code, ...]:
    place = {step: position for position, step in enumerate(order)}
    return tuple(_code(shape, step, place) for step in order)


def _code(shape: _Shape, step: int, place: dict[int, int]) -> _Code:
    reads = tuple(sorted(place[source] for source in shape.sources[step]))
    return (reads, shape.models[step], shape.roles[step])


def _orders(shape: _Shape, last: int) -> Iterator[tuple[int, ...]]:
    """Yield the orders that can be smallest: at each place, every step with the least code."""
    stack: list[tuple[int, ...]] = [()]
    while stack:
        order = stack.pop()
        if len(order) == last:
            yield (*order, last)
            continue
        place = {step: position for position, step in enumerate(order)}
        ready = [
            step
            for step in range(last)
            if step not in place and all(source in place for source in shape.sources[step])
        ]
        codes = {step: _code(shape, step, place) for step in ready}
        least = min(codes.values())
        tied = [step for step in ready if codes[step] == least]
        # Twins that also feed the same steps are interchangeable: one of them stands for all.
        stack.extend((*order, step) for step in _unlike(shape, tied))


def _unlike(shape: _Shape, tied: Sequence[int]) -> Iterator[int]:
    seen: set[frozenset[int]] = set()
    for step in tied:
        feeds = frozenset(t for t, sources in enumerate(shape.sources) if step in sources)
        if feeds not in seen:
            seen.add(feeds)
            yield step
