"""A task's questions in two halves: what is chosen on one is measured on the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.replay.graph_table import GraphTable
from reference.tabulated.truth import Caps, Measures, measure, optimum

__all__ = ["ALL", "Half", "halves_of"]

ALL: Final = "all"
"""Every task together."""


class Half:
    """One task's questions, or all of them.

    Args:
        table: The table.
        task: A task's name, or ``ALL``.
    """

    def __init__(self, table: GraphTable, task: str) -> None:
        named = None if task == ALL else task
        self.table = table
        self.task = task
        self.report = table.columns(split="report", task=named)
        self.search: Measures = measure(table, table.columns(split="search", task=named))

    def best(self, caps: Caps, *, among: npt.NDArray[np.bool_] | None = None) -> int | None:
        """Return the best graph on the search half, of those in ``among``."""
        measures = self.search
        if among is not None:  # more FLOPs than any cap allows, for all that are not asked about
            units = np.where(among, measures.units, np.inf)
            measures = replace(measures, units=units)
        found = optimum(self.table, measures, caps)
        return None if found is None else found.graph

    def right(self, graph: int) -> npt.NDArray[np.float64]:
        """Return which answers are right on the report half, as 0 and 1."""
        return np.asarray(self.table.right[graph, self.report], dtype=np.float64)


def halves_of(table: GraphTable) -> Mapping[str, Half]:
    """Return all tasks together, then each task, by name."""
    tasks = [ALL, *sorted({row.task for row in table.questions})]
    return {task: Half(table, task) for task in tasks}
