"""What the table says about collaboration: teams, width, depth, tasks and redaction.

Whatever is chosen (a team, a best graph) is chosen on the search half and measured on the
report half, so that no figure profits from having been picked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.replay.graph_table import GraphTable
from reference.models import spec_of
from reference.tabulated.diversity import Diversity, diversities
from reference.tabulated.halves import ALL, Half, halves_of
from reference.tabulated.shapes import Peak, Shape, peaks, shapes
from reference.tabulated.statistics import Difference, Share, paired_difference, share_of
from reference.tabulated.truth import Caps

__all__ = [
    "Effects",
    "Redaction",
    "TaskBest",
    "Team",
    "find_effects",
]


@dataclass(frozen=True, slots=True)
class Team:
    """The best graph of smaller models against one call of a larger, at no more FLOPs."""

    task: str
    large: str
    large_accuracy: Share
    team: str
    team_accuracy: Share
    difference: Difference
    """Team minus large."""
    flops_ratio: float
    """FLOPs of the team over those of the large model, report half."""


@dataclass(frozen=True, slots=True)
class TaskBest:
    """A task's own best graph against the graph that is best over all tasks, on that task."""

    task: str
    key: str
    accuracy: Share
    over_general: Difference


@dataclass(frozen=True, slots=True)
class Redaction:
    """An edge model's single answers to the same questions, as asked and as released."""

    model: str
    raw: Share
    released: Share
    difference: Difference
    """Released minus raw."""


@dataclass(frozen=True)
class Effects:
    """Everything that is reported."""

    teams: tuple[Team, ...]
    shapes: tuple[Shape, ...]
    peaks: tuple[Peak, ...]
    general: str
    """The graph that is best over all tasks of the search half."""
    task_bests: tuple[TaskBest, ...]
    redactions: tuple[Redaction, ...]
    diversities: tuple[Diversity, ...]
    edge_only: Difference | None
    """Best graph that never leaves the edge minus best graph; None where all leave or none."""


def find_effects(table: GraphTable) -> Effects:
    """Measure all effects."""
    halves = halves_of(table)
    general = halves[ALL].best(Caps())
    assert general is not None  # noqa: S101 - without caps every graph is feasible
    return Effects(
        teams=tuple(
            team
            for half in halves.values()
            for large in _by_size(table)[1:]
            if (team := _team(table, half, large)) is not None
        ),
        shapes=tuple(
            shape for half in halves.values() for m in table.pool for shape in shapes(half, m)
        ),
        peaks=tuple(
            peak for half in halves.values() for m in table.pool for peak in peaks(half, m)
        ),
        general=table.graphs[general],
        task_bests=tuple(_task_best(table, half, general) for half in halves.values()),
        redactions=tuple(_redactions(table)),
        diversities=diversities(table),
        edge_only=_edge_only(table, halves[ALL], general),
    )


def _by_size(table: GraphTable) -> list[str]:
    return sorted(table.pool, key=lambda model: spec_of(model).parameters)


def _team(table: GraphTable, half: Half, large: str) -> Team | None:
    size = spec_of(large).parameters
    single = table.index[f"assistant@{large}#0"]
    is_team = np.array(
        [
            bool(term.inputs) and all(spec_of(model).parameters < size for model in term.models)
            for term in table.terms
        ]
    )
    team = half.best(Caps(units=float(half.search.units[single])), among=is_team)
    if team is None:
        return None
    flops = table.flops[:, half.report].mean(axis=1)
    return Team(
        task=half.task,
        large=large,
        large_accuracy=share_of(half.right(single)),
        team=table.graphs[team],
        team_accuracy=share_of(half.right(team)),
        difference=paired_difference(half.right(team), half.right(single)),
        flops_ratio=float(flops[team] / flops[single]),
    )


def _task_best(table: GraphTable, half: Half, general: int) -> TaskBest:
    best = half.best(Caps())
    assert best is not None  # noqa: S101 - without caps every graph is feasible
    return TaskBest(
        half.task,
        table.graphs[best],
        share_of(half.right(best)),
        paired_difference(half.right(best), half.right(general)),
    )


def _redactions(table: GraphTable) -> list[Redaction]:
    found = []
    for model in _by_size(table):
        raw = table.single_right(model, is_released=False)
        released = table.single_right(model, is_released=True)
        both = sorted(raw.keys() & released.keys())
        if not both:
            continue  # a cloud model never sees the raw form of what must be released
        as_asked = np.array([raw[column] for column in both])
        as_released = np.array([released[column] for column in both])
        found.append(
            Redaction(
                model,
                share_of(as_asked),
                share_of(as_released),
                paired_difference(as_released, as_asked),
            )
        )
    return found


def _edge_only(table: GraphTable, half: Half, general: int) -> Difference | None:
    stays = half.best(Caps(exposed=0.0))
    if stays is None or half.search.exposed[general] == 0:
        return None
    return paired_difference(half.right(stays), half.right(general))
