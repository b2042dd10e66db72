"""The journal's lines as types, and their one form as JSON. No question or answer text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Final

from optimizer.evaluation.model import NOTHING, Answered, Evaluated, JudgeSpend, Source, Spend
from optimizer.search.model import Candidate, CandidateKey, Recommendation, Trial
from optimizer.study import fields
from optimizer.study.advised import Advised, advised_data, advised_of
from optimizer.study.virtual import Virtual, virtual_data, virtual_of

__all__ = [
    "JOURNAL_VERSION",
    "Asked",
    "Done",
    "Ended",
    "Event",
    "Failed",
    "Header",
    "Learned",
    "Outcome",
    "Recommended",
    "decode_line",
    "encode_line",
]

JOURNAL_VERSION: Final = "journal/v1"


@dataclass(frozen=True, slots=True)
class Header:
    """First line: which study, so that no other is ever continued by mistake."""

    name: str
    study: str
    """The study's hash."""
    outcomes: str
    """Hash of all that outcomes depend on; studies that share it can share outcomes."""
    searcher: str
    seed: int
    questions: int
    virtual: int = 0
    """Most graphs per batch that calls made for others decide; 0 in journals of before."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The searcher proposed a trial."""

    trial: Trial


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question of a trial was answered."""

    trial: int
    evaluated: Evaluated


@dataclass(frozen=True, slots=True)
class Failed:
    """One question of a trial could not be answered; it counts neither as right nor as wrong."""

    trial: int
    question: int
    error: str
    """Class of the failure."""
    spent: Spend
    """What it may have cost: the worst case, since nobody said."""


@dataclass(frozen=True, slots=True)
class Done:
    """A trial is complete."""

    trial: int
    answered: int
    failed: int
    accuracy: float
    elapsed_s: float | None = None
    """Wall-clock time of the study so far; only where a cap on it makes it count."""


@dataclass(frozen=True, slots=True)
class Recommended:
    """The searcher's choice after trial ``after`` changed to this; ``None``: it has none."""

    after: int
    recommendation: Recommendation | None


@dataclass(frozen=True, slots=True)
class Learned:
    """What the searcher shows of its inner state after trial ``after``, as JSON; for reports."""

    after: int
    state: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Ended:
    """A run of the study ended: ``finished``, ``budget: usd``, ``stop file``, ``failures``."""

    reason: str


Event = Header | Asked | Outcome | Failed | Done | Recommended | Learned | Advised | Virtual | Ended


def encode_line(event: Event) -> bytes:
    """Return an event as one line; the same event always gives the same bytes."""
    text = json.dumps(_data(event), separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii") + b"\n"


def decode_line(line: bytes) -> Event:
    """Return the event of a line.

    Raises:
        ValueError: The line is not one of ours.
    """
    try:
        data = json.loads(line)
        return _event(data)
    except (KeyError, TypeError, AttributeError, RecursionError) as failure:
        raise ValueError("not a line of a journal") from failure


def _data(event: Event) -> dict[str, object]:
    match event:
        case Header():
            return _header_data(event)
        case Asked(trial):
            return {
                "event": "asked",
                "trial": trial.number,
                "graph": trial.candidate.key,
                "choices": [int(choice) for choice in trial.candidate.choices],
                "questions": [int(question) for question in trial.questions],
            }
        case Outcome():
            return _outcome_data(event)
        case Failed():
            return {
                "event": "failed",
                "trial": event.trial,
                "question": event.question,
                "error": event.error,
                "spent": _spend_data(event.spent),
            }
        case Done():
            data: dict[str, object] = {
                "event": "done",
                "trial": event.trial,
                "answered": event.answered,
                "failed": event.failed,
                "accuracy": event.accuracy,
            }
            return data if event.elapsed_s is None else {**data, "elapsed_s": event.elapsed_s}
        case Recommended():
            return {
                "event": "recommended",
                "after": event.after,
                **_recommendation_data(event.recommendation),
            }
        case Learned(after, state):
            return {"event": "learned", "after": after, "state": dict(state)}
        case Advised() | Virtual():
            return advised_data(event) if isinstance(event, Advised) else virtual_data(event)
        case Ended(reason):
            return {"event": "ended", "reason": reason}


def _header_data(event: Header) -> dict[str, object]:
    data = {"event": "study", "leeward": JOURNAL_VERSION, **asdict(event)}
    if not event.virtual:
        del data["virtual"]  # headers of before have none, and are written again as they were
    return data


def _outcome_data(event: Outcome) -> dict[str, object]:
    one = event.evaluated.answered
    data: dict[str, object] = {
        "event": "outcome",
        "trial": event.trial,
        "question": event.evaluated.question,
        "right": one.right,
        "exposed": one.exposed,
        "cost_usd": one.cost_usd,
        "flops": one.flops,
        "latency_s": one.latency_s,
        "tokens": one.tokens,
        "calls": one.calls,
        "cloud_calls": one.cloud_calls,
        "call_ids": list(one.call_ids),
        "source": event.evaluated.source.value,
    }
    if one.egress_bytes is not None:
        data["egress_bytes"] = one.egress_bytes
    if event.evaluated.in_vain:
        data["in_vain"] = list(event.evaluated.in_vain)
    if one.judged_by:
        data["judged_by"] = list(one.judged_by)
    if event.evaluated.spent != NOTHING:
        data["spent"] = _spend_data(event.evaluated.spent)
    return data


def _spend_data(spend: Spend) -> dict[str, object]:
    data: dict[str, object] = {
        "usd": spend.usd,
        "tokens": spend.tokens,
        "calls": spend.calls,
        "executions": spend.executions,
        "flops": spend.flops,
        "exposed": sorted(spend.exposed),
        "cloud_calls": spend.cloud_calls,
    }
    return data if spend.judge == JudgeSpend() else {**data, "judge": asdict(spend.judge)}


def _recommendation_data(one: Recommendation | None) -> dict[str, object]:
    if one is None:
        return {"graph": None}
    return {
        "graph": one.candidate.key,
        "choices": [int(choice) for choice in one.candidate.choices],
        "accuracy": float(one.accuracy),
        "interval": [float(one.interval[0]), float(one.interval[1])],
        "questions": int(one.questions),
    }


def _event(data: Mapping[str, object]) -> Event:
    return _DECODERS[fields.text(data, "event")](data)


def _header(data: Mapping[str, object]) -> Header:
    if data["leeward"] != JOURNAL_VERSION:
        raise ValueError("another version of the journal")
    return Header(
        fields.text(data, "name"),
        fields.text(data, "study"),
        fields.text(data, "outcomes"),
        fields.text(data, "searcher"),
        fields.whole(data, "seed"),
        fields.whole(data, "questions"),
        fields.whole(data, "virtual") if "virtual" in data else 0,
    )


def _asked(data: Mapping[str, object]) -> Asked:
    number, questions = fields.whole(data, "trial"), fields.wholes(data, "questions")
    return Asked(Trial(number, _candidate(data), questions))


def _outcome(data: Mapping[str, object]) -> Outcome:
    answered = Answered(
        right=fields.number(data, "right"),
        exposed=bool(data["exposed"]),
        cost_usd=fields.number(data, "cost_usd"),
        flops=fields.number(data, "flops"),
        latency_s=fields.number(data, "latency_s"),
        tokens=fields.whole(data, "tokens"),
        calls=fields.whole(data, "calls"),
        cloud_calls=fields.whole(data, "cloud_calls"),
        call_ids=fields.wholes(data, "call_ids"),
        judged_by=fields.wholes(data, "judged_by") if "judged_by" in data else (),
        egress_bytes=fields.number(data, "egress_bytes") if "egress_bytes" in data else None,
    )
    evaluated = Evaluated(
        fields.whole(data, "question"),
        answered,
        Source(data["source"]),
        _spent(data["spent"]) if "spent" in data else NOTHING,
        fields.wholes(data, "in_vain") if "in_vain" in data else (),
    )
    return Outcome(fields.whole(data, "trial"), evaluated)


def _failed(data: Mapping[str, object]) -> Failed:
    return Failed(
        fields.whole(data, "trial"),
        fields.whole(data, "question"),
        fields.text(data, "error"),
        _spent(data["spent"]),
    )


def _spent(data: object) -> Spend:
    if not isinstance(data, dict):
        raise TypeError("spent is not an object")
    return Spend(
        fields.number(data, "usd"),
        fields.whole(data, "tokens"),
        fields.whole(data, "calls"),
        fields.whole(data, "executions"),
        fields.number(data, "flops"),
        frozenset(fields.wholes(data, "exposed")),
        fields.whole(data, "cloud_calls"),
        _judge_spent(data["judge"]) if "judge" in data else JudgeSpend(),
    )


def _judge_spent(data: object) -> JudgeSpend:
    if not isinstance(data, dict):
        raise TypeError("judge is not an object")
    usd, tokens = fields.number(data, "usd"), fields.whole(data, "tokens")
    return JudgeSpend(usd, tokens, fields.whole(data, "calls"))


def _done(data: Mapping[str, object]) -> Done:
    return Done(
        fields.whole(data, "trial"),
        fields.whole(data, "answered"),
        fields.whole(data, "failed"),
        fields.number(data, "accuracy"),
        fields.number(data, "elapsed_s") if "elapsed_s" in data else None,
    )


def _recommended(data: Mapping[str, object]) -> Recommended:
    return Recommended(fields.whole(data, "after"), _recommendation(data))


def _learned(data: Mapping[str, object]) -> Learned:
    state = data["state"]
    if not isinstance(state, dict):
        raise TypeError("state is not an object")
    return Learned(fields.whole(data, "after"), state)


def _ended(data: Mapping[str, object]) -> Ended:
    return Ended(fields.text(data, "reason"))


def _recommendation(data: Mapping[str, object]) -> Recommendation | None:
    if data["graph"] is None:
        return None
    low, high = fields.numbers(data, "interval")
    accuracy, questions = fields.number(data, "accuracy"), fields.whole(data, "questions")
    return Recommendation(_candidate(data), accuracy, (low, high), questions)


def _candidate(data: Mapping[str, object]) -> Candidate:
    return Candidate(CandidateKey(fields.text(data, "graph")), fields.wholes(data, "choices"))


_DECODERS: Final[Mapping[str, Callable[[Mapping[str, object]], Event]]] = MappingProxyType(
    {
        "study": _header,
        "asked": _asked,
        "outcome": _outcome,
        "failed": _failed,
        "done": _done,
        "recommended": _recommended,
        "learned": _learned,
        "advised": advised_of,
        "virtual": virtual_of,
        "ended": _ended,
    }
)
