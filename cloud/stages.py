"""The seams of the gateway's core: what a call passes between its front and its upstream.

``cloud.serving`` runs them in order; each has its own room, wired in ``cloud.app``. Money is
whole micro-dollars from here on, because sums of floats drift and a cap must hold to the last cent.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from cloud.calls import Call, CallT, GenerateCall
from cloud.charges import FREE, Tally, WorstCase, micros
from cloud.upstreams.model import Route
from runtime.ids import ModelName
from runtime.ports import Chunk, EmbedRequest, GenerateRequest, Usage

__all__ = [
    "FREE",
    "Admission",
    "AnswerCache",
    "CacheState",
    "Embedded",
    "Inspector",
    "Lookup",
    "Models",
    "Outcome",
    "Reservation",
    "Tally",
    "WorstCase",
    "micros",
]

CacheState = Literal["hit", "miss", "off"]
"""``off``: the cache may not be used for this call."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended and what it used."""

    status: str
    """A finish reason, ``embedded``, ``cancelled``, or the name of the error."""
    usage: Usage
    latency_s: float
    cache_hit: bool = False


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors of unit length, in the order of the texts."""

    vectors: tuple[Sequence[float], ...]
    model: ModelName
    usage: Usage


class Inspector(Protocol):
    """The second line: looks at what arrives before anything else does."""

    async def inspect(self, call: CallT) -> CallT:
        """Return the call with what was found in it joined to its label.

        Raises:
            ContentRefused: It holds content above the gateway's clearance.
            DetectionFailed: It could not be checked.
        """
        ...


class Lookup(Protocol):
    """What a cache has to say about one call."""

    @property
    def state(self) -> CacheState:
        """Whether the answer was there."""
        ...

    @property
    def found(self) -> AsyncGenerator[Chunk, None] | None:
        """The stream of an answer to the same question, if there is one."""
        ...

    def recording(self, chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[Chunk, None]:
        """Pass a stream on unchanged and keep it once it is whole, where it may be kept."""
        ...


class AnswerCache(Protocol):
    """Answers given before."""

    def opened(self, call: GenerateCall) -> AbstractAsyncContextManager[Lookup]:
        """Look a call up, for as long as it runs.

        Others who ask the same meanwhile may be waiting for its answer: leaving lets them go on.
        """
        ...


class Reservation(Protocol):
    """What was set aside for one call."""

    @property
    def repeats(self) -> int:
        """How often a model had been asked the same under the call's idempotency key."""
        ...

    async def settle(self, outcome: Outcome) -> None:
        """Record what was used and free the rest, durably and once, however often it is called."""
        ...


class Admission(Protocol):
    """Limits and budgets."""

    async def reserve(self, call: Call, worst: WorstCase) -> Reservation:
        """Set aside the worst case of ``call`` in every budget that it counts towards.

        Raises:
            CapacityExhausted: A rate or concurrency limit is reached, or a budget is used up.
        """
        ...


class Models(Protocol):
    """Every alias that the gateway serves."""

    @property
    def routes(self) -> tuple[Route, ...]:
        """The aliases, in configured order."""
        ...

    def worst_case(self, request: GenerateRequest | EmbedRequest) -> WorstCase:
        """Return the most that ``request`` can use.

        Raises:
            NotFound: No such alias.
        """
        ...

    def generate(self, request: GenerateRequest, tally: Tally) -> AsyncGenerator[Chunk, None]:
        """Stream one answer; see ``runtime.ports.ModelPort``.

        ``tally`` gets what each attempt at the call is charged; it is complete once the stream is
        closed, however it ended.
        """
        ...

    async def embed(self, request: EmbedRequest) -> Embedded:
        """Turn texts into vectors."""
        ...
