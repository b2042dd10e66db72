"""When to guess how an answer goes on, and how far: what pays is learnt while it goes on.

A guess costs a place in a decode, and a draft's time; when it is right, it saves a step. Guesses
never change what is chosen: the sampler is asked at every place, and what follows a wrong guess
is thrown away. This is speculative sampling with certain proposals - a guess is kept with the
very chance that the model gives it - so that also drawn answers keep their distribution, and
even their seeds. Pure arithmetic; the draft is somebody else's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from edge.engine.lookup import PromptLookup

__all__ = ["Draft", "Guesser", "Guessing", "GuessOdds"]

_MOST: Final = 8
_FIRST_SHARE: Final = 0.6
_FIRST_PRICE: Final = 0.4
_HIGHEST_PRICE: Final = 4.0
_PRICE_WEIGHT: Final = 0.1
"""Of the newest measurement."""
_JUMP: Final = 1.5
"""A measurement counts as at most so much more than usual: a step that had to wait for the
processor says nothing of guesses."""
_SHARE_WEIGHT: Final = 0.1
"""Of the newest token within a call."""
_COMMON_SHARE_WEIGHT: Final = 0.01
"""Of the newest token over all calls, once there were many."""
_TRIED_TOKENS: Final = 12
"""Guessed before anything is said of a kind of guesses, unless it costs too much in any case."""
_TRIED_LENGTHS: Final = 4
"""By turns, so that each one's cost is known."""
_NEARLY_SURE: Final = 0.98
_KEEN: Final = 1.3
"""While guesses pay, time is worth this much more: it could be spent on the next guess."""
_HIGHEST_CHANCE: Final = 0.9
_MARGIN: Final = 1.05
"""What guessing must win at least."""
_FIRST_REST: Final = 32
_LONGEST_REST: Final = 1024
_PLAIN_FIRST: Final = 3
"""Steps without guesses before the first one of a model."""
_PLAIN_EVERY: Final = 64
"""Guesses, after which a step goes without one, to know what it would have cost."""


class Draft(Protocol):
    """A small model that runs ahead of a larger one."""

    def guess(
        self, owner: object, text: Sequence[int], most: int, *, least_chance: float
    ) -> list[int] | None:
        """Return tokens that may come next.

        Args:
            owner: Whose text it is; nothing of one owner's serves another.
            text: All of it. It may go on otherwise than was guessed, but never changes.
            most: Never more than this.
            least_chance: Stop where all guesses up to there are right with a smaller chance.

        Returns:
            The tokens; ``None`` where it had to catch up with the text and guessed nothing.
        """
        ...


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
        self._outcomes = 0
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
            self._plain_s = _moved(self._plain_s, min(took_s, most_s), weight)
        elif self.is_measured:
            self._note_cost(guesses, took_s / self._plain_s)
            price = (took_s / self._plain_s - 1) / guesses
            highest = min(max(self.price * _JUMP, _FIRST_PRICE), _HIGHEST_PRICE)
            self.price = _moved(self.price, min(max(price, 0.0), highest), _PRICE_WEIGHT)

    def learn(self, outcome: float) -> None:
        """Take whether a guessed token was right: 1 or 0."""
        self._outcomes += 1
        weight = max(_COMMON_SHARE_WEIGHT, 1 / (self._outcomes + 2))
        self.share = _moved(self.share, outcome, weight)

    @property
    def trial_length(self) -> int:
        """How many tokens to guess to see what comes of it; 0 once that is known."""
        is_hopeless = not self.best_length(_NEARLY_SURE, _TRIED_LENGTHS)
        if self._outcomes >= _TRIED_TOKENS or is_hopeless:
            return 0
        return 1 + self._outcomes % _TRIED_LENGTHS

    def _note_cost(self, guesses: int, cost: float) -> None:
        usual = self._costs.setdefault(guesses, max(min(cost, self.cost(guesses) * _JUMP), 1.0))
        most = usual * _JUMP
        self._costs[guesses] = _moved(usual, min(max(cost, 1.0), most), _PRICE_WEIGHT)

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


class Guessing:
    """What is known of guesses over all calls of one model.

    Args:
        draft: A small model to ask, if there is one.
    """

    def __init__(self, draft: Draft | None = None) -> None:
        self.draft = draft
        self.lookup_odds = GuessOdds()
        self.draft_odds = GuessOdds()


@dataclass(slots=True)
class _Trial:
    """One kind of guesses in one call."""

    odds: GuessOdds
    share: float = 0.0
    rest_until: int = 0
    """Length of the answer before which nothing is guessed."""
    next_rest: int = _FIRST_REST
    is_probe_due: bool = False

    def __post_init__(self) -> None:
        self.share = self.odds.share

    def length(self, answered: int, most: int) -> int:
        """Return how many tokens to guess at this length of the answer."""
        if answered < self.rest_until:
            return 0
        best = min(self.odds.trial_length, most) or self.odds.best_length(self.share, most)
        if best:
            self.next_rest = _FIRST_REST
            return best
        if self.is_probe_due:
            self.is_probe_due = False
            return min(1, most)
        # One small guess after a rest that doubles with every disappointment.
        self.is_probe_due = True
        self.rest_until = answered + self.next_rest
        self.next_rest = min(2 * self.next_rest, _LONGEST_REST)
        return 0

    def learn(self, *, guessed: int, right: int) -> None:
        outcomes = [1.0] * right + [0.0] * (right < guessed)
        for outcome in outcomes:
            self.share = _moved(self.share, outcome, _SHARE_WEIGHT)
            self.odds.learn(outcome)


class Guesser:
    """Guesses for one answer: from its own text where that says how it goes on, else by the draft.

    Args:
        prompt: The prompt's tokens.
        guessing: What is known of guesses so far.
    """

    def __init__(self, prompt: Iterable[int], guessing: Guessing) -> None:
        self.guessed = 0
        """Tokens guessed so far."""
        self.right = 0
        """Of those, that were right."""
        self._draft = guessing.draft
        self._lookup = PromptLookup(prompt)
        self._by_lookup = _Trial(guessing.lookup_odds)
        self._by_draft = _Trial(guessing.draft_odds)
        self._seen = 0
        self._last: _Trial | None = None
        self._last_count = 0
        self._is_timed = True
        self._since_plain = 0

    def guess(self, answer: list[int], *, most: int) -> list[int]:
        """Return what may follow an answer so far.

        Args:
            answer: All its tokens.
            most: Never more than this.
        """
        self._last, self._last_count, self._is_timed = None, 0, True
        is_due = self._since_plain >= _PLAIN_EVERY or not self._by_draft.odds.is_measured
        if most <= 0 or is_due:
            self._since_plain = 0
            return []
        most = min(most, _MOST)
        guess = self._from_text(answer, most) or self._from_draft(answer, most)
        self._last_count = len(guess)
        self._since_plain += bool(guess)
        return guess

    def learn(self, *, guessed: int, right: int) -> None:
        """Take how many of the last guess's tokens were right."""
        self.guessed += guessed
        self.right += right
        if self._last is not None:
            self._last.learn(guessed=guessed, right=right)

    def note(self, took_s: float) -> None:
        """Take how long the step took that the last guess, or none, was computed in."""
        if not self._is_timed:
            return
        if self._last is not None and self._last_count:
            self._last.odds.note(guesses=self._last_count, took_s=took_s)
            return
        for trial in (self._by_lookup, self._by_draft):
            trial.odds.note(guesses=0, took_s=took_s)

    def _from_text(self, answer: list[int], most: int) -> list[int]:
        if len(answer) < self._by_lookup.rest_until:
            return []
        guess = self._text_of(answer).guess(most)
        if guess:
            guess = guess[: self._by_lookup.length(len(answer), most)]
            self._last = self._by_lookup
        return guess

    def _from_draft(self, answer: list[int], most: int) -> list[int]:
        if self._draft is None:
            return []
        trial = self._by_draft
        length = trial.length(len(answer), most)
        if not length:
            return []
        text = self._text_of(answer).text
        guess = self._draft.guess(self, text, length, least_chance=trial.odds.least_chance)
        # A step in which it was asked in vain is no plain one.
        self._is_timed = bool(guess)
        self._last = trial
        return guess or []

    def _text_of(self, answer: list[int]) -> PromptLookup:
        self._lookup.extend(answer[self._seen :])
        self._seen = len(answer)
        return self._lookup


def _moved(mean: float, value: float, weight: float) -> float:
    return mean + weight * (value - mean)
