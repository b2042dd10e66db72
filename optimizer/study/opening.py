"""Open a study for any command: its document, its space, and where its record is.

Knows both kinds of evaluation; dials nobody and spends nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from optimizer.engines.local import LocalEngine
from optimizer.engines.model import Engine
from optimizer.evaluation.part_nominator import PartNominator
from optimizer.evaluation.record_work import Record, RecordDecider, RecordWork, WorkerAnswers
from optimizer.evaluation.replayed import ReplayedEvaluator
from optimizer.evaluation.virtual import Nominator, VirtualTrials
from optimizer.replay.evaluator import TeamEvaluator
from optimizer.replay.matrix import load_matrix
from optimizer.replay.space_document import load_space
from optimizer.replay.team_nominator import TeamNominator
from optimizer.replay.team_space import TeamSpace
from optimizer.replay.team_table import build_table
from optimizer.search.model import Space
from optimizer.search.structure import can_expose
from optimizer.study.archive import Archive, archive_of
from optimizer.study.document import load_study
from optimizer.study.events import Header
from optimizer.study.journal import read_journal
from optimizer.study.keeping import Keeping
from optimizer.study.model import LiveSource, ReplaySource, Study, TableSource
from optimizer.study.parts import LiveParts, check_possible, header_of, live_parts
from optimizer.study.record import check_header
from optimizer.study.running import OpenEvaluator, RunPlace, open_live
from optimizer.study.tabulated import TableParts, table_parts
from runtime.catalog.model import Catalog

__all__ = ["OpenStudy", "open_study"]


@dataclass(frozen=True, slots=True)
class OpenStudy:
    """A study with its space, ready to be run or read."""

    study: Study
    space: Space
    questions: int
    live: LiveParts | None = None
    """Of a live study."""
    replay: TeamEvaluator | None = None
    """Of a replay of a matrix."""
    tabulated: TableParts | None = None
    """Of a replay of a table of graphs."""

    @property
    def catalog(self) -> Catalog | None:
        """Where the models of the graphs stand, where graphs name models."""
        if self.live is not None:
            return self.live.source.catalog
        return self.tabulated.table.catalog if self.tabulated is not None else None

    @property
    def question_names(self) -> list[str]:
        """Ids of the questions in order; empty where a record is not asked for them."""
        if self.live is not None:
            return [task.id for task in self.live.source.tasks]
        return self.tabulated.question_names if self.tabulated is not None else []

    def check_possible(self) -> None:
        """Refuse what cannot end well, before any money is spent.

        Raises:
            StudyInvalid: No graph is allowed, or the budget pays for no execution.
        """
        if self.live is not None:
            check_possible(self.live)
        elif self.tabulated is not None:
            self.tabulated.check_possible()

    @asynccontextmanager
    async def evaluator(
        self,
        place: RunPlace,
        *,
        engine: Engine | None = None,
        workers: int | None = None,
        progress: Callable[[str], None] = lambda _: None,
    ) -> AsyncIterator[OpenEvaluator]:
        """Open what runs graphs on questions.

        Args:
            place: Where the study is kept.
            engine: Who runs the executions; this process by default.
            workers: Instead of the study's own number.
            progress: Is told what is being started.

        Raises:
            StudyInvalid: The edge does not know a model of the study.
            BackendUnavailable: The edge did not come up or cannot be reached.
        """
        if self.live is not None:
            async with open_live(
                self.live, place, engine=engine, workers=workers, progress=progress
            ) as opened:
                yield opened
            return
        record, count = self._record, workers or self.study.workers
        async with (engine or LocalEngine()).opened(
            RecordWork(record.answered), workers=count, progress=progress
        ) as do:
            virtual = self._virtual(record)
            yield OpenEvaluator(WorkerAnswers(record, do), virtual=virtual, is_free=True)

    def _virtual(self, record: Record) -> VirtualTrials:
        """Return what scores graphs of a replay from calls made for others."""
        if self.replay is not None:
            nominator: Nominator = TeamNominator(self.replay)
        else:
            assert self.tabulated is not None  # noqa: S101 - a replay is one of the two
            space = self.tabulated.space
            nominator = PartNominator(space.candidates(), space.composition)
        return VirtualTrials(nominator, RecordDecider(record))

    @property
    def _record(self) -> Record:
        """A fresh record of a replay: it knows what its run has paid for."""
        if self.tabulated is not None:
            return self.tabulated.evaluator()
        assert self.replay is not None  # noqa: S101 - a study is one of the three
        return ReplayedEvaluator(self.replay)

    def archive(self, place: RunPlace) -> Archive:
        """Read what the study's journal holds.

        Raises:
            StudyInvalid: There is no journal, it cannot be read, or it is another study's.
        """
        keeping = Keeping(
            self.study.constraints,
            confidence=self.study.confidence,
            questions=self.questions,
            can_expose=lambda candidate: can_expose(self.space, candidate),
        )
        events, file = read_journal(place.journal), str(place.journal)
        if events and isinstance(events[0], Header):
            check_header(events[0], header_of(self.study, self.questions), file=file)
        return archive_of(events, keeping=keeping, file=file)


def open_study(path: Path, *, today: date) -> OpenStudy:
    """Read a study file and build its space.

    Raises:
        StudyInvalid: The study or its tasks cannot be used.
        DocumentInvalid: Another document that it names cannot be used.
    """
    study = load_study(path)
    match study.source:
        case LiveSource() as source:
            parts = live_parts(study, source, today=today)
            return OpenStudy(study, parts.space, len(source.tasks), live=parts)
        case TableSource(table):
            tabulated = table_parts(study, table)
            asked = len(tabulated.columns)
            return OpenStudy(study, tabulated.space, asked, tabulated=tabulated)
        case ReplaySource(matrix, space_file):
            spec = load_space(space_file)
            answers = build_table(load_matrix(matrix), spec)
            space = TeamSpace(spec, answers.may_leave[answers.search])
            evaluator = TeamEvaluator(space, answers, with_calls=True)
            return OpenStudy(study, space, evaluator.questions, replay=evaluator)
