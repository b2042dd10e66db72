"""Open the judge of a study, once it is certain that it may see what it will be shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from optimizer.agents.openai_chat import Endpoint, OpenAIChat
from optimizer.evaluation.cache import CallCache
from optimizer.evaluation.edge_runs import Runs
from optimizer.evaluation.rules import GraphRules
from optimizer.judging.edge import EdgeJudge
from optimizer.judging.endpoint import EndpointJudge
from optimizer.judging.judge import Judge
from optimizer.judging.model import JudgePort, JudgeSettings
from optimizer.judging.privacy import check_public
from optimizer.scoring.model import Scorer
from optimizer.study.model import LiveSource
from runtime.clock import SystemClock
from runtime.errors import StudyInvalid

__all__ = ["open_judge"]


@asynccontextmanager
async def open_judge(
    source: LiveSource,
    runs: Runs,
    *,
    rules: GraphRules,
    cache: CallCache,
    environment: Mapping[str, str],
) -> AsyncIterator[Judge | None]:
    """Open a study's judge; spends nothing.

    Raises:
        StudyInvalid: The edge finds something in a task that the judge may not see, or the
            endpoint's key is not set.
    """
    judged = [task for task in source.tasks if task.scorer is Scorer.JUDGE]
    if source.judge is None or not judged:
        yield None
        return
    settings = source.judge
    if not settings.is_edge:
        for task in judged:
            await check_public(runs, source.limits.models[0], task)
    port = _port(settings, runs, rules, environment)
    revision = source.revisions.get(settings.model, "")
    try:
        yield Judge(port, settings, cache=cache, revision=revision)
    finally:
        await port.close()


def _port(
    settings: JudgeSettings, runs: Runs, rules: GraphRules, environment: Mapping[str, str]
) -> JudgePort:
    endpoint = settings.endpoint
    if endpoint is None:
        return EdgeJudge(runs, settings, rules=rules)
    name = endpoint.api_key_env
    key = environment.get(name, "") if name else "none"
    if not key:
        reason = f"names {name}, which is not set in the environment"
        raise StudyInvalid(reason, field="scoring.judge.api_key_env")
    chat = OpenAIChat(
        Endpoint(
            endpoint.base_url,
            key,
            timeout_s=settings.timeout_s,
            idle_timeout_s=settings.timeout_s,
        ),
        SystemClock(),
    )
    return EndpointJudge(chat, endpoint, settings)
