"""What models cost, as data with validity dates: from the configuration, and set in the store.

The newest price that is valid counts. On the same day the store's counts: it was set by somebody
who saw the other one. A price of one target counts before the price of its model.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from cloud.upstreams.model import Route, Target
from runtime.catalog.model import Price, price_on

__all__ = ["ModelPrice", "Prices", "valid_between"]

_MICROS_PER_USD: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """A price that was set in the store: what tokens of one model cost from a day on."""

    model: str
    valid_from: date
    """The first day, UTC."""
    prompt_micros_per_mtok: int
    """Micro-dollars per million prompt tokens."""
    completion_micros_per_mtok: int
    upstream: str = ""
    """The upstream that charges it; empty for every one that has no price of its own."""

    def price(self) -> Price:
        """Return it as the catalog's kind of price."""
        return Price(
            self.valid_from,
            self.prompt_micros_per_mtok / _MICROS_PER_USD,
            self.completion_micros_per_mtok / _MICROS_PER_USD,
        )


class Prices:
    """The prices of all targets, as of now: routes bring theirs, and the store adds to them."""

    def __init__(self, stored: Iterable[ModelPrice] = ()) -> None:
        self._stored: dict[tuple[str, str], list[Price]] = {}
        self.configure(stored)

    def configure(self, stored: Iterable[ModelPrice]) -> None:
        """Take over what is set in the store now."""
        by_target: dict[tuple[str, str], list[Price]] = {}
        for item in stored:
            by_target.setdefault((item.model, item.upstream), []).append(item.price())
        self._stored = by_target

    def of(self, route: Route, target: Target | None = None) -> Sequence[Price]:
        """Return every price of a model at a target, or where the target is not known."""
        if target is not None:
            own = self._merged(target.prices, route.model, target.upstream)
            if own is not None:
                return own
        return self._merged(route.prices, route.model, "") or ()

    def _merged(
        self, configured: Sequence[Price] | None, model: str, upstream: str
    ) -> Sequence[Price] | None:
        stored = self._stored.get((model, upstream)) if self._stored else None
        if stored is None:
            return configured
        return list({price.valid_from: price for price in (*(configured or ()), *stored)}.values())


def valid_between(prices: Sequence[Price], first: date, last: date) -> Sequence[Price]:
    """Return the prices that a call between two days may be charged; none if it begins without.

    A call that is reserved before midnight may end after it, at a price that starts then.
    """
    today = price_on(prices, first)
    if today is None:
        return ()
    return [today, *(price for price in prices if first < price.valid_from <= last)]
