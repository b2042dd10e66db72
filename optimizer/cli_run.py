"""``leeward optimizer plan``, ``run`` and ``resume``: what a search will cost, and doing it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from optimizer.agents.advised_search import AdvisedSearch
from optimizer.cli_agent import agent_data, agent_lines, agent_plan_data, agent_plan_table
from optimizer.cli_engine import EngineName, EngineOption, RayAddressOption, engine_of
from optimizer.cli_options import CacheOption, DirectoryOption, StudyArgument, opened, place_of
from optimizer.cli_progress import RunWatcher, watching
from optimizer.cli_views import (
    amounts_table,
    egress_line,
    estimate_data,
    front_data,
    measured_data,
    measured_table,
    scorers_line,
    spend_data,
    spend_line,
)
from optimizer.engines.model import Engine
from optimizer.study.agent_estimate import AgentEstimate, estimate_agent
from optimizer.study.estimate import Amounts, Estimate, agent_alone, breaks, estimate_study
from optimizer.study.front import ahead_of, front_of
from optimizer.study.opening import OpenStudy
from optimizer.study.running import RunPlace, RunResult, run_study
from optimizer.study.scorers import count_scorers
from optimizer.study.search_cost import agent_cost
from optimizer.study.searchers import make_searcher
from runtime.cli.exit_codes import CODES, FINDINGS
from runtime.cli.output import JsonOption, diagnose, make_table, run_command, show
from runtime.clock import SystemClock
from runtime.errors import BackendUnavailable, StudyInvalid

__all__ = ["plan", "resume", "run"]

WorkersOption = Annotated[
    int | None, typer.Option(min=1, max=256, help="Executions at once, instead of the study's.")
]
UntilCapOption = Annotated[
    bool,
    typer.Option(
        "--until-cap", help="Run although the worst case breaks a cap; the cap then ends the run."
    ),
]


def plan(study: StudyArgument, *, as_json: JsonOption = False) -> None:
    """Say what a study will cost, before anything is spent.

    Exit code 3 when the worst case breaks a cap, 17 when the study cannot end well.
    """

    def work() -> None:
        one = opened(study)
        one.check_possible()
        make_searcher(one.study, one.space, questions=one.questions)  # refused now, not by `run`
        if one.live is None:
            _show_replay_plan(one, as_json=as_json)
            return
        estimate = _estimate(one)
        broken = breaks(estimate.worst, one.study.caps)
        source, agent = one.live.source, estimate.agent
        data = {
            "study": one.study.name,
            "searcher": one.study.searcher.title,
            "scorers": count_scorers(source.tasks),
            **estimate_data(estimate, broken),
        }
        calls = make_table(
            ("model", "calls expected"),
            [(model, f"{count:,.0f}") for model, count in estimate.calls_by_model.items()],
        )
        size = "too many to list" if estimate.graphs is None else f"{estimate.graphs:,}"
        first = (
            f"{one.study.name}: {estimate.combinations:,} combinations, {size} different allowed"
            f" graphs, {estimate.questions} questions, searcher {one.study.searcher.title}"
        )
        sent = egress_line(estimate.egress_bytes, estimate.most_egress_bytes)
        first = f"{first}\n{scorers_line(source, estimate)}\n{sent}, expected"
        tables = [amounts_table(estimate, one.study.caps)]
        if agent is not None:
            tables.append(agent_plan_table(agent))
        show(data, first, *tables, calls, as_json=as_json)
        if broken:
            diagnose(_refusal(broken))
            raise typer.Exit(FINDINGS)

    run_command(work, as_json=as_json)


def run(
    study: StudyArgument,
    *,
    directory: DirectoryOption = None,
    cache: CacheOption = None,
    workers: WorkersOption = None,
    until_cap: UntilCapOption = False,
    engine: EngineOption = EngineName.LOCAL,
    ray_address: RayAddressOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a study, or go on with it where it was; typing the same again is how to resume.

    Exit code 3, and nothing spent, when the worst case breaks a cap (see --until-cap). A file
    named `stop` in the study's directory ends the run; what was paid for is kept.
    """

    def work() -> None:
        by = engine_of(engine, ray_address, as_json=as_json)
        one = opened(study)
        place = place_of(one, directory, cache)
        _run(one, place, engine=by, workers=workers, until_cap=until_cap, as_json=as_json)

    run_command(work, as_json=as_json)


def resume(
    study: StudyArgument,
    *,
    directory: DirectoryOption = None,
    cache: CacheOption = None,
    workers: WorkersOption = None,
    engine: EngineOption = EngineName.LOCAL,
    ray_address: RayAddressOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on with a study that was begun; the same as run, but never begins one."""

    def work() -> None:
        by = engine_of(engine, ray_address, as_json=as_json)
        one = opened(study)
        place = place_of(one, directory, cache)
        if not place.journal.exists():
            reason = "does not exist; `leeward optimizer run` begins the study"
            raise StudyInvalid(reason, file=str(place.journal))
        place.stop.unlink(missing_ok=True)
        _run(one, place, engine=by, workers=workers, until_cap=True, as_json=as_json)

    run_command(work, as_json=as_json)


def _run(
    one: OpenStudy,
    place: RunPlace,
    *,
    engine: Engine,
    workers: int | None,
    until_cap: bool,
    as_json: bool,
) -> None:
    one.check_possible()
    _check_plan(one, until_cap=until_cap or place.journal.exists(), as_json=as_json)
    total = one.study.trials * one.questions
    with watching(executions=total, is_quiet=as_json) as watcher:
        result = asyncio.run(_search(one, place, watcher, engine=engine, workers=workers))
    _show_result(one, place, watcher, result, as_json=as_json)
    if result.reason.startswith("failures"):
        # What was paid for is shown as after any run, so this is no second JSON object.
        last = result.reason.removeprefix("failures: ")
        diagnose(f"error: ten executions in a row failed, the last with {last}")
        raise typer.Exit(CODES[BackendUnavailable])


async def _search(
    one: OpenStudy,
    place: RunPlace,
    watcher: RunWatcher,
    *,
    engine: Engine,
    workers: int | None,
) -> RunResult:
    async with one.evaluator(
        place, engine=engine, workers=workers, progress=watcher.phase
    ) as evaluator:
        return await run_study(
            one.study,
            make_searcher(one.study, one.space, questions=one.questions),
            evaluator,
            place,
            clock=SystemClock(),
            observer=watcher,
            workers=workers,
        )


def _check_plan(one: OpenStudy, *, until_cap: bool, as_json: bool) -> None:
    """Refuse a run whose worst case breaks a cap, unless the cap itself is to end it."""
    if until_cap:
        return
    broken = breaks(_worst(one), one.study.caps)
    if broken:
        if as_json:
            show({"refused": {"caps_that_the_worst_case_breaks": broken}}, as_json=True)
        diagnose(_refusal(broken))
        raise typer.Exit(FINDINGS)


def _worst(one: OpenStudy) -> Amounts:
    if one.live is not None:
        return _estimate(one).worst
    agent = _agent_estimate(one)
    return Amounts(0, 0, 0, 0, 0, 0, 0) if agent is None else agent_alone(agent)


def _estimate(one: OpenStudy) -> Estimate:
    assert one.live is not None  # noqa: S101 - callers asked
    return estimate_study(
        one.study,
        one.live.source,
        one.live.space,
        one.live.rules,
        agent=_agent_estimate(one),
    )


def _agent_estimate(one: OpenStudy) -> AgentEstimate | None:
    if one.study.searcher.agent is None:
        return None
    search = make_searcher(one.study, one.space, questions=one.questions)
    return estimate_agent(one.study, search) if isinstance(search, AdvisedSearch) else None


def _refusal(broken: list[str]) -> str:
    return (
        f"the worst case breaks the cap on {', '.join(broken)}; raise it, lower `trials` or"
        " `questions`, or let the cap end the run: `run --until-cap`"
    )


def _recorded_egress(one: OpenStudy) -> tuple[float, float] | None:
    """Return the mean and the most bytes of a question that leave, where the record knows it."""
    if one.tabulated is None:
        return None
    sent = one.tabulated.egress_bytes()
    return float(sent.mean()), float(sent.max())


def _show_replay_plan(one: OpenStudy, *, as_json: bool) -> None:
    listed = one.space.candidates()
    agent = _agent_estimate(one)
    broken = breaks(_worst(one), one.study.caps)
    sent = _recorded_egress(one)
    data: dict[str, Any] = {
        "study": one.study.name,
        "searcher": one.study.searcher.title,
        "graphs": None if listed is None else len(listed),
        "questions": one.questions,
        "executions": one.study.trials * one.questions,
        "egress_bytes": None if sent is None else {"mean": sent[0], "most": sent[1]},
        "usd": 0.0 if agent is None else agent.worst_usd,
        "agent": agent_plan_data(agent),
        "caps_that_the_worst_case_breaks": broken,
    }
    size = "too many to list" if listed is None else f"{len(listed):,} graphs"
    line = (
        f"{one.study.name}: {size}, {one.questions} questions, up to {data['executions']:,}"
        f" executions from a record, searcher {one.study.searcher.title};"
        f" no graph is run{', and nothing is spent' if agent is None else ''}"
    )
    line += f"\n{egress_line(*sent)}, as recorded" if sent else ""
    if agent is None:
        show(data, line, as_json=as_json)
    else:
        show(data, line, agent_plan_table(agent), as_json=as_json)
    if broken:
        diagnose(_refusal(broken))
        raise typer.Exit(FINDINGS)


def _show_result(
    one: OpenStudy, place: RunPlace, watcher: RunWatcher, result: RunResult, *, as_json: bool
) -> None:
    archive = one.archive(place)
    front = front_of(archive.measured, one.study.objectives)
    chosen = archive.chosen
    budget, agent = watcher.budget, agent_cost(watcher.advised)
    assert budget is not None  # noqa: S101 - every run shows its first line
    data = {
        "study": one.study.name,
        "ended": result.reason,
        "trials": watcher.trials,
        "virtual_graphs": watcher.virtual,
        "graphs": len(archive.measured),
        "answered": watcher.answered,
        "failed": watcher.failed,
        "searcher": one.study.searcher.title,
        "spent": spend_data(budget.spent, budget.elapsed_s),
        "agent": agent_data(agent),
        "cache": {"hits": result.cache_hits, "misses": result.cache_misses},
        "recommended": chosen and measured_data(chosen),
        "front": front_data(front),
        "journal": str(place.journal),
    }
    spent = spend_line(budget.spent, budget.caps)
    summary = (
        f"{result.reason}: {watcher.trials} trials, {watcher.virtual} virtual ones for nothing,"
        f" {len(archive.measured)} graphs, {spent};"
        f" cache {result.cache_hits} hits, {result.cache_misses} misses"
    )
    lines = [summary, *(agent_lines(agent) if agent else ())]
    if watcher.failed:
        lines.append(f"{watcher.failed} attempts failed; none counts as a wrong answer")
    if chosen:
        lines.append(f"recommended: {chosen.name} {chosen.candidate.key}")
        if (ahead := ahead_of(chosen, front)) is not None:
            lines.append(
                f"{ahead.name} did as well or better in every objective; look at both before export"
            )
    else:
        lines.append("recommended: none yet; the front shows what was measured")
    show(data, "\n".join(lines), measured_table(front.members), as_json=as_json)
