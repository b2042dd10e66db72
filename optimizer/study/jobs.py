"""One question of one trial as a job, and the writer that puts jobs into the journal in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from optimizer.evaluation.model import Evaluated
from optimizer.search.model import CandidateKey, Trial
from optimizer.study.budget import Budget
from optimizer.study.events import Done, Event, Failed, Outcome
from optimizer.study.journal import Journal
from optimizer.study.record import Record, Step

__all__ = ["InOrder", "Job", "Observer", "Pair", "Recorder"]

Observer = Callable[[Event, Budget], None]
"""Is shown every event of the run, also those of earlier runs, and the budget after it."""
Pair = tuple[CandidateKey, int]
"""A graph and a question: what is never paid for twice."""


@dataclass(slots=True, eq=False)
class Job:
    """One question of one trial, and what became of it."""

    trial: Trial
    question: int
    failures: list[Failed] = field(default_factory=list)
    evaluated: Evaluated | None = None
    is_over: bool = False
    in_journal: int = 0
    """How many of its events the journal already holds."""

    @property
    def pair(self) -> Pair:
        """Graph and question."""
        return (self.trial.candidate.key, self.question)

    @property
    def events(self) -> list[Event]:
        """What the journal says of it: failed attempts, then the outcome."""
        events: list[Event] = list(self.failures)
        if self.evaluated is not None:
            events.append(Outcome(self.trial.number, self.evaluated))
        return events


class Recorder:
    """Appends what is new, follows what is recorded, and shows both to an observer.

    Args:
        journal: Where events go.
        record: What earlier runs wrote.
        budget: Shown with every event.
        booked: Gives an outcome as the journal is to hold it; asked in the journal's order.
        observer: Is shown every event.
        records_time: Whether wall-clock time goes into the journal.
    """

    def __init__(
        self,
        journal: Journal,
        record: Record,
        budget: Budget,
        *,
        booked: Callable[[Evaluated], Evaluated],
        observer: Observer,
        records_time: bool,
    ) -> None:
        self._journal = journal
        self._record = record
        self._budget = budget
        self._booked = booked
        self._observer = observer
        self._records_time = records_time

    def emit(self, event: Step) -> None:
        """Put a step of the search into the journal, unless it is there."""
        if not self._record.follow(event):
            self._journal.append([event])
        self._observer(event, self._budget)

    def emit_jobs(self, jobs: Sequence[Job]) -> None:
        """Put the events of finished jobs into the journal in one durable write."""
        for job in jobs:
            # What the journal holds was booked when it came.
            if job.evaluated is not None and job.in_journal < len(job.events):
                job.evaluated = self._booked(job.evaluated)
        self._journal.append([event for job in jobs for event in job.events[job.in_journal :]])
        for job in jobs:
            job.in_journal = len(job.events)
            for event in job.events:
                self._observer(event, self._budget)

    def emit_done(self, jobs: Sequence[Job]) -> None:
        """Put the end of a trial into the journal, given all its jobs."""
        answered = [job.evaluated.answered for job in jobs if job.evaluated is not None]
        total = sum(one.right for one in answered)
        done = Done(
            trial=jobs[0].trial.number,
            answered=len(answered),
            failed=len(jobs) - len(answered),
            accuracy=total / len(answered) if answered else 0.0,
            elapsed_s=self._budget.elapsed_s if self._records_time else None,
        )
        self.emit(done)


class InOrder:
    """Writes the jobs of a batch in their order, whichever is over first.

    Args:
        jobs: All jobs of the batch, trial by trial.
        recorder: Where they go.
        syncs_each: Whether each is made durable as soon as its turn comes, or trials as a whole.
    """

    def __init__(self, jobs: Sequence[Job], recorder: Recorder, *, syncs_each: bool) -> None:
        self._trials = list(_by_trial(jobs))
        self._recorder = recorder
        self._syncs_each = syncs_each
        self._written = 0

    def write(self, *, is_last: bool = False) -> None:
        """Write every job whose turn has come; with ``is_last`` also those of open trials."""
        while self._trials:
            jobs = self._trials[0]
            ready = self._written
            while ready < len(jobs) and jobs[ready].is_over:
                ready += 1
            is_complete = ready == len(jobs)
            if ready > self._written and (is_complete or self._syncs_each or is_last):
                self._recorder.emit_jobs(jobs[self._written : ready])
                self._written = ready
            if not is_complete:
                return
            self._recorder.emit_done(jobs)
            self._trials.pop(0)
            self._written = 0


def _by_trial(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    found: dict[int, list[Job]] = {}
    for job in jobs:
        found.setdefault(job.trial.number, []).append(job)
    yield from found.values()
