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
    graphs = data["graphs"]
    if not isinstance(graphs, list):
        raise TypeError("graphs")
    return Virtual(_whole(data["after"]), tuple(_graph(one) for one in graphs))


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


def _graph(data: Mapping[str, object]) -> FreeGraph:
    candidate = Candidate(CandidateKey(_text(data["graph"])), _wholes(data["choices"]))
    questions, exposed = _wholes(data["questions"]), _wholes(data["exposed"])
    sent = _list(data["egress_bytes"]) if "egress_bytes" in data else [None] * len(questions)
    numbers = zip(*(_numbers(data[name]) for name in _NUMBERS), strict=True)
    counts = zip(*(_wholes(data[name]) for name in _COUNTS), strict=True)
    rows = zip(questions, exposed, numbers, counts, map(_number_or_none, sent), strict=True)
    return FreeGraph(
        candidate,
        tuple(
            (question, _answered(bool(is_exposed), amounts, calls, bytes_out))
            for question, is_exposed, amounts, calls, bytes_out in rows
        ),
    )


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


def _number_or_none(value: object) -> float | None:
    return None if value is None else _numbers([value])[0]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not a whole number")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _wholes(value: object) -> tuple[int, ...]:
    return tuple(_whole(one) for one in _list(value))


def _numbers(value: object) -> tuple[float, ...]:
    found = _list(value)
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in found):
        raise TypeError("not a number")
    return tuple(float(one) for one in found)  # type: ignore[arg-type]  # checked above
