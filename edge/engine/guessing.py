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

from edge.engine.guess_odds import GuessOdds, moved
from edge.engine.lookup import PromptLookup

__all__ = ["Draft", "Guesser", "Guessing"]

_MOST: Final = 8
_SHARE_WEIGHT: Final = 0.1
"""Of the newest token within a call."""
_PROBE_EVERY: Final = 256
"""Tokens of all calls without a guess of a kind, after which one is tried, however short they
are: what guesses cost may have been measured while the device was busy."""
_FIRST_REST: Final = 32
_LONGEST_REST: Final = 1024
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
        length = self._length(answered, most)
        self.odds.skipped = 0 if length else self.odds.skipped + 1
        return length

    def _length(self, answered: int, most: int) -> int:
        if self.odds.skipped >= _PROBE_EVERY:
            return min(1, most)
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
            self.share = moved(self.share, outcome, _SHARE_WEIGHT)
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
