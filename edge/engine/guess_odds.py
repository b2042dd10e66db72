"""What guesses of one kind cost and win, learnt while a model answers. Pure arithmetic."""

from typing import Final

__all__ = ["GuessOdds", "moved"]

_FIRST_SHARE: Final = 0.6
_FIRST_PRICE: Final = 0.4
_HIGHEST_PRICE: Final = 4.0
_PRICE_WEIGHT: Final = 0.1
"""Of the newest measurement."""
_JUMP: Final = 1.5
"""A measurement counts as at most so much more than usual: a step that had to wait for the
processor says nothing of guesses."""
_COMMON_SHARE_WEIGHT: Final = 0.01
"""Of the newest token over all calls, once there were many."""
_TRIED_TOKENS: Final = 12
"""Guessed before anything is said of a kind of guesses, unless it costs too much in any case."""
_TRIED_LENGTHS: Final = 4
"""By turns, so that each one's cost is known."""
_NEARLY_SURE: Final = 0.98
_FEW_COSTS: Final = 8
"""Steps whose times say little yet: the first of a length also lays its computation out."""
_KEEN: Final = 1.3
"""While guesses pay, time is worth this much more: it could be spent on the next guess."""
_HIGHEST_CHANCE: Final = 0.9
_MARGIN: Final = 1.05
"""What guessing must win at least."""
_PLAIN_FIRST: Final = 3
"""Steps without guesses before the first one of a model."""


class GuessOdds:
    """What guesses of one kind cost and win, over all calls of a model.

    The price differs widely: a decode that mostly waits for weights has room for guesses, one
    that is busy computing has hardly any.
    """

    def __init__(self) -> None:
        self.share = _FIRST_SHARE
        """Of guessed tokens that prove right, once those before them did."""
        self.price = _FIRST_PRICE
        """Of a guessed token, as a share of a step without any, whatever its length."""
        self.skipped = 0
        """Tokens since the last guess."""
        self._outcomes = 0
        self._priced = 0
        self._costs: dict[int, float] = {}
        """Of a step with so many guesses, over one without; the first guess of a step may be
        cheap and the fourth dear, or the reverse."""
        self._plain_s = 0.0
        self._plain_steps = 0

    @property
    def is_measured(self) -> bool:
        """Whether it is known how long a step takes without guesses."""
        return self._plain_steps >= _PLAIN_FIRST

    def note(self, *, guesses: int, took_s: float) -> None:
        """Take the time of a step with so many guesses."""
        if not guesses:
            self._plain_steps += 1
            weight = max(_PRICE_WEIGHT, 1 / self._plain_steps)
            most_s = self._plain_s * _JUMP or took_s
            self._plain_s = moved(self._plain_s, min(took_s, most_s), weight)
        elif self.is_measured:
            self._note_cost(guesses, took_s / self._plain_s)
            price = (took_s / self._plain_s - 1) / guesses
            highest = min(max(self.price * _JUMP, _FIRST_PRICE), _HIGHEST_PRICE)
            self.price = moved(self.price, min(max(price, 0.0), highest), _PRICE_WEIGHT)

    def learn(self, outcome: float) -> None:
        """Take whether a guessed token was right: 1 or 0."""
        self._outcomes += 1
        weight = max(_COMMON_SHARE_WEIGHT, 1 / (self._outcomes + 2))
        self.share = moved(self.share, outcome, weight)

    @property
    def trial_length(self) -> int:
        """How many tokens to guess to see what comes of it; 0 once that is known."""
        is_hopeless = self._priced >= _FEW_COSTS and not self.best_length(
            _NEARLY_SURE, _TRIED_LENGTHS
        )
        if self._outcomes >= _TRIED_TOKENS or is_hopeless:
            return 0
        return 1 + self._outcomes % _TRIED_LENGTHS

    def _note_cost(self, guesses: int, cost: float) -> None:
        self._priced += 1
        usual = self._costs.setdefault(guesses, max(min(cost, self.cost(guesses) * _JUMP), 1.0))
        most = usual * _JUMP
        self._costs[guesses] = moved(usual, min(max(cost, 1.0), most), _PRICE_WEIGHT)

    def cost(self, guesses: int) -> float:
        """Return what a step with so many guesses costs, over one without."""
        if not self._costs:
            return 1.0 + guesses * self.price
        known = min(self._costs, key=lambda length: abs(length - guesses))
        return 1.0 + (self._costs[known] - 1.0) * guesses / known

    @property
    def least_chance(self) -> float:
        """With which a guess must be right to win more than it costs."""
        return min(self.price * _KEEN, _HIGHEST_CHANCE)

    def best_length(self, share: float, most: int) -> int:
        """Return how many tokens to guess, each right with this chance; 0 where it does not pay."""
        best, best_speed = 0, _MARGIN
        tokens = chance = 1.0
        for length in range(1, most + 1):
            chance *= share
            tokens += chance
            speed = tokens / self.cost(length)
            if speed > best_speed:
                best, best_speed = length, speed
        return best


def moved(mean: float, value: float, weight: float) -> float:
    """Return a mean after one more value that has this weight."""
    return mean + weight * (value - mean)
