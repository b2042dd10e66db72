"""What a message carries, and by which way each part of it came.

Knows how parts of messages are joined and how their paths are told; does not know clearances
or policies (``check`` does).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from runtime.ids import Category, StepId
from runtime.labels import Label
from runtime.policy.model import ReleaseKind

__all__ = ["REQUEST", "Mark", "Path", "Trace"]

Path = tuple[str, ...]
"""Hops from the request on: ``("request", "near.output", "far@cloud")``."""
REQUEST: Path = ("request",)

_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class Mark:
    """A category that was released on the way, good only for nodes that the policy names.

    The content went through all of ``kinds``, so a rule for any one of them is enough.
    """

    category: Category
    kinds: frozenset[ReleaseKind]


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything that one step may learn, each part with the shortest way it came.

    What a step learns is also what its answer may tell, so this is the label of its output too.
    """

    carried: dict[Category, Path] = field(default_factory=dict)
    """Categories that are still there."""
    marks: dict[Mark, Path] = field(default_factory=dict)
    """Categories that releases removed."""
    deciders: dict[StepId, Path] = field(default_factory=dict)
    """Steps whose decision says whether this one runs, and the hops from there."""

    @property
    def label(self) -> Label:
        """The label of what was learnt."""
        return Label(frozenset(self.carried))

    def learn(
        self,
        source: Mapping[Category, Path],
        *,
        hops: Path,
        released: frozenset[Category],
        by: ReleaseKind,
    ) -> None:
        """Take over the categories of ``source``; those in ``released`` only leave a mark."""
        for category, path in source.items():
            if category in released:
                _keep_shortest(self.marks, Mark(category, frozenset({by})), path + hops)
            else:
                _keep_shortest(self.carried, category, path + hops)

    def learn_request(
        self, categories: Iterable[Category], kinds: Mapping[Category, frozenset[ReleaseKind]]
    ) -> None:
        """Take over the request's categories; those with release ``kinds`` only leave a mark."""
        for category in categories:
            if category in kinds:
                self.marks[Mark(category, kinds[category])] = REQUEST
            else:
                self.carried[category] = REQUEST

    def learn_marks(self, source: Mapping[Mark, Path], *, hops: Path) -> None:
        """Take over the marks of ``source``: who is told of a release must be allowed it too."""
        for mark, path in source.items():
            _keep_shortest(self.marks, mark, path + hops)

    def depend_on(self, decider: StepId, hops: Path) -> None:
        """Note that whether this step runs depends on a decision of ``decider``."""
        _keep_shortest(self.deciders, decider, hops)


def _keep_shortest(paths: dict[_Key, Path], key: _Key, path: Path) -> None:
    if key not in paths or len(path) < len(paths[key]):
        paths[key] = path
