"""Which graphs are tabulated: families of shapes over a pool of models, isomorphic ones merged.

The order of the graphs is part of the benchmark: shapes as listed, then by key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from types import MappingProxyType
from typing import Final

from optimizer.replay.graph_terms import Term, canonical

__all__ = ["DEFAULT_FAMILIES", "FAMILIES", "Graph", "Space", "enumerate_space"]

Family = Callable[[Sequence[str]], Iterator[Term]]


@dataclass(frozen=True, slots=True)
class Graph:
    """One graph of the space."""

    term: Term
    family: str

    @property
    def key(self) -> str:
        """Its canonical text; no two graphs of a space share one."""
        return self.term.key


@dataclass(frozen=True)
class Space:
    """A pool of models and every graph over it, in order."""

    pool: tuple[str, ...]
    graphs: tuple[Graph, ...]

    def describe(self) -> dict[str, int]:
        """Return the number of graphs by family, and in all under ``graphs``."""
        counts: dict[str, int] = {}
        for graph in self.graphs:
            counts[graph.family] = counts.get(graph.family, 0) + 1
        return counts | {"graphs": len(self.graphs)}


def enumerate_space(pool: Sequence[str], families: Sequence[str] = ()) -> Space:
    """List every graph of the named families over a pool, each once.

    Args:
        pool: Models by name; every step may be played by any of them.
        families: Names of ``FAMILIES``; ``DEFAULT_FAMILIES`` where there are none.

    Raises:
        KeyError: No family has this name.
    """
    found: dict[str, Graph] = {}
    for family in families or DEFAULT_FAMILIES:
        terms = {term.key: term for term in map(canonical, FAMILIES[family](pool))}
        for key in sorted(terms):
            found.setdefault(key, Graph(terms[key], family))
    return Space(tuple(pool), tuple(found.values()))


def _sources(models: Sequence[str]) -> tuple[Term, ...]:
    """One source per model; repeated models are further samples."""
    return tuple(
        Term("assistant", model, models[:place].count(model)) for place, model in enumerate(models)
    )


def _refine(term: Term, model: str) -> Term:
    return Term("assistant", model, inputs=(term,))


def _fuse(terms: Sequence[Term], model: str) -> Term:
    return Term("fuser", model, inputs=tuple(terms))


def _chain(length: int) -> Family:
    def family(pool: Sequence[str]) -> Iterator[Term]:
        for first, *rest in product(pool, repeat=length):
            term = Term("assistant", first)
            for model in rest:
                term = _refine(term, model)
            yield term

    return family


def _parallel(width: int) -> Family:
    def family(pool: Sequence[str]) -> Iterator[Term]:
        for models in combinations_with_replacement(pool, width):
            for sink in pool:
                yield _fuse(_sources(models), sink)

    return family


def _parallel_refined(width: int) -> Family:
    def family(pool: Sequence[str]) -> Iterator[Term]:
        for term in _parallel(width)(pool):
            for sink in pool:
                yield _refine(term, sink)

    return family


def _side_by_side(lengths: Sequence[int]) -> Family:
    """Chains next to each other into a fuser; the numbering of samples is free."""

    def family(pool: Sequence[str]) -> Iterator[Term]:
        for models in product(pool, repeat=sum(lengths)):
            played = iter(models)
            chains = [[next(played) for _ in range(length)] for length in lengths]
            tips = _sources([chain[0] for chain in chains])
            for sink in pool:
                yield _fuse(
                    [_extend(tip, chain) for tip, chain in zip(tips, chains, strict=True)], sink
                )

    return family


def _twins(pool: Sequence[str]) -> Iterator[Term]:
    """Two answers, each refined by the same model, into a fuser."""
    for models in combinations_with_replacement(pool, 2):
        for middle, sink in product(pool, repeat=2):
            yield _fuse([_refine(source, middle) for source in _sources(models)], sink)


def _extend(tip: Term, chain: Sequence[str]) -> Term:
    for model in chain[1:]:
        tip = _refine(tip, model)
    return tip


def _skip_edge(pool: Sequence[str]) -> Iterator[Term]:
    """An answer, its refinement, and a fuser that reads both."""
    for first, second, sink in product(pool, repeat=3):
        source = Term("assistant", first)
        yield _fuse((source, _refine(source, second)), sink)


def _one_model(pool: Sequence[str]) -> Iterator[Term]:
    """Wider and deeper together, all steps one model: what tells whether width changes depth."""
    for model in pool:
        wide = _fuse(_sources([model] * 3), model)
        narrow = _fuse(_sources([model] * 2), model)
        yield _refine(wide, model)
        yield _refine(_refine(narrow, model), model)


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "single": _chain(1),
        "chain-2": _chain(2),
        "chain-3": _chain(3),
        "chain-4": _chain(4),
        "parallel-2": _parallel(2),
        "parallel-3": _parallel(3),
        "parallel-4": _parallel(4),
        "parallel-2-refined": _parallel_refined(2),
        "one-model": _one_model,
        "skip-edge": _skip_edge,
        "chains-1-2": _side_by_side((1, 2)),
        "twins": _twins,
        "chains-2-2": _side_by_side((2, 2)),
    }
)
"""By name: ``parallel-N`` is N sources into a fuser, ``-refined`` adds a refining sink, ``chains``
are chains of the given lengths side by side into a fuser, ``twins`` those of two and two whose
refining model is the same. None has more than four steps and a sink."""

DEFAULT_FAMILIES: Final = tuple(name for name in FAMILIES if name != "chains-2-2")
"""What is tabulated unless something else is asked for; ``chains-2-2`` alone would nearly double
the calls."""
