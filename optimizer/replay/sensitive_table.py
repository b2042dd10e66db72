"""A table whose chosen questions may not leave the edge: each is answered by a graph's edge twin.

The twin of a graph has the largest edge model in the place of every cloud model, which is where
the planner moves such steps. Where that makes two steps that read nothing alike, the twin draws a
second sample; the planner would ask for the first one twice. Knows the table's arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from optimizer.replay.graph_table import GraphTable
from optimizer.replay.graph_terms import Term, TermInvalid, canonical
from optimizer.replay.space_document import HashClass
from optimizer.replay.split import members
from optimizer.replay.table_file import TableData
from runtime.errors import ConfigInvalid

__all__ = ["edge_twin", "with_sensitive"]


def with_sensitive(data: TableData, sensitive: HashClass) -> TableData:
    """Return the table in which questions of a hash class never leave the edge.

    Args:
        data: The table as built.
        sensitive: Chosen by the hash of their ids.

    Raises:
        ConfigInvalid: The table has no model on the edge.
    """
    table = GraphTable(data)
    chosen = members([row.id for row in table.questions], sensitive)
    ways = np.asarray(data.arrays["ways"])
    kinds = np.array(data.header["kinds"], dtype=np.int64)
    kept = np.concatenate([ways, _twin_ways(ways, _twin_rows(table))])
    questions = [
        {**row, "stays": bool(row["stays"] or is_chosen)}
        for row, is_chosen in zip(data.header["questions"], chosen, strict=True)
    ]
    header: dict[str, Any] = {
        **data.header,
        "kinds": [int(kind) for kind in np.where(chosen, kinds + len(ways), kinds)],
        "questions": questions,
    }
    return TableData(header, data.graph_keys, {**data.arrays, "ways": kept})


def edge_twin(term: Term, stand_in: Mapping[str, str]) -> Term:
    """Return a term with other models in the place of some, samples numbered anew.

    Raises:
        TermInvalid: Two of its steps would be one.
    """
    done: dict[str, Term] = {}
    drawn: dict[str, int] = {}
    for step in term.steps:
        model = stand_in.get(step.model, step.model)
        sample = 0
        if not step.inputs:
            sample = drawn.get(model, 0)
            drawn[model] = sample + 1
        inputs = tuple(done[one.key] for one in step.inputs)
        done[step.key] = Term(step.role, model, sample, inputs)
    return canonical(done[term.key])


def _twin_rows(table: GraphTable) -> npt.NDArray[np.int64]:
    """Return the row of every graph's twin, -1 where the table has none."""
    on_edge = [model for model in table.pool if not table.is_cloud(model)]
    if not on_edge:
        raise ConfigInvalid("cannot be kept: the table has no model on the edge", field="sensitive")
    size = {str(model.name): model.parameters for model in table.catalog.models}
    largest = max(on_edge, key=lambda model: size[model])
    stand_in = {model: largest for model in table.pool if table.is_cloud(model)}
    rows = np.arange(len(table.graphs))
    for row, term in enumerate(table.terms):
        if stand_in.keys() & term.models.keys():
            rows[row] = _row_of(table, term, stand_in)
    return rows


def _row_of(table: GraphTable, term: Term, stand_in: Mapping[str, str]) -> int:
    try:
        return table.index.get(edge_twin(term, stand_in).key, -1)
    except TermInvalid:
        return -1


def _twin_ways(ways: npt.NDArray[np.int32], twins: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Return each graph's way as its twin's, for every kind of label; none without a twin."""
    found = ways[:, twins]
    found[:, twins < 0] = -1
    return np.asarray(found)
