"""Guessing how an answer goes on: as the text went on where its last tokens stood before.

Answers often repeat names, numbers and phrases of their prompt. A guess costs a place in a
decode; when it is right, it saves a decode. Guesses never change what is chosen: the sampler is
asked at every place, and what follows a wrong guess is thrown away. Pure bookkeeping.
"""

from collections.abc import Iterable
from typing import Final

__all__ = ["GuessPrice", "Guesser", "PromptLookup"]

_WIDTH: Final = 4
"""Tokens that must have stood together before."""
_MOST: Final = 8
_FIRST: Final = 2
_FIRST_SHARE: Final = 0.6
_WEIGHT: Final = 0.3
"""Of the newest guess in the running share."""
_FIRST_PRICE: Final = 0.4
_MARGIN: Final = 1.1
_PRICE_WEIGHT: Final = 0.1
_HIGHEST_PRICE: Final = 1.0
_FIRST_REST: Final = 32
_LONGEST_REST: Final = 1024


class GuessPrice:
    """What a guessed token costs, as a share of a decode of one: learnt, for it differs widely.

    A decode that mostly waits for weights has room for guesses; one that is busy computing has
    hardly any.
    """

    def __init__(self) -> None:
        self._plain_s = 0.0
        self._price = _FIRST_PRICE

    @property
    def least_share(self) -> float:
        """Share of guesses that must prove right for guessing to pay."""
        return min(self._price * _MARGIN, _HIGHEST_PRICE)

    def note(self, *, guesses: int, took_s: float) -> None:
        """Take the time of a decode of one token and so many guesses."""
        if not guesses:
            self._plain_s = _moved(self._plain_s or took_s, took_s)
        elif self._plain_s:
            price = (took_s / self._plain_s - 1) / guesses
            self._price = _moved(self._price, min(max(price, 0.0), _HIGHEST_PRICE))


class PromptLookup:
    """Finds where the last tokens of a text stood before.

    Args:
        tokens: The text so far.
    """

    def __init__(self, tokens: Iterable[int]) -> None:
        self._tokens: list[int] = []
        self._ends: dict[tuple[int, ...], int] = {}
        self.extend(tokens)

    def extend(self, tokens: Iterable[int]) -> None:
        """Let the text go on."""
        for token in tokens:
            if len(self._tokens) >= _WIDTH:
                # Only what has a continuation is worth finding.
                self._ends[tuple(self._tokens[-_WIDTH:])] = len(self._tokens)
            self._tokens.append(token)

    def guess(self, most: int) -> list[int]:
        """Return at most so many tokens that may come next; often none."""
        end = self._ends.get(tuple(self._tokens[-_WIDTH:]))
        return [] if end is None else self._tokens[end : end + most]


class Guesser:
    """Decides for one answer when to guess, and learns whether it pays.

    Args:
        prompt: The prompt's tokens.
        price: What a guess costs here.
    """

    def __init__(self, prompt: Iterable[int], price: GuessPrice) -> None:
        self._price = price
        self._lookup = PromptLookup(prompt)
        self._seen = 0
        self.guessed = 0
        """Tokens guessed so far."""
        self.right = 0
        """Of those, that were right."""
        self._length = _FIRST
        self._share = _FIRST_SHARE
        self._rest = 0
        self._next_rest = _FIRST_REST

    def guess(self, answer: list[int], *, most: int) -> list[int]:
        """Return what may follow an answer so far.

        Args:
            answer: All its tokens.
            most: Never more than this.
        """
        if len(answer) - self._seen < self._rest or most <= 0:
            return []
        self._rest = 0
        self._lookup.extend(answer[self._seen :])
        self._seen = len(answer)
        return self._lookup.guess(min(self._length, most))

    def learn(self, *, guessed: int, right: int) -> None:
        """Take how many of the last guess's tokens were right."""
        self.guessed += guessed
        self.right += right
        self._share += _WEIGHT * (right / guessed - self._share)
        if right == guessed:
            self._length = min(self._length + 2, _MOST)
            self._next_rest = _FIRST_REST
        else:
            self._length = max(right + 1, _FIRST)
        least = self._price.least_share
        if self._share < least:
            # One more small guess after a rest that doubles with every disappointment.
            self._rest = self._next_rest
            self._next_rest = min(2 * self._next_rest, _LONGEST_REST)
            self._length, self._share = _FIRST, least


def _moved(mean: float, value: float) -> float:
    return mean + _PRICE_WEIGHT * (value - mean)
