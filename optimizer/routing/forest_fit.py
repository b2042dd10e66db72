"""Grow a forest of extremely randomised trees (Geurts, Ernst and Wehenkel, 2006), in numpy.

Each split is the best of a few drawn at random, so that the trees differ and their mean is smooth.
A tree grows by levels: what all nodes of a level need is computed in one pass over its rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runtime.routing.forest import LEAF, Forest

__all__ = ["ForestOptions", "grow_forest"]

_Bins = npt.NDArray[np.uint8]
_Floats = npt.NDArray[np.float32]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ForestOptions:
    """How a forest grows."""

    trees: int
    smallest_leaf: int
    """Fewest rows that a leaf may speak for."""
    drawn_share: float = 0.3
    """Splits that each node tries, over the number of features."""


def grow_forest(
    bins: _Bins,
    split_by: _Floats,
    values: _Floats,
    *,
    seed: int,
    options: ForestOptions,
) -> Forest:
    """Grow a forest.

    Args:
        bins: Features, as numbers of bins, [rows, features].
        split_by: What a split must tell apart, [rows, targets].
        values: What leaves say: their mean, [rows, outputs].
        seed: Of the splits that are drawn.
        options: How it grows.
    """
    generator = np.random.default_rng(seed)
    trees = [_tree(bins, split_by, values, generator, options) for _ in range(options.trees)]
    sizes = np.array([len(tree.features) for tree in trees])
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return Forest(
        features=np.concatenate([tree.features for tree in trees]),
        thresholds=np.concatenate([tree.thresholds for tree in trees]),
        children=np.concatenate(
            [tree.children + root for tree, root in zip(trees, roots, strict=True)]
        ),
        values=np.concatenate([tree.values for tree in trees]),
        roots=roots.astype(np.int32),
    )


@dataclass(frozen=True, slots=True)
class _Level:
    """The nodes of a level and their rows, which lie together."""

    nodes: _Ints
    rows: _Ints
    starts: _Ints
    sizes: _Ints

    def only(self, kept: npt.NDArray[np.bool_]) -> _Level:
        sizes = self.sizes[kept]
        rows = self.rows[np.repeat(kept, self.sizes)]
        return _Level(self.nodes[kept], rows, np.cumsum(sizes) - sizes, sizes)


@dataclass(frozen=True, slots=True)
class _Splits:
    features: _Ints
    thresholds: _Ints
    is_left: npt.NDArray[np.bool_]
    """Of each row."""
    is_possible: npt.NDArray[np.bool_]
    """Of each node."""


def _tree(
    bins: _Bins,
    split_by: _Floats,
    values: _Floats,
    generator: np.random.Generator,
    options: ForestOptions,
) -> Forest:
    most = 2 * max(1, len(bins) // options.smallest_leaf) + 1
    features = np.full(most, LEAF, dtype=np.int16)
    thresholds = np.zeros(most, dtype=np.uint8)
    children = np.zeros(most, dtype=np.int32)
    said = np.zeros((most, values.shape[1]), dtype=np.float32)
    said[0] = values.mean(axis=0)
    count = 1
    everything = np.arange(len(bins), dtype=np.int64)
    level = _Level(np.zeros(1, np.int64), everything, np.zeros(1, np.int64), np.array([len(bins)]))
    while True:
        level = level.only(level.sizes >= 2 * options.smallest_leaf)
        if not len(level.nodes):
            break
        splits = _best(level, bins, split_by, generator, options)
        is_left = splits.is_left[np.repeat(splits.is_possible, level.sizes)]
        level = level.only(splits.is_possible)
        if not len(level.nodes):
            break
        features[level.nodes] = splits.features[splits.is_possible]
        thresholds[level.nodes] = splits.thresholds[splits.is_possible]
        children[level.nodes] = count + 2 * np.arange(len(level.nodes))
        level = _below(level, is_left, first=count)
        said[level.nodes] = np.add.reduceat(values[level.rows], level.starts) / level.sizes[:, None]
        count += len(level.nodes)
    return Forest(
        features=features[:count],
        thresholds=thresholds[:count],
        children=children[:count],
        values=said[:count],
        roots=np.zeros(1, dtype=np.int32),
    )


def _best(
    level: _Level,
    bins: _Bins,
    split_by: _Floats,
    generator: np.random.Generator,
    options: ForestOptions,
) -> _Splits:
    """Draw splits for every node and keep, of each, the one that explains most variance."""
    nodes, width = len(level.nodes), bins.shape[1]
    drawn = max(1, round(options.drawn_share * width))
    features = generator.integers(0, width, (nodes, drawn))
    node_of = np.repeat(np.arange(nodes), level.sizes)
    shown = bins[level.rows[:, None], features[node_of]]
    lowest = np.minimum.reduceat(shown, level.starts).astype(np.float64)
    highest = np.maximum.reduceat(shown, level.starts)
    thresholds = lowest + np.floor(generator.random((nodes, drawn)) * (highest - lowest))
    is_left = shown <= thresholds.astype(np.uint8)[node_of]
    left = np.add.reduceat(is_left, level.starts, dtype=np.int64)
    right = level.sizes[:, None] - left
    explained = np.zeros((nodes, drawn))
    with np.errstate(divide="ignore", invalid="ignore"):
        for target in split_by.T:
            mine = target[level.rows]
            sums = np.add.reduceat(is_left * mine[:, None], level.starts)
            rest = np.add.reduceat(mine, level.starts)[:, None] - sums
            explained += sums**2 / left + rest**2 / right
    explained[np.minimum(left, right) < options.smallest_leaf] = -np.inf
    best = explained.argmax(axis=1)
    at = np.arange(nodes)
    return _Splits(
        features[at, best],
        thresholds[at, best].astype(np.int64),
        is_left[np.arange(len(level.rows)), best[node_of]],
        np.isfinite(explained[at, best]),
    )


def _below(level: _Level, is_left: npt.NDArray[np.bool_], *, first: int) -> _Level:
    """Return the level of the children, left and right of each node in turn."""
    nodes = len(level.nodes)
    child_of = 2 * np.repeat(np.arange(nodes), level.sizes) + ~is_left
    order = np.argsort(child_of, kind="stable")
    sizes = np.bincount(child_of, minlength=2 * nodes)
    return _Level(first + np.arange(2 * nodes), level.rows[order], np.cumsum(sizes) - sizes, sizes)
