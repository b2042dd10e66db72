"""Measure what a build would cost before it is begun: calls and time, family by family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.progress import Progress

from reference.tabulated.build import Job, answer_all, open_calls, plan_space
from reference.tabulated.plans import Moves
from reference.tabulated.space import Space
from reference.tabulated.sweep import Answered
from runtime.clock import Clock

__all__ = ["FamilyCost", "Pilot", "family_costs", "run_pilot"]


@dataclass(frozen=True, slots=True)
class FamilyCost:
    """What a family adds to those before it."""

    family: str
    graphs: int
    calls_per_question: float


@dataclass(frozen=True, slots=True)
class Pilot:
    """What a few questions took."""

    costs: tuple[FamilyCost, ...]
    questions: int
    calls_per_s: float
    """Fresh calls per second; 0 when all were in the cache."""


async def run_pilot(
    job: Job, bar: Progress, *, environment: Mapping[str, str], clock: Clock
) -> Pilot:
    """Answer the job's questions and count; the answers stay in the cache for the build.

    Raises:
        LeewardError: A node failed at every try.
    """
    moves = plan_space(job.space, job.questions, bar)
    async with open_calls(job, environment) as calls:
        started_s = clock.monotonic_s()
        answered = await answer_all(job.questions, moves, calls, bar)
        took_s = clock.monotonic_s() - started_s
        return Pilot(
            costs=family_costs(job.space, moves, answered),
            questions=len(job.questions),
            calls_per_s=calls.counts.fresh / took_s,
        )


def family_costs(
    space: Space, moves: Moves, answered: Sequence[Answered]
) -> tuple[FamilyCost, ...]:
    """Count the calls that each family is the first to make."""
    counts = space.describe()
    added = dict.fromkeys(counts, 0)
    del added["graphs"]
    for one in answered:
        seen: set[int] = set()
        for graph, way in zip(space.graphs, moves.ways[one.kind], strict=True):
            made = {int(one.call_of[move]) for move in way} - seen
            added[graph.family] += len(made)
            seen |= made
    return tuple(
        FamilyCost(family, counts[family], calls / len(answered)) for family, calls in added.items()
    )
