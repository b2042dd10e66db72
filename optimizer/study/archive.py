"""What a journal says of each graph: its outcomes on distinct questions, and their summary.

Every reader of a study (front, best, show, diff, report, export) starts here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from optimizer.evaluation.model import Answered, Evaluated, Source, outcomes_of
from optimizer.search.model import Candidate, CandidateKey, Measure, Outcomes
from optimizer.study.events import Asked, Event, Header, Outcome, Recommended
from optimizer.study.keeping import Keeping, Kept, measured_value
from optimizer.study.model import ACCURACY, Objective
from optimizer.study.virtual import Virtual
from runtime.errors import NotFound, StudyInvalid
from runtime.shares import share_interval

__all__ = ["Archive", "Measured", "archive_of", "measured_of"]


@dataclass(frozen=True, slots=True)
class Measured:
    """One graph and what it did on the distinct questions that it was asked."""

    number: int
    """By first appearance; what people call it: ``g3``."""
    candidate: Candidate
    outcomes: Outcomes
    accuracy: float
    interval: tuple[float, float]
    values: Mapping[Objective, float]
    """Every objective, accuracy included."""
    kept: tuple[Kept, ...]
    virtual: int = 0
    """On how many of the questions it was not run: calls made for other graphs decide it there."""

    @property
    def name(self) -> str:
        """How commands name it."""
        return f"g{self.number}"

    @property
    def is_proven(self) -> bool:
        """All constraints hold on new questions, at the study's confidence."""
        return all(one.is_proven for one in self.kept)

    @property
    def is_possible(self) -> bool:
        """All constraints held on the questions that were asked."""
        return not any(one.is_broken for one in self.kept)


@dataclass(frozen=True, slots=True)
class Archive:
    """Everything that a journal holds, by graph."""

    header: Header
    measured: tuple[Measured, ...]
    recommended: Recommended | None
    """The searcher's last word."""

    @property
    def chosen(self) -> Measured | None:
        """The graph that the searcher recommends last, if it recommends one that was run."""
        found = self.recommended and self.recommended.recommendation
        key = found.candidate.key if found else None
        return next((one for one in self.measured if one.candidate.key == key), None)

    def find(self, name: str) -> Measured:
        """Return a graph by ``g3``, its key, or ``recommended``.

        Raises:
            NotFound: There is none.
        """
        if name == "recommended":
            if self.chosen is None:
                raise NotFound("the searcher recommends no graph yet")
            return self.chosen
        for one in self.measured:
            if name in (one.name, str(one.candidate.key)):
                return one
        last = f"g1 to g{len(self.measured)}" if self.measured else "none"
        raise NotFound(f"no graph {name!r} in this study; known: {last}, recommended")


def archive_of(events: Iterable[Event], *, keeping: Keeping, file: str = "") -> Archive:
    """Gather a journal's outcomes; ``keeping`` judges the constraints.

    Raises:
        StudyInvalid: The journal is empty.
    """
    header: Header | None = None
    recommended: Recommended | None = None
    candidates: dict[int, Candidate] = {}
    answers: dict[CandidateKey, dict[int, Answered]] = {}
    by_key: dict[CandidateKey, Candidate] = {}
    ran: set[tuple[CandidateKey, int]] = set()
    for event in events:
        match event:
            case Header():
                header = event
            case Asked(trial):
                candidates[trial.number] = trial.candidate
            case Outcome(trial, evaluated):
                candidate = candidates[trial]
                by_key.setdefault(candidate.key, candidate)
                found = answers.setdefault(candidate.key, {})
                found.setdefault(evaluated.question, evaluated.answered)
                ran.add((candidate.key, evaluated.question))
            case Virtual(_, graphs):
                for one in graphs:
                    by_key.setdefault(one.candidate.key, one.candidate)
                    found = answers.setdefault(one.candidate.key, {})
                    for question, answered in one.answers:
                        found.setdefault(question, answered)
            case Recommended():
                recommended = event
            case _:
                pass
    if header is None:
        raise StudyInvalid("is empty; `leeward optimizer run` begins it", file=file)
    measured = tuple(
        replace(
            measured_of(number, by_key[key], found, keeping=keeping),
            virtual=sum((key, question) not in ran for question in found),
        )
        for number, (key, found) in enumerate(answers.items(), start=1)
    )
    return Archive(header, measured, recommended)


def measured_of(
    number: int, candidate: Candidate, answers: Mapping[int, Answered], *, keeping: Keeping
) -> Measured:
    """Summarise what one graph did, by question."""
    outcomes = outcomes_of(
        Evaluated(question, answers[question], Source.KNOWN) for question in sorted(answers)
    )
    count = len(outcomes.questions)
    accuracy = float(outcomes.right.mean())
    # Parts of points count as their sum: the interval is exact for right and wrong only.
    hits = round(float(outcomes.right.sum()))
    interval = share_interval(hits, count, confidence=keeping.confidence)
    values: dict[Objective, float] = {
        ACCURACY: accuracy,
        **{measure.value: measured_value(measure, outcomes) for measure in Measure},
    }
    return Measured(
        number, candidate, outcomes, accuracy, interval, values, keeping.judge(candidate, outcomes)
    )
