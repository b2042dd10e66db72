"""Ask and tell around a plan that is written as a loop.

A strategy yields batches and reads the archive after each; the driver numbers trials, takes
outcomes in any order, twice or from any number of workers, and moves the strategy on only when a
batch is whole, in the batch's own order. So the same seed gives the same trials, whoever runs
them. While a batch is incomplete, ``ask`` may have nothing to give: that means wait. A strategy
that yields ``None`` in a batch's place waits for something else than outcomes, such as an agent's
reply; ``ask`` then gives nothing and looks again when it is called again.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from optimizer.search.archive import Archive
from optimizer.search.model import Candidate, CandidateKey, Outcomes, Recommendation, Trial

__all__ = ["Request", "Search", "Strategy"]

_MOST_IDLE: Final = 10_000
"""Batches in a row that ask nothing new; a strategy that gets there has seen everything."""


@dataclass(frozen=True, slots=True)
class Request:
    """A graph that a strategy wants run on some questions."""

    candidate: Candidate
    questions: tuple[int, ...]


class Strategy(Protocol):
    """An algorithm: what to run next, and what to recommend."""

    def batches(self, archive: Archive) -> Iterator[Sequence[Request] | None]:
        """Yield batches of requests; the archive holds all earlier ones' outcomes."""

    def recommend(self, archive: Archive) -> Recommendation | None:
        """Choose from what the archive holds."""

    def state(self) -> Mapping[str, object]:
        """Return what reports show."""


class Search:
    """Runs one strategy as a :class:`optimizer.search.model.Searcher`."""

    def __init__(self, strategy: Strategy, questions: int) -> None:
        self.archive = Archive(questions)
        self._strategy = strategy
        self._batches = strategy.batches(self.archive)
        self._waiting: deque[Trial] = deque()
        self._batch: list[Trial] = []
        self._told: dict[int, Outcomes] = {}
        self._next = 0
        self._is_finished = False
        self._is_waiting = False
        self._idle = 0

    @property
    def is_finished(self) -> bool:
        """Whether the strategy has nothing left to ask, ever."""
        return self._is_finished

    @property
    def asked(self) -> int:
        """How many trials were made so far."""
        return self._next

    def ask(self, count: int = 1) -> Sequence[Trial]:
        """Return up to ``count`` trials of the current batch; see the module on waiting."""
        self._is_waiting = False
        while not (self._waiting or self._batch or self._is_finished or self._is_waiting):
            self._advance()
        return [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]

    def tell(self, trial: Trial, outcomes: Outcomes) -> None:
        """Take outcomes; a trial that is not of the current batch was told before."""
        if all(one.number != trial.number for one in self._batch):
            return
        self._told.setdefault(trial.number, outcomes)
        if len(self._told) < len(self._batch):
            return
        for one in self._batch:
            self.archive.add(one.candidate, self._told[one.number])
        self._batch, self._told = [], {}

    def learn(self, candidate: Candidate, outcomes: Outcomes) -> None:
        """Take outcomes of a graph that was not asked for: calls made for others decide them."""
        self.archive.add(candidate, outcomes)

    def recommend(self) -> Recommendation | None:
        """Return the strategy's choice."""
        return self._strategy.recommend(self.archive)

    def state(self) -> Mapping[str, object]:
        """Return the strategy's state and the archive's size."""
        return {"graphs": len(self.archive), "trials": self._next, **self._strategy.state()}

    def _advance(self) -> None:
        try:
            requests = next(self._batches)
        except StopIteration:
            self._is_finished = True
            return
        if requests is None:
            self._is_waiting = True
            return
        planned: dict[CandidateKey, set[int]] = {}
        for request in requests:
            key = request.candidate.key
            missing = self.archive.missing(request.candidate, request.questions)
            questions = tuple(one for one in missing if one not in planned.get(key, ()))
            if questions:
                planned.setdefault(key, set()).update(questions)
                self._batch.append(Trial(self._next, request.candidate, questions))
                self._next += 1
        self._waiting.extend(self._batch)
        self._idle = 0 if self._batch else self._idle + 1
        self._is_finished = self._idle > _MOST_IDLE
