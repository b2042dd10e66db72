"""One decision of an agent as an event of the journal: hashes and numbers, no text of any model.

What was sent and received is in the transcript beside the journal; the journal alone is enough to
do the same search again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from optimizer.agents.desk import Brief, Reply
from optimizer.agents.facts import init_facts, revision_facts
from optimizer.agents.labels import Labels
from optimizer.agents.model import (
    FailureKind,
    InitBrief,
    InitReply,
    ProbabilityChange,
    RevisionReply,
)
from optimizer.agents.spend import AgentPrice, Tokens
from optimizer.agents.transcript import Exchange
from optimizer.evaluation.model import NOTHING, Spend
from runtime.documents.canonical import sha256_of

__all__ = ["USED", "Advised", "Exchanged", "advised_data", "advised_of", "brief_hash", "exchanged"]

USED = "used"


@dataclass(frozen=True, slots=True)
class Exchanged:
    """One call of an agent's model."""

    request: str
    """SHA-256 of what was sent."""
    reply: str
    """SHA-256 of the reply's text; empty when none came."""
    outcome: str
    """``used``, why the reply was rejected (``not_json``), or how the call failed."""
    tokens: Tokens
    usd: float
    is_estimated: bool
    """Whether the tokens are the most that it can have been."""

    @property
    def spent(self) -> Spend:
        """What the call came to."""
        return Spend(usd=self.usd, tokens=self.tokens.total, calls=1)


@dataclass(frozen=True, slots=True)
class Advised:
    """An agent answered a brief."""

    number: int
    """Of the brief, from 0."""
    brief: str
    """SHA-256 of what the agent was told."""
    reply: Reply
    """The decision, without its reasons; ``author`` and ``fell_back`` say whose it is."""
    exchanges: tuple[Exchanged, ...]

    @property
    def spent(self) -> Spend:
        """What the decision came to."""
        total = NOTHING
        for one in self.exchanges:
            total = total.plus(one.spent)
        return total


def brief_hash(brief: Brief) -> str:
    """Return the hash of what an agent is told."""
    labels = Labels(brief.ground)
    if isinstance(brief, InitBrief):
        return sha256_of({"init": init_facts(brief, labels)})
    return sha256_of({"revision": revision_facts(brief, labels)})


def exchanged(exchange: Exchange, price: AgentPrice) -> Exchanged:
    """Return what the journal says of a call."""
    if exchange.failure is not None:
        outcome = exchange.failure.value
    elif exchange.rejection is not None:
        outcome = str(exchange.rejection["code"])
    else:
        outcome = USED
    return Exchanged(
        request=exchange.request_sha256,
        reply=sha256_of(exchange.text) if exchange.text else "",
        outcome=outcome,
        tokens=exchange.tokens,
        usd=price.cost_usd(exchange.tokens),
        is_estimated=exchange.estimated,
    )


def advised_data(event: Advised) -> dict[str, object]:
    """Return the event as JSON data."""
    reply = event.reply
    return {
        "event": "advised",
        "number": event.number,
        "brief": event.brief,
        "author": reply.author,
        "fell_back": None if reply.fell_back is None else reply.fell_back.value,
        **_decision_data(reply),
        "exchanges": [
            {
                "request": one.request,
                "reply": one.reply,
                "outcome": one.outcome,
                "prompt_tokens": one.tokens.prompt,
                "completion_tokens": one.tokens.completion,
                "usd": one.usd,
                "estimated": one.is_estimated,
            }
            for one in event.exchanges
        ],
    }


def advised_of(data: Mapping[str, object]) -> Advised:
    """Return the event of JSON data.

    Raises:
        ValueError: It is none of ours; so do ``KeyError`` and ``TypeError``.
    """
    author, number, brief = data["author"], data["number"], data["brief"]
    exchanges, fell_back = data["exchanges"], data["fell_back"]
    if not (isinstance(author, str) and isinstance(brief, str) and isinstance(exchanges, list)):
        raise TypeError("author, brief or exchanges")
    reason = None if fell_back is None else FailureKind(fell_back)
    return Advised(
        number=_whole(number),
        brief=brief,
        reply=_decision(data, author, reason),
        exchanges=tuple(_exchanged(one) for one in exchanges),
    )


def _decision_data(reply: Reply) -> dict[str, object]:
    if isinstance(reply, InitReply):
        return {"picks": list(reply.picks)}
    return {
        "choices": [int(choice) for choice in reply.choices],
        "changes": [
            [change.decision, change.option, change.probability] for change in reply.changes
        ],
    }


def _decision(data: Mapping[str, object], author: str, fell_back: FailureKind | None) -> Reply:
    if "picks" in data:
        return InitReply(_wholes(data["picks"]), "", author, fell_back)
    changes = data["changes"]
    if not isinstance(changes, list):
        raise TypeError("changes")
    return RevisionReply(
        _wholes(data["choices"]),
        tuple(
            ProbabilityChange(_whole(decision), _whole(option), float(probability))
            for decision, option, probability in changes
        ),
        "",
        author,
        fell_back,
    )


def _exchanged(data: Mapping[str, object]) -> Exchanged:
    usd = data["usd"]
    if not isinstance(usd, int | float):
        raise TypeError("usd")
    return Exchanged(
        request=str(data["request"]),
        reply=str(data["reply"]),
        outcome=str(data["outcome"]),
        tokens=Tokens(_whole(data["prompt_tokens"]), _whole(data["completion_tokens"])),
        usd=float(usd),
        is_estimated=bool(data["estimated"]),
    )


def _wholes(values: object) -> tuple[int, ...]:
    if not isinstance(values, list):
        raise TypeError("not a list")
    return tuple(_whole(value) for value in values)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not a whole number")
    return value
