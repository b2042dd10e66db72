"""Run a live study: the cache, the edge, the journal, and the runner between them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from optimizer.engines.local import LocalEngine
from optimizer.engines.model import Engine
from optimizer.evaluation.cache import CallCache
from optimizer.evaluation.edge_work import EdgeWork, WorkerRuns
from optimizer.evaluation.graph_space import GraphSpace
from optimizer.evaluation.live import LiveEvaluator, LiveSettings
from optimizer.evaluation.local_edge import running_edge
from optimizer.evaluation.model import Answered, NotKept, QuestionEvaluator
from optimizer.evaluation.part_nominator import PartNominator
from optimizer.evaluation.pattern_space import PatternSpace
from optimizer.evaluation.scoring import Scoring
from optimizer.evaluation.virtual import VirtualTrials
from optimizer.scoring.code.examine import check_sandbox
from optimizer.scoring.model import Scorer
from optimizer.search.model import Measure, Searcher
from optimizer.study.agent_opening import open_advisor
from optimizer.study.budget import Budget
from optimizer.study.events import Asked, Event, Outcome
from optimizer.study.execution import ExecutionSettings
from optimizer.study.jobs import Observer, Pair
from optimizer.study.journal import Journal, read_journal
from optimizer.study.judges import open_judge
from optimizer.study.model import Study
from optimizer.study.parts import LiveParts, header_of
from optimizer.study.runner import Runner, RunSettings
from optimizer.study.scorers import uses
from runtime.clock import Clock
from runtime.documents.os_reason import os_reason
from runtime.errors import StudyInvalid

__all__ = [
    "CACHE_FILE",
    "JOURNAL_FILE",
    "STOP_FILE",
    "OpenEvaluator",
    "RunPlace",
    "RunResult",
    "foreign_outcomes",
    "open_live",
    "run_study",
]

JOURNAL_FILE = "journal.jsonl"
STOP_FILE = "stop"
CACHE_FILE = "calls.sqlite"


@dataclass(frozen=True, slots=True)
class RunPlace:
    """Where a study is kept and what its processes inherit."""

    directory: Path
    cache: Path | None = None
    """A cache that several studies share; the study's own by default."""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.directory / JOURNAL_FILE

    @property
    def stop(self) -> Path:
        """The file whose presence ends a run."""
        return self.directory / STOP_FILE


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended."""

    reason: str
    cache_hits: int = 0
    cache_misses: int = 0


@dataclass(frozen=True, slots=True)
class OpenEvaluator:
    """An evaluator, and its cache where it has one."""

    evaluator: QuestionEvaluator
    cache: CallCache | None = None
    timeout_s: float = 120.0
    retries: int = 0
    virtual: VirtualTrials | None = None
    """Scores graphs from calls made for others, where their calls are known one by one."""
    is_free: bool = False
    """Outcomes come from a record and can be had again for nothing."""


async def run_study(
    study: Study,
    searcher: Searcher,
    opened: OpenEvaluator,
    place: RunPlace,
    *,
    clock: Clock,
    observer: Observer,
    workers: int | None = None,
) -> RunResult:
    """Run a study from its beginning or from where its journal ends.

    Args:
        study: What to search.
        searcher: Freshly made.
        opened: Runs graphs on questions.
        place: Where the journal is.
        clock: For the cap on time.
        observer: Is shown every event.
        workers: Instead of the study's own number.

    Raises:
        StudyInvalid: The journal belongs to another study, another run is at work on it, or it
            cannot be written any more.
        LeewardError: The edge cannot be used at all.
    """
    settings = RunSettings(
        trials=study.trials,
        batch=study.batch,
        executions=ExecutionSettings(
            workers=workers or study.workers,
            timeout_s=opened.timeout_s,
            retries=opened.retries,
        ),
        syncs_each=not opened.is_free,
        records_time=study.caps.seconds is not None,
    )
    longest_s = 0.0 if opened.is_free else opened.timeout_s
    budget = Budget(study.caps, clock=clock, longest_s=longest_s)
    async with AsyncExitStack() as stack:
        journal = stack.enter_context(Journal(place.journal))
        advisor = await stack.enter_async_context(
            open_advisor(
                study, searcher, journal, budget, environment=place.environment, clock=clock
            )
        )
        runner = Runner(
            journal=journal,
            header=header_of(study, opened.evaluator.questions),
            searcher=searcher,
            evaluator=opened.evaluator,
            budget=budget,
            settings=settings,
            foreign=foreign_outcomes(study),
            is_stopping=place.stop.exists,
            observer=observer,
            advisor=advisor,
            virtual=opened.virtual,
        )
        try:
            reason = await runner.run()
        except NotKept as failure:
            told = (
                f"cannot be written: {failure.reason}; nothing in it is lost, make room and resume"
            )
            raise StudyInvalid(told, file=str(failure.file)) from None
    cache = opened.cache
    return RunResult(reason, cache.hits if cache else 0, cache.misses if cache else 0)


@asynccontextmanager
async def open_live(
    parts: LiveParts,
    place: RunPlace,
    *,
    engine: Engine | None = None,
    workers: int | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[OpenEvaluator]:
    """Open cache and edge, start the edge where the study says so, and check its models.

    Args:
        parts: What the study is made of.
        place: Where it is kept.
        engine: Who runs the executions; this process by default.
        workers: Instead of the study's own number.
        progress: Is told what is being started.

    Raises:
        StudyInvalid: The edge does not know a model of the study.
        BackendUnavailable: The edge did not come up or cannot be reached.
    """
    source = parts.source
    _make(place.directory)
    async with AsyncExitStack() as stack:
        address = source.edge
        if source.edge_config is not None:
            progress("edge daemon")
            address = await stack.enter_async_context(
                running_edge(source.edge_config, place.directory, environment=place.environment)
            )
        if source.sandbox is not None and uses(source.tasks, Scorer.CODE):
            progress("sandbox")
            await check_sandbox(source.sandbox)
        progress("models of the edge")
        do = await stack.enter_async_context(
            (engine or LocalEngine()).opened(
                _edge_work(parts, address),
                workers=workers or parts.study.workers,
                progress=progress,
            )
        )
        runs = WorkerRuns(do)
        cache = CallCache(place.cache or place.directory / CACHE_FILE, study=parts.study.hash)
        stack.callback(cache.close)
        judge = await stack.enter_async_context(
            open_judge(
                source,
                WorkerRuns(do),
                rules=parts.rules,
                cache=cache,
                environment=place.environment,
            )
        )
        evaluator = LiveEvaluator(
            runs,
            parts.space,
            source.tasks,
            rules=parts.rules,
            cache=cache,
            settings=LiveSettings(source.policy_hash, source.revisions),
            scoring=Scoring(sandbox=source.sandbox, judge=judge),
        )
        virtual = _live_virtual(parts.space, evaluator)
        yield OpenEvaluator(evaluator, cache, source.timeout_s, source.retries, virtual)


def _live_virtual(
    space: GraphSpace | PatternSpace, evaluator: LiveEvaluator
) -> VirtualTrials | None:
    """Return what scores graphs from the calls of others, ``None`` where none can be listed.

    A pattern's calls depend on branches, lists and votes, so it shares none that could be told.
    """
    listed = space.candidates()
    if listed is None or isinstance(space, PatternSpace):
        return None
    return VirtualTrials(PartNominator(listed, space.composition), evaluator)


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as failure:
        reason = f"cannot be made: {os_reason(failure)}"
        raise StudyInvalid(reason, file=str(directory)) from None


def _edge_work(parts: LiveParts, address: str) -> EdgeWork:
    source = parts.source
    return EdgeWork(
        address,
        parts.rules,
        source.timeout_s,
        models=tuple(dict.fromkeys((*source.limits.models, *source.limits.sink_models))),
    )


def foreign_outcomes(study: Study) -> dict[Pair, Answered]:
    """Return what the study that this one starts warm from has paid for.

    Raises:
        StudyInvalid: There is no such study, or it asked other questions or built other graphs.
    """
    if study.warm_start is None:
        return {}
    path = study.warm_start / JOURNAL_FILE
    if not path.is_file():
        reason = "is not there; name the directory of a study that was run"
        raise StudyInvalid(reason, file=str(path), field="warm_start")
    events = read_journal(path)
    header = events[0] if events else None
    if getattr(header, "outcomes", None) != study.outcomes_hash:
        reason = "asked other questions, on other models or in another space; it cannot warm this"
        raise StudyInvalid(reason, file=str(path), field="warm_start")
    return _outcomes(events, needs_egress=_needs_egress(study))


def _needs_egress(study: Study) -> bool:
    is_capped = any(one.measure is Measure.EGRESS_BYTES for one in study.constraints)
    return is_capped or "egress_bytes" in study.objectives


def _outcomes(events: tuple[Event, ...], *, needs_egress: bool) -> dict[Pair, Answered]:
    candidates = {
        event.trial.number: event.trial.candidate for event in events if isinstance(event, Asked)
    }
    return {
        (candidates[event.trial].key, event.evaluated.question): event.evaluated.answered
        for event in events
        if isinstance(event, Outcome)
        # Journals of before do not say how much left, and silence would look like a kept cap.
        and not (needs_egress and event.evaluated.answered.egress_bytes is None)
    }
