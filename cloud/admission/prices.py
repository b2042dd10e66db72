"""What models cost, as data with validity dates: from the configuration and from the store.

The newest price that is valid counts. On the same day the store's counts: it was set later, by
somebody who saw the other one. Money is whole micro-dollars; a part of one is rounded up, so that
no number of small calls is free.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

__all__ = ["ModelPrice", "PriceBook"]

_MTOK: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """What tokens of one model cost from a day on."""

    model: str
    valid_from: date
    """The first day, UTC."""
    prompt_micros_per_mtok: int
    """Micro-dollars per million prompt tokens."""
    completion_micros_per_mtok: int

    def cost_micros(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Return what that many tokens cost, rounded up."""
        millionths = (
            prompt_tokens * self.prompt_micros_per_mtok
            + completion_tokens * self.completion_micros_per_mtok
        )
        return -(-millionths // _MTOK)


class PriceBook:
    """All prices that are known, by model.

    Args:
        configured: From the configuration file.
        stored: From the store; wins on the same day.
    """

    def __init__(
        self, configured: Iterable[ModelPrice] = (), stored: Iterable[ModelPrice] = ()
    ) -> None:
        by_day: dict[tuple[str, date], ModelPrice] = {}
        for price in (*configured, *stored):
            by_day[price.model, price.valid_from] = price
        self._by_model: dict[str, list[ModelPrice]] = {}
        for price in sorted(by_day.values(), key=lambda price: price.valid_from, reverse=True):
            self._by_model.setdefault(price.model, []).append(price)

    @property
    def by_model(self) -> Mapping[str, tuple[ModelPrice, ...]]:
        """Every price of every model, the newest first."""
        return {model: tuple(prices) for model, prices in self._by_model.items()}

    def on(self, model: str, day: date) -> ModelPrice | None:
        """Return the price valid on ``day``, or ``None`` when there is none yet."""
        for price in self._by_model.get(model, ()):
            if price.valid_from <= day:
                return price
        return None

    def worst_micros(
        self, model: str, first: date, last: date, prompt_tokens: int, completion_tokens: int
    ) -> int | None:
        """Return the most that a call between two days can cost, or ``None`` without a price.

        A call that is reserved before midnight may be charged after it, at a price that starts
        then.
        """
        valid = [
            price for price in self._by_model.get(model, ()) if first < price.valid_from <= last
        ]
        today = self.on(model, first)
        if today is None:
            return None
        return max(price.cost_micros(prompt_tokens, completion_tokens) for price in (today, *valid))
