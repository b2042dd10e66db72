"""The arithmetic of reserve-then-settle, on plain numbers: the one place where a cap is compared.

An account is one budget in one window (and for one part, when a budget counts several apart). Its
promise: ``spent + reserved`` never passes the cap by anything that the gateway decides. What a
provider reports beyond the reservation was decided elsewhere; it is charged as far as the cap has
room and stands as ``excess`` beyond, so that it is seen and never hidden in a smaller number.

Pure: no time, no store. ``cloud.stores.budgets`` runs it inside a transaction.
"""

from dataclasses import dataclass, field

__all__ = ["Account", "Amount"]


@dataclass(frozen=True, slots=True)
class Amount:
    """Money and tokens together."""

    micros: int = 0
    tokens: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.micros + other.micros, self.tokens + other.tokens)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.micros - other.micros, self.tokens - other.tokens)

    def at_most(self, limit: "Amount") -> "Amount":
        """Return each part, or the limit's where that is less."""
        return Amount(min(self.micros, limit.micros), min(self.tokens, limit.tokens))


@dataclass(slots=True)
class Account:
    """One budget in one window."""

    id: int
    budget: str
    """The budget's name."""
    cap_micros: int | None
    cap_tokens: int | None
    spent: Amount = field(default_factory=Amount)
    reserved: Amount = field(default_factory=Amount)
    excess: Amount = field(default_factory=Amount)
    """Reported by providers beyond what was reserved, when the cap had no room for it."""

    def has_room(self, worst: Amount) -> bool:
        """Whether the worst case fits under every cap, beside all that is set aside already."""
        taken = self.spent + self.reserved + worst
        return (self.cap_micros is None or taken.micros <= self.cap_micros) and (
            self.cap_tokens is None or taken.tokens <= self.cap_tokens
        )

    def could_ever_hold(self, worst: Amount) -> bool:
        """Whether the worst case would fit if nothing had been spent."""
        return (self.cap_micros is None or worst.micros <= self.cap_micros) and (
            self.cap_tokens is None or worst.tokens <= self.cap_tokens
        )

    def reserve(self, worst: Amount) -> None:
        """Set the worst case aside; the caller has asked :meth:`has_room`."""
        self.reserved += worst

    def settle(self, reserved: Amount, used: Amount) -> None:
        """Turn a reservation into what was really used, and free the rest."""
        self.reserved -= reserved
        self._charge(reserved, used)

    def presume(self, reserved: Amount) -> None:
        """Count a reservation that nobody will settle as used up: its call may have been made."""
        self.reserved -= reserved
        self.spent += reserved

    def correct(self, presumed: Amount, used: Amount) -> None:
        """Replace what was presumed by what turned out to be used."""
        self.spent -= presumed
        self._charge(presumed, used)

    def _charge(self, reserved: Amount, used: Amount) -> None:
        within = used.at_most(reserved)
        self.spent += within
        beyond = used - within
        fits = Amount(
            _room(self.cap_micros, self.spent.micros + self.reserved.micros, beyond.micros),
            _room(self.cap_tokens, self.spent.tokens + self.reserved.tokens, beyond.tokens),
        )
        self.spent += fits
        self.excess += beyond - fits


def _room(cap: int | None, taken: int, wanted: int) -> int:
    return wanted if cap is None else max(0, min(wanted, cap - taken))
