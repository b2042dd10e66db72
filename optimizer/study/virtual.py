"""What calls that were paid for say of graphs that were never run, as one line of a journal.

A batch's virtual trials are one event, so a journal holds all of them or none: a resumed run takes
them from there and needs neither a cache nor a record for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from optimizer.evaluation.model import Answered
from optimizer.evaluation.virtual import FreeGraph
from optimizer.search.model import Candidate, CandidateKey
from optimizer.study import fields

__all__ = ["Virtual", "virtual_data", "virtual_of"]

_NUMBERS: Final = ("right", "cost_usd", "flops", "latency_s")
_COUNTS: Final = ("tokens", "calls", "cloud_calls")


@dataclass(frozen=True, slots=True)
class Virtual:
    """After trial ``after``, these graphs were scored from cached calls; nothing was spent."""

    after: int
    graphs: tuple[FreeGraph, ...]


def virtual_data(event: Virtual) -> dict[str, object]:
    """Return the event as JSON data: by graph, one list per amount."""
    return {
        "event": "virtual",
        "after": event.after,
        "graphs": [_graph_data(one) for one in event.graphs],
    }


def virtual_of(data: Mapping[str, object]) -> Virtual:
    """Return the event of JSON data.

    Raises:
        ValueError: It is none of ours; so do ``KeyError`` and ``TypeError``.
    """
    graphs = tuple(_graph(one) for one in fields.items(data, "graphs"))
    return Virtual(fields.whole(data, "after"), graphs)


def _graph_data(one: FreeGraph) -> dict[str, object]:
    answers = [answered for _, answered in one.answers]
    return {
        "graph": one.candidate.key,
        "choices": [int(choice) for choice in one.candidate.choices],
        "questions": [question for question, _ in one.answers],
        "exposed": [int(answered.exposed) for answered in answers],
        **{name: [getattr(one, name) for one in answers] for name in (*_NUMBERS, *_COUNTS)},
        "egress_bytes": [answered.egress_bytes for answered in answers],
    }


def _graph(data: object) -> FreeGraph:
    if not isinstance(data, dict):
        raise TypeError("graphs holds something that is none")
    candidate = Candidate(CandidateKey(fields.text(data, "graph")), fields.wholes(data, "choices"))
    questions, exposed = fields.wholes(data, "questions"), fields.wholes(data, "exposed")
    sent = _sent(data) if "egress_bytes" in data else [None] * len(questions)
    numbers = zip(*(fields.numbers(data, name) for name in _NUMBERS), strict=True)
    counts = zip(*(fields.wholes(data, name) for name in _COUNTS), strict=True)
    rows = zip(questions, exposed, numbers, counts, sent, strict=True)
    return FreeGraph(
        candidate,
        tuple(
            (question, _answered(bool(is_exposed), amounts, calls, bytes_out))
            for question, is_exposed, amounts, calls, bytes_out in rows
        ),
    )


def _sent(data: Mapping[str, object]) -> list[float | None]:
    key = "egress_bytes"
    return [
        None if item is None else fields.number({key: item}, key)
        for item in fields.items(data, key)
    ]


def _answered(
    is_exposed: bool, amounts: Sequence[float], calls: Sequence[int], sent: float | None
) -> Answered:
    right, cost_usd, flops, latency_s = amounts
    tokens, made, cloud_calls = calls
    return Answered(
        right=right,
        exposed=is_exposed,
        cost_usd=cost_usd,
        flops=flops,
        latency_s=latency_s,
        tokens=tokens,
        calls=made,
        cloud_calls=cloud_calls,
        egress_bytes=sent,
    )
