"""Put answered questions together to a table; knows the file's arrays, makes no calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from optimizer.replay.table_file import TableData
from reference.tabulated.plans import MAX_STEPS, Moves
from reference.tabulated.space import Space
from reference.tabulated.sweep import Answered
from reference.tabulated.world import PRICED_ON, catalog_of, flops_terms, label_of, stays
from reference.tasks import Question, split_of
from runtime.catalog.document import dump_catalog

__all__ = ["assemble"]

_MAX_INPUTS = 4
_ROLES = ("assistant", "fuser")


def assemble(
    space: Space,
    moves: Moves,
    questions: Sequence[Question],
    answered: Sequence[Answered],
    *,
    header: Mapping[str, Any],
) -> TableData:
    """Return the table's content.

    Args:
        space: The graphs.
        moves: How each runs.
        questions: What was asked.
        answered: The answers, in the order of the questions.
        header: What the table says about how it was made.
    """
    families = list(space.describe())[:-1]
    arrays = {
        "graph_family": np.array([families.index(graph.family) for graph in space.graphs]),
        "ways": _ways(moves, len(space.graphs)),
        "call_of": np.stack([one.call_of for one in answered]),
        **_move_arrays(space, moves),
        **_call_arrays(space, answered),
    }
    return TableData(
        header={
            **header,
            "pool": list(space.pool),
            "catalog": dump_catalog(catalog_of(space.pool)),
            "priced_on": PRICED_ON.isoformat(),
            "flops": {model: list(flops_terms(model)) for model in space.pool},
            "families": families,
            "kinds": [one.kind for one in answered],
            "questions": [_row(question) for question in questions],
        },
        graph_keys=tuple(graph.key for graph in space.graphs),
        arrays=arrays,
    )


def _row(question: Question) -> dict[str, Any]:
    spans: dict[str, int] = {}
    for span in question.spans:
        spans[span.kind] = spans.get(span.kind, 0) + 1
    return {
        "id": question.id,
        "task": question.task,
        "level": question.level,
        "split": split_of(question),
        "label": list(label_of(question).names()),
        "spans": spans,
        "stays": stays(label_of(question)),
    }


def _ways(moves: Moves, graphs: int) -> npt.NDArray[np.int32]:
    ways = np.full((len(moves.ways), graphs, MAX_STEPS), -1, dtype=np.int32)
    for kind, by_graph in enumerate(moves.ways):
        for graph, way in enumerate(by_graph):
            ways[kind, graph, : len(way)] = way[::-1]
    return ways


def _move_arrays(space: Space, moves: Moves) -> dict[str, npt.NDArray[Any]]:
    inputs = np.full((len(moves.moves), _MAX_INPUTS), -1, dtype=np.int32)
    for place, move in enumerate(moves.moves):
        inputs[place, : len(move.inputs)] = move.inputs
    return {
        "move_model": np.array([space.pool.index(move.model) for move in moves.moves]),
        "move_role": np.array([_ROLES.index(move.role) for move in moves.moves]),
        "move_sample": np.array([move.sample for move in moves.moves]),
        "move_released": np.array([move.is_released for move in moves.moves]),
        "move_inputs": inputs,
    }


def _call_arrays(space: Space, answered: Sequence[Answered]) -> dict[str, npt.NDArray[Any]]:
    calls = [call for one in answered for call in one.calls]
    sizes = [len(one.calls) for one in answered]
    return {
        "call_offset": np.concatenate([[0], np.cumsum(sizes)]),
        "call_model": np.array([space.pool.index(call.model) for call in calls]),
        "call_prompt_tokens": np.array([call.prompt_tokens for call in calls]),
        "call_completion_tokens": np.array([call.completion_tokens for call in calls]),
        "call_latency_us": np.array([call.latency_us for call in calls]),
        "call_prompt_chars": np.array([call.prompt_chars for call in calls]),
        "call_right": np.array([call.is_right for call in calls]),
        "call_mark": np.array([call.text_mark for call in calls]),
    }
