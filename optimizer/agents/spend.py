"""What an agent's calls cost, and caps on it that are kept by reserving before each call.

A call is made only if the most that it can be billed fits into what is left. What it turned out to
cost replaces the reservation; when nobody says what it cost, the reservation stands, marked as an
estimate. Knows tokens and prices, no endpoint.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from runtime.ports import ChatMessage

__all__ = [
    "AgentCaps",
    "AgentPrice",
    "AgentSpend",
    "CapReached",
    "Meter",
    "Reservation",
    "SpendMeter",
    "Tokens",
    "prompt_token_bound",
]

_TURN_TOKENS: Final = 32
"""Most that a chat template is taken to add per turn."""
_CALL_TOKENS: Final = 256
"""Most that an endpoint is taken to add of its own (preamble, wrapping of a schema)."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one call or of many."""

    prompt: int = 0
    completion: int = 0

    @property
    def total(self) -> int:
        """Both together."""
        return self.prompt + self.completion

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(self.prompt + other.prompt, self.completion + other.completion)


@dataclass(frozen=True, slots=True)
class AgentPrice:
    """What the agent's model costs during this study, US dollars per million tokens."""

    prompt_usd_per_mtok: float = 0.0
    completion_usd_per_mtok: float = 0.0

    def cost_usd(self, tokens: Tokens) -> float:
        """Return what that many tokens cost; more tokens never cost less, rounding included."""
        return (
            tokens.prompt * self.prompt_usd_per_mtok
            + tokens.completion * self.completion_usd_per_mtok
        ) / 1e6


@dataclass(frozen=True, slots=True)
class AgentCaps:
    """The most an agent may use in one study; ``None`` caps nothing."""

    calls: int | None = None
    tokens: int | None = None
    usd: float | None = None


@dataclass(frozen=True, slots=True)
class AgentSpend:
    """What an agent has used so far."""

    calls: int = 0
    """Every call that was sent, failed and rejected ones included."""
    tokens: Tokens = Tokens()
    usd: float = 0.0
    estimated_calls: int = 0
    """Calls whose tokens nobody reported: counted at the most they can have been."""
    over_reserved_calls: int = 0
    """Calls for which the endpoint reported more than it was allowed."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """The most that one call can be billed."""

    number: int
    most: Tokens


class CapReached(Exception):
    """The call could overshoot a cap; stays inside ``optimizer.agents``."""


class Meter(Protocol):
    """Lets calls through while they fit, and counts what they came to."""

    async def reserve(self, most: Tokens) -> Reservation:
        """Set aside the most that a call can be billed.

        Raises:
            CapReached: It would not fit under every cap.
        """

    async def settle(self, reservation: Reservation, used: Tokens, *, is_estimate: bool) -> None:
        """Replace a reservation by what was used.

        Args:
            reservation: What was set aside.
            used: What the endpoint reported, or the most that it can have been.
            is_estimate: Whether it is the latter.
        """


class SpendMeter:
    """Counts an agent's use against its own caps; a :class:`Meter`.

    ``spent`` plus everything reserved never exceeds a cap, as long as the endpoint keeps to
    ``max_tokens`` and to the bound on the prompt's tokens. If it reports more than that, the
    report is believed and counted, and the caps stop the calls after it.
    """

    def __init__(self, price: AgentPrice, caps: AgentCaps) -> None:
        self.price = price
        self.caps = caps
        self._spent = AgentSpend()
        self._open: dict[int, Tokens] = {}
        self._reserved = 0

    @property
    def spent(self) -> AgentSpend:
        """What has been used, calls under way not included."""
        return self._spent

    def charge(self, used: Tokens, *, is_estimate: bool) -> None:
        """Count a call of an earlier run."""
        self._count(used, used, is_estimate=is_estimate)

    async def reserve(self, most: Tokens) -> Reservation:
        """Set aside the most that a call can be billed; see :class:`Meter`."""
        tokens = sum(self._open.values(), self._spent.tokens + most)
        calls = self._spent.calls + len(self._open) + 1
        used: list[tuple[float, float | None]] = [
            (calls, self.caps.calls),
            (tokens.total, self.caps.tokens),
            (self.price.cost_usd(tokens), self.caps.usd),
        ]
        if any(cap is not None and amount > cap for amount, cap in used):
            raise CapReached
        self._reserved += 1
        self._open[self._reserved] = most
        return Reservation(self._reserved, most)

    def release(self, reservation: Reservation) -> None:
        """Give back what was set aside for a call that is not made."""
        del self._open[reservation.number]

    async def settle(self, reservation: Reservation, used: Tokens, *, is_estimate: bool) -> None:
        """Replace a reservation by what was used; see :class:`Meter`."""
        del self._open[reservation.number]
        self._count(used, reservation.most, is_estimate=is_estimate)

    def _count(self, used: Tokens, most: Tokens, *, is_estimate: bool) -> None:
        over = used.prompt > most.prompt or used.completion > most.completion
        tokens = self._spent.tokens + used
        self._spent = AgentSpend(
            calls=self._spent.calls + 1,
            tokens=tokens,
            usd=self.price.cost_usd(tokens),
            estimated_calls=self._spent.estimated_calls + is_estimate,
            over_reserved_calls=self._spent.over_reserved_calls + over,
        )


def prompt_token_bound(messages: Sequence[ChatMessage], *, schema_bytes: int) -> int:
    """Return a number of tokens that a prompt cannot exceed.

    A token of a byte-level or byte-fallback vocabulary stands for at least one byte of text, so
    the bytes of the text bound them; templates and schemas are added on top.
    """
    text = sum(len(turn.content.encode()) + len(turn.role) for turn in messages)
    return text + schema_bytes + _TURN_TOKENS * len(messages) + _CALL_TOKENS
