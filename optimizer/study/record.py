"""What a journal says happened, in the order in which a run would do it again.

A resumed run is the same run from the start, with this record answering for what was paid for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from optimizer.evaluation.model import Evaluated
from optimizer.study.advised import Advised
from optimizer.study.events import (
    Asked,
    Done,
    Ended,
    Event,
    Failed,
    Header,
    Learned,
    Outcome,
    Recommended,
)
from optimizer.study.virtual import Virtual
from runtime.errors import StudyInvalid

__all__ = ["Record", "Recorded", "Step", "check_header"]

Step = Asked | Done | Recommended | Learned | Advised | Virtual
"""Events that a run comes to again in the same order."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is known of one question of one trial."""

    failures: tuple[Failed, ...] = ()
    evaluated: Evaluated | None = None
    is_closed: bool = False
    """The trial was completed, so a failure stays one."""


def check_header(found: Header, header: Header, *, file: str) -> None:
    """Refuse the journal of another study.

    Args:
        found: What the journal begins with.
        header: What this study's journal would begin with.
        file: The journal.

    Raises:
        StudyInvalid: It belongs to another study.
    """
    if found == replace(header, virtual=found.virtual):
        return  # a journal says itself whether it has virtual trials
    differing = [
        name
        for name in ("name", "searcher", "seed", "questions", "study", "outcomes")
        if getattr(found, name) != getattr(header, name)
    ]
    reason = (
        f"is the journal of another study (differs in {', '.join(differing)}); "
        "give this one a directory of its own with --dir"
    )
    raise StudyInvalid(reason, file=file, line=1)


class Record:
    """The events of earlier runs, looked up and followed."""

    def __init__(self, events: Iterable[Event], *, file: str) -> None:
        self._file = file
        self._followed = 0
        self._script: list[Step] = []
        self._advice: list[Advised] = []
        self._virtual: dict[int, Virtual] = {}
        self._found: dict[tuple[int, int], Recorded] = {}
        self._header: Header | None = None
        self.elapsed_s = 0.0
        self.last_ended: str | None = None
        closed: set[int] = set()
        for event in events:
            self.last_ended = event.reason if isinstance(event, Ended) else None
            self._take(event, closed)
        for (trial, question), one in self._found.items():
            if trial in closed:
                self._found[trial, question] = replace(one, is_closed=True)

    def check_header(self, header: Header) -> bool:
        """Return whether the journal has begun.

        Raises:
            StudyInvalid: It belongs to another study.
        """
        if self._header is None:
            return False
        check_header(self._header, header, file=self._file)
        return True

    def header_for(self, header: Header) -> Header:
        """Return the header that a run goes on under: the record's, or its own at the start."""
        return self._header or header

    def virtual(self, after: int) -> Virtual | None:
        """Return what calls were found to decide after a trial, if it was written down."""
        return self._virtual.get(after)

    def of(self, trial: int, question: int) -> Recorded:
        """Return what is known of one question of one trial."""
        return self._found.get((trial, question), Recorded())

    def advice(self, number: int, brief: str) -> Advised | None:
        """Return what an agent decided on its ``number``-th brief, if it did.

        Raises:
            StudyInvalid: It was another brief.
        """
        if number >= len(self._advice):
            return None
        found = self._advice[number]
        if found.brief != brief:
            raise self._goes_another_way(number)
        return found

    def follow(self, event: Step) -> bool:
        """Return whether ``event`` is what the record says comes next; ``False`` at its end.

        Raises:
            StudyInvalid: The record says something else.
        """
        if self._followed == len(self._script):
            return False
        expected = self._script[self._followed]
        if _comparable(expected) != _comparable(event):
            trial = expected.trial if isinstance(expected, Done) else self._followed
            raise self._goes_another_way(trial)
        self._followed += 1
        return True

    def _goes_another_way(self, place: int) -> StudyInvalid:
        return StudyInvalid(
            f"cannot be continued: this version of the searcher goes another way at {place};"
            " start anew in another directory with --dir",
            file=self._file,
        )

    def _take(self, event: Event, closed: set[int]) -> None:
        match event:
            case Header():
                self._header = event
            case Outcome(trial, evaluated):
                place = (trial, evaluated.question)
                self._found[place] = replace(self.of(*place), evaluated=evaluated)
            case Failed(trial, question):
                known = self.of(trial, question)
                self._found[trial, question] = replace(known, failures=(*known.failures, event))
            case Done():
                closed.add(event.trial)
                self.elapsed_s = event.elapsed_s or self.elapsed_s
                self._script.append(event)
            case Asked() | Recommended() | Learned():
                self._script.append(event)
            case Virtual():
                self._virtual[event.after] = event
                self._script.append(event)
            case Advised():
                self._advice.append(event)
                self._script.append(event)
            case Ended():
                pass


def _comparable(event: Step) -> object:
    # Time passes differently each time; everything else must be the same.
    return replace(event, elapsed_s=None) if isinstance(event, Done) else event
