"""Which scorers a study's tasks use, and whether the study gives them what they need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from optimizer.evaluation.tasks import Task
from optimizer.judging.model import JudgeEndpoint, JudgeSettings
from optimizer.scoring.model import Scorer
from optimizer.scoring.sandbox.cell import SandboxLimits
from optimizer.study.endpoints import clear_key_problems
from optimizer.study.model import LiveSource
from optimizer.study.shape import JudgeScoringShape, ScoringShape
from runtime.catalog.model import Catalog
from runtime.documents.document import Problem
from runtime.documents.suggest import did_you_mean, listed
from runtime.errors import StudyInvalid
from runtime.ids import ModelName

__all__ = ["check_scorers", "count_scorers", "judge_of", "judge_problems", "sandbox_of", "uses"]


def uses(tasks: Sequence[Task], scorer: Scorer) -> bool:
    """Say whether any task is judged by ``scorer``."""
    return any(task.scorer is scorer for task in tasks)


def count_scorers(tasks: Sequence[Task]) -> dict[str, int]:
    """Return how many tasks each scorer judges, in the order of their names."""
    counts = Counter(task.scorer.value for task in tasks)
    return {name: counts[name] for name in sorted(counts)}


def sandbox_of(shape: ScoringShape) -> SandboxLimits | None:
    """Return the sandbox that a study allows, if it allows one."""
    code = shape.code
    if code is None:
        return None
    return SandboxLimits(cpu_s=code.cpu_s, wall_s=code.wall_s, memory_mib=code.memory_mib)


def judge_of(shape: ScoringShape) -> JudgeSettings | None:
    """Return the judge that a study names, if it names one."""
    judge = shape.judge
    if judge is None:
        return None
    endpoint = JudgeEndpoint(
        judge.base_url,
        judge.api_key_env,
        judge.prompt_usd_per_mtok or 0.0,
        judge.completion_usd_per_mtok or 0.0,
    )
    return JudgeSettings(
        model=judge.model,
        endpoint=endpoint if judge.base_url else None,
        rubric=judge.rubric,
        scale=judge.scale,
        votes=judge.votes,
        tries=judge.tries,
        max_tokens=judge.max_tokens,
        answer_bytes=judge.answer_bytes,
        timeout_s=judge.timeout_s,
        structured_output=judge.structured_output,
    )


def judge_problems(judge: JudgeScoringShape | None, catalog: Catalog) -> Iterator[Problem]:
    """Say what of a judge's section cannot be used."""
    if judge is None:
        return
    here = ("scoring", "judge")
    if judge.votes % 2 == 0:
        yield Problem((*here, "votes"), "must be odd, so that there is a middle one")
    prices = ("prompt_usd_per_mtok", "completion_usd_per_mtok")
    if judge.base_url:
        for price in prices:
            if getattr(judge, price) is None:
                yield Problem(here, f"needs `{price}` of its endpoint (0 where it is free)")
        yield from clear_key_problems(judge.base_url, here, has_key=bool(judge.api_key_env))
        return
    for key in (*prices, "api_key_env"):
        if getattr(judge, key):
            yield Problem((*here, key), "is for an endpoint; add `base_url` or leave it out")
    found = catalog.model_by_name.get(ModelName(judge.model))
    if found is None:
        known = [str(one) for one in catalog.model_by_name]
        hint = did_you_mean(judge.model, known) or f"; known: {listed(known)}"
        yield Problem((*here, "model"), f'"{judge.model}" is not in the catalog{hint}')
    elif catalog.node_of(found).zone != "edge":
        reason = f'"{judge.model}" is in the cloud; without `base_url` the judge is an edge model'
        yield Problem((*here, "model"), reason)


def check_scorers(tasks: Sequence[Task], source: LiveSource, *, tasks_file: str) -> None:
    """Refuse tasks whose scorer lacks what only the study can give, and labels going out.

    Raises:
        StudyInvalid: Names the task.
    """
    for task in tasks:
        reason = _lacks(task, source)
        if reason is not None:
            whole = f'task "{task.id}" {reason}'
            raise StudyInvalid(whole, file=tasks_file, field="scorer")


def _lacks(task: Task, source: LiveSource) -> str | None:
    if task.scorer is Scorer.CODE and source.sandbox is None:
        return (
            "has code run, which the study does not allow:"
            " add `scoring: {code: {sandbox: namespaces}}`"
        )
    if task.scorer is not Scorer.JUDGE:
        return None
    if source.judge is None:
        return "has no judge: add `scoring: {judge: {model: ...}}`"
    if task.label.categories and not source.judge.is_edge:
        names = ", ".join(task.label.names())
        return (
            f"is labelled {names} and would be shown to {source.judge.model} outside the edge;"
            " judge with a model of the edge"
        )
    return None
