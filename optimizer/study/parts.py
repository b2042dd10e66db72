"""Put a study's parts together: its space, its rules, its searcher; and say what cannot work.

Everything here is free: no model is called and no node is dialled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from optimizer.evaluation.graph_space import GraphSpace
from optimizer.evaluation.model_sizes import model_sizes
from optimizer.evaluation.pattern_space import PatternSpace, zone_of_place
from optimizer.evaluation.rules import GraphRules
from optimizer.search.model import Candidate, Space
from optimizer.study.document import CHARACTERS_PER_TOKEN
from optimizer.study.estimate import draw_candidates
from optimizer.study.events import Header
from optimizer.study.model import Caps, LiveSource, Study
from runtime.errors import StudyInvalid
from runtime.ids import ModelName
from runtime.patterns.book import PLACES, pattern_of

__all__ = ["LiveParts", "check_possible", "header_of", "live_parts"]


@dataclass(frozen=True, slots=True)
class LiveParts:
    """What a live study is made of."""

    study: Study
    source: LiveSource
    space: GraphSpace | PatternSpace
    rules: GraphRules


def live_parts(study: Study, source: LiveSource, *, today: date) -> LiveParts:
    """Build space and rules of a live study; prices are those of ``today``."""
    shortest = min(len(task.question) for task in source.tasks)
    rules = GraphRules(
        policy=source.policy,
        catalog=source.catalog,
        labels=source.label_shares,
        constraints=study.constraints,
        today=today,
        least_prompt_tokens=max(1, shortest // (4 * CHARACTERS_PER_TOKEN)),
    )
    limits = source.limits
    composed = GraphSpace(
        study.name,
        limits,
        forbids=rules.forbids,
        exposes=rules.exposes,
        sizes=model_sizes(source.catalog, (*limits.models, *limits.sink_models)),
    )
    if not source.patterns:
        return LiveParts(study, source, composed, rules)
    by_zone: dict[str, list[str]] = {"edge": [], "cloud": []}
    for name in limits.models:
        zone = source.catalog.node_of(source.catalog.model_by_name[ModelName(name)]).zone
        by_zone[zone].append(name)
    space = PatternSpace(
        composed,
        [pattern_of(name) for name in source.patterns],
        {place: by_zone[zone_of_place(place)] for place in PLACES},
        max_tokens=limits.max_tokens,
        forbids=rules.forbids,
        exposes=rules.exposes,
    )
    return LiveParts(study, source, space, rules)


def header_of(study: Study, questions: int) -> Header:
    """Return what the study's journal begins with."""
    return Header(
        study.name,
        study.hash,
        study.outcomes_hash,
        study.searcher.name,
        study.seed,
        questions,
        study.virtual,
    )


def check_possible(parts: LiveParts) -> None:
    """Refuse a study that cannot end well, before any money is spent.

    Raises:
        StudyInvalid: No graph of the space is allowed, or the budget pays for no execution.
    """
    space, file = parts.space, str(parts.study.file)
    single = space.single_steps()
    allowed = [one for one in single if space.refusal(one.choices) is None]
    allowed = allowed or draw_candidates(space, parts.study.seed)
    if not allowed:
        raise StudyInvalid(_why_impossible(space, single), file=file, field="constraints")
    _check_affordable(parts, allowed)


def _check_affordable(parts: LiveParts, candidates: Sequence[Candidate]) -> None:
    caps, shortest = parts.study.caps, min(parts.source.tasks, key=lambda t: len(t.question))
    tokens = len(shortest.question.encode())
    spends = [
        parts.rules.worst_execution(
            parts.space.graph(candidate), 0, prompt_tokens=tokens, declared=shortest.label
        )
        for candidate in candidates
    ]
    least = {
        "usd": min(spend.usd for spend in spends),
        "tokens": min(spend.tokens for spend in spends),
        "calls": min(spend.calls for spend in spends),
        "executions": 1,
        "exposed_questions": min(len(spend.exposed) for spend in spends),
        "flops": min(spend.flops for spend in spends),
    }
    for name, amount in least.items():
        cap = getattr(caps, name)
        if cap is not None and amount > cap:
            reason = (
                f"pays for no execution: the cheapest graph may need {amount:.6g},"
                f" the cap is {cap:.6g}"
            )
            raise StudyInvalid(reason, file=str(parts.study.file), field=f"budget.{_key(name)}")
    _check_time(caps, parts)


def _check_time(caps: Caps, parts: LiveParts) -> None:
    longest_s = parts.source.timeout_s
    if caps.seconds is not None and longest_s > caps.seconds:
        reason = (
            f"pays for no execution: one may take {longest_s:g} s (timeout_s),"
            f" the cap is {caps.seconds:g} s"
        )
        raise StudyInvalid(reason, file=str(parts.study.file), field="budget.seconds")


def _why_impossible(space: Space, single: Sequence[Candidate]) -> str:
    reasons = Counter(str(space.refusal(one.choices)) for one in single)
    commonest, _ = reasons.most_common(1)[0]
    return f"no graph can keep them: even a single step {commonest}"


def _key(cap: str) -> str:
    return "flops_units" if cap == "flops" else cap
