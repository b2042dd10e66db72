"""The graphs of a table as a space: models, roles and edges of up to four steps and a sink.

A candidate's choices are a probabilistic graph's: per step which model plays it, or none, and in
which role, and per pair of steps an edge. Steps are numbered by depth, so that the first ones
answer and the later ones read. Roles follow from the edges, as in every graph of a table. Knows
how graphs are written and drawn; knows no outcomes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, permutations, product
from operator import ge
from typing import Final

from optimizer.replay.choices import misfit
from optimizer.replay.graph_table import GraphTable
from optimizer.replay.graph_terms import RoleName, Term, TermInvalid
from optimizer.replay.term_graphs import Drawing, term_graph
from optimizer.search.composition import Composer, Composition
from optimizer.search.model import Candidate, CandidateKey, Decision, DecisionKind
from runtime.catalog.model import Catalog
from runtime.graph.model import Graph

__all__ = ["NO_STEP", "GraphFeatures", "TableSpace"]

NO_STEP: Final = "none"
_SINK: Final = "final"
_ROLES: Final[tuple[RoleName, ...]] = ("assistant", "fuser")
_EDGE: Final = ("absent", "present")
_PRESENT: Final = 1


@dataclass(frozen=True, slots=True)
class GraphFeatures:
    """What the insights are about: who plays, how wide, how deep, how much is read."""

    models: tuple[tuple[str, int], ...]
    """Steps by model, in the order of the pool."""
    fusers: int
    width: int
    """Steps that read nothing."""
    depth: int
    in_degree: int
    """The most answers that any step reads."""
    edges: int


class TableSpace:
    """All graphs of a table, as an enumerable :class:`optimizer.search.model.Space`.

    Args:
        table: The table; only its graphs, pool and catalog are looked at.
        name: What reports call it.
        forbids: Says of a graph, by its row, why it may not be built; ``None`` allows it.
    """

    def __init__(
        self,
        table: GraphTable,
        *,
        name: str = "tabulated",
        forbids: Callable[[int], str | None] = lambda _: None,
    ) -> None:
        self._table = table
        self._name = name
        self._forbids = forbids
        self._slots = max(len(term.steps) for term in table.terms) - 1
        self._pairs = tuple(
            (source, target) for target in range(1, self._slots + 1) for source in range(target)
        )
        self._plausible: dict[tuple[int, ...], bool] = {}
        self._last: tuple[tuple[int, ...], int | None] = ((), None)

    @property
    def name(self) -> str:
        """What reports call it."""
        return self._name

    @property
    def catalog(self) -> Catalog:
        """Where the models stand."""
        return self._table.catalog

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """Model and role of each step, the sink's, then the edges by target."""
        pool = self._table.pool
        made: list[Decision] = []
        for slot in range(self._slots):
            made.append(Decision(f"{_named(slot)}.model", DecisionKind.MODEL, (NO_STEP, *pool)))
            made.append(Decision(f"{_named(slot)}.role", DecisionKind.ROLE, _ROLES))
        made.append(Decision(f"{_SINK}.model", DecisionKind.MODEL, pool))
        made.append(Decision(f"{_SINK}.role", DecisionKind.ROLE, _ROLES))
        made.extend(
            Decision(f"{_named(source)}->{self._target(target)}", DecisionKind.EDGE, _EDGE)
            for source, target in self._pairs
        )
        return tuple(made)

    def refusal(self, choices: Sequence[int]) -> str | None:
        """Say in one sentence why these choices make no allowed graph, or ``None``."""
        counts = self._counts
        if len(choices) != len(counts) or min(choices) < 0 or any(map(ge, choices, counts)):
            return misfit(choices, self.decisions)
        if not self._may_be_there(choices):
            return "the table has no graph with these edges"
        row = self._row(choices)
        if row is None:
            return "the table has no such graph"
        return self._forbids(row)

    def candidate(self, choices: Sequence[int]) -> Candidate:
        """Bring choices into their canonical form; what does not reach the sink falls out.

        Raises:
            KeyError: The table has no such graph.
        """
        row = self._row(choices)
        if row is None:
            raise KeyError("the table has no such graph")
        return self._all[row]

    def candidates(self) -> Sequence[Candidate]:
        """List every allowed graph, in the table's order."""
        return self._allowed

    def graph(self, candidate: Candidate) -> Graph:
        """Write a candidate as the document that the runtime executes."""
        header = self._table.header
        drawing = Drawing(float(header["temperature"]), int(header["max_tokens"]))
        return term_graph(self._table.terms[self.row(candidate)], drawing)

    def can_expose(self, candidate: Candidate) -> bool:
        """Say whether any question could leave the edge: some step's model is in the cloud."""
        return self._exposing[self.row(candidate)]

    def composition(self, candidates: Sequence[Candidate]) -> Composition:
        """Take graphs apart into steps; a model's size is its FLOPs per token."""
        pool = self._table.pool
        flops = self._table.header["flops"]
        composer = Composer(pool, [float(flops[model][0]) for model in pool])
        for candidate in candidates:
            number: dict[str, int] = {}
            for step in self._table.terms[self.row(candidate)].steps:
                inputs = [number[one.key] for one in step.inputs]
                number[step.key] = composer.part(pool.index(step.model), step.sample, inputs)
            composer.graph(number[step.key])
        return composer.composed()

    def row(self, candidate: Candidate) -> int:
        """Return a candidate's row in the table."""
        return self._table.index[candidate.key]

    def features(self, candidate: Candidate) -> GraphFeatures:
        """Describe a graph by what the insights are about."""
        term = self._table.terms[self.row(candidate)]
        counts = term.models
        return GraphFeatures(
            models=tuple((name, counts[name]) for name in self._table.pool if name in counts),
            fusers=sum(step.role == "fuser" for step in term.steps),
            width=term.width,
            depth=term.depth,
            in_degree=term.in_degree,
            edges=term.edges,
        )

    @cached_property
    def _counts(self) -> tuple[int, ...]:
        """How many options each decision has: draws are held against it by the thousand."""
        return tuple(len(one.options) for one in self.decisions)

    @cached_property
    def _exposing(self) -> tuple[bool, ...]:
        """By row, whether some step's model is in the cloud."""
        cloud = frozenset(model for model in self._table.pool if self._table.is_cloud(model))
        return tuple(any(step.model in cloud for step in term.steps) for term in self._table.terms)

    @cached_property
    def _all(self) -> tuple[Candidate, ...]:
        return tuple(
            Candidate(CandidateKey(key), self._choices(term))
            for key, term in zip(self._table.graphs, self._table.terms, strict=True)
        )

    @cached_property
    def _allowed(self) -> tuple[Candidate, ...]:
        return tuple(one for row, one in enumerate(self._all) if self._forbids(row) is None)

    def _may_be_there(self, choices: Sequence[int]) -> bool:
        """Whether some graph of the table has these steps and edges; asked before it is built.

        Most draws fail here, so the answer is kept by what was drawn.
        """
        drawn = self._outline(choices)
        known = self._plausible.get(drawn)
        if known is None:
            known = self._plausible[drawn] = self._is_shape(drawn)
        return known

    def _is_shape(self, drawn: tuple[int, ...]) -> bool:
        """Compare shapes as graphs of one model, in which numbering and order do not count."""
        key = self._shape_key(drawn)
        return key is None or key in self._shape_keys

    @cached_property
    def _shape_keys(self) -> frozenset[str | None]:
        return frozenset(map(self._shape_key, {self._outline(one.choices) for one in self._all}))

    def _shape_key(self, outline: tuple[int, ...]) -> str | None:
        """Return the key as a graph of one model; ``None`` where that alone makes steps equal."""
        names = [*("m" if one else None for one in outline[: self._slots]), "m"]
        try:
            return self._written(names, outline[self._slots :])
        except TermInvalid:
            return None

    def _outline(self, choices: Sequence[int]) -> tuple[int, ...]:
        """Return what choices say without models: which steps are there, then the edges."""
        present = (int(choices[2 * slot] > 0) for slot in range(self._slots))
        return (*present, *choices[2 * self._slots + 2 :])

    def _row(self, choices: Sequence[int]) -> int | None:
        """Return the row of a graph; what was looked up last is asked for again at once."""
        asked = tuple(choices)
        if self._last[0] != asked:
            try:
                row = self._table.index.get(self._graph_key(asked))
            except TermInvalid:
                row = None
            self._last = (asked, row)
        return self._last[1]

    def _graph_key(self, choices: Sequence[int]) -> str:
        """Return the canonical key of the graph that is chosen; most draws are looked up once.

        Raises:
            TermInvalid: It is no graph.
        """
        models = [*(choices[2 * slot] for slot in range(self._slots)), choices[2 * self._slots]]
        pool = self._table.pool
        names = [*(pool[one - 1] if one else None for one in models[:-1]), pool[models[-1]]]
        return self._written(names, choices[2 * self._slots + 2 :])

    def _written(self, names: Sequence[str | None], edges: Sequence[int]) -> str:
        """Write the sink's term as :func:`graph_terms.canonical` would, by model of each slot.

        Steps without a model and without a way to the sink fall out.
        """
        sources: list[list[int]] = [[] for _ in names]
        for (source, target), edge in zip(self._pairs, edges, strict=True):
            if edge == _PRESENT and names[source] is not None and names[target] is not None:
                sources[target].append(source)
        drawn: dict[str, list[int]] = {}
        for slot, name in enumerate(names):
            if name is not None and not sources[slot]:
                drawn.setdefault(name, []).append(slot)
        if all(len(slots) == 1 for slots in drawn.values()):
            return _key(names, sources, {})
        counts = _reaching(sources)
        numberings = product(*(_numberings(slots, counts) for slots in drawn.values()))
        return min(_key(names, sources, dict(chain(*numbering))) for numbering in numberings)

    def _choices(self, term: Term) -> tuple[int, ...]:
        """Write a term as choices: the steps by depth in the first places, then the sink."""
        pool = self._table.pool
        steps = sorted(term.steps[:-1], key=lambda step: (step.depth, step.key))
        place = {step.key: slot for slot, step in enumerate(steps)}
        values = [0] * (2 * self._slots + 2)
        for slot, step in enumerate(steps):
            values[2 * slot] = 1 + pool.index(step.model)
            values[2 * slot + 1] = _ROLES.index(step.role)
        values[-2], values[-1] = pool.index(term.model), _ROLES.index(term.role)
        present = {(place[one.key], place[step.key]) for step in steps for one in step.inputs}
        present |= {(place[one.key], self._slots) for one in term.inputs}
        return (*values, *(int(pair in present) for pair in self._pairs))

    def _target(self, target: int) -> str:
        return _SINK if target == self._slots else _named(target)


def _key(
    names: Sequence[str | None], sources: Sequence[Sequence[int]], numbers: Mapping[int, int]
) -> str:
    """Write the last slot's term; steps that read nothing have a number, 0 where none is given."""
    keys: list[str] = []
    for slot, (name, read) in enumerate(zip(names, sources, strict=True)):
        inputs = sorted(keys[one] for one in read)
        if len(set(inputs)) < len(inputs):
            raise TermInvalid("a step reads the same answer twice")
        what = f"({','.join(inputs)})" if inputs else f"#{numbers.get(slot, 0)}"
        keys.append(f"{_ROLES[len(inputs) > 1]}@{name}{what}")
    return keys[-1]


def _reaching(sources: Sequence[Sequence[int]]) -> frozenset[int]:
    """Return the slots with a way to the last one."""
    found = {len(sources) - 1}
    for slot in reversed(range(len(sources))):
        if slot in found:
            found.update(sources[slot])
    return frozenset(found)


def _numberings(slots: Sequence[int], counted: frozenset[int]) -> list[list[tuple[int, int]]]:
    """Return every way to number one model's samples from 0; what falls out comes last."""
    inside = [slot for slot in slots if slot in counted]
    outside = [slot for slot in slots if slot not in counted]
    return [
        list(zip([*order, *outside], range(len(slots)), strict=True))
        for order in permutations(inside)
    ]


def _named(slot: int) -> str:
    return f"s{slot + 1}"
