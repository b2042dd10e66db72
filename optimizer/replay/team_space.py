"""The space of teams: which edge models vote, below which agreement whom they ask.

As a probabilistic graph: an edge decision per edge model into the voting sink, a threshold, and
the fallback's model. Knows how a candidate is written and drawn; knows no answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.replay.choices import misfit
from optimizer.replay.space_document import TeamSpec
from optimizer.replay.vote_predictor import VotePredictor
from optimizer.search.model import Candidate, CandidateKey, Decision, DecisionKind
from optimizer.search.structure import Probe
from runtime.graph.model import Comparison, Condition, Edge, Graph, Step
from runtime.graph.roles import Role
from runtime.ids import ModelName, StepId

__all__ = ["NO_FALLBACK", "Team", "TeamSpace"]

NO_FALLBACK: Final = "none"
_PRESENT: Final = 1


@dataclass(frozen=True, slots=True)
class Team:
    """A candidate, read: a mask of edge models, and threshold and fallback by index."""

    mask: int
    threshold: int
    fallback: int
    """0 is none, then the cloud models in order."""


@dataclass(frozen=True)
class TeamSpace:
    """All teams of a spec, as an enumerable :class:`optimizer.search.model.Space`."""

    spec: TeamSpec
    leaves: npt.NDArray[np.bool_] | None = field(default=None, compare=False, repr=False)
    """Which of the search questions may leave the edge, as their labels say; ``None``: not told."""
    _candidates: dict[tuple[int, ...], Candidate] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """The spec's name."""
        return self.spec.name

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """One edge per model into the vote, then the threshold, then the fallback."""
        edges = tuple(
            Decision(f"{model} -> vote", DecisionKind.EDGE, ("absent", "present"))
            for model in self.spec.edge
        )
        thresholds = tuple(f"{threshold:g}" for threshold in self.spec.thresholds)
        return (
            *edges,
            Decision("agreement", DecisionKind.THRESHOLD, thresholds),
            Decision("fallback", DecisionKind.MODEL, (NO_FALLBACK, *self.spec.cloud)),
        )

    def refusal(self, choices: Sequence[int]) -> str | None:
        """A team needs a member; every option must exist."""
        if (problem := misfit(choices, self.decisions)) is not None:
            return problem
        if not any(choices[: len(self.spec.edge)]):
            return "nobody votes"
        return None

    def candidate(self, choices: Sequence[int]) -> Candidate:
        """Without a fallback the threshold does not matter and is written as the first."""
        members = tuple(int(choice) for choice in choices[: len(self.spec.edge)])
        threshold, fallback = int(choices[-2]), int(choices[-1])
        canonical = (*members, threshold if fallback else 0, fallback)
        known = self._candidates.get(canonical)
        if known is None:
            known = Candidate(self._key(canonical), canonical)
            self._candidates[canonical] = known
        return known

    def candidates(self) -> Sequence[Candidate]:
        """List every team, by mask, then fallback, then threshold."""
        return self._all

    @cached_property
    def choice_rows(self) -> npt.NDArray[np.int16]:
        """The choices of all candidates, one row each, in the order of :meth:`candidates`."""
        return np.array([one.choices for one in self._all], np.int16)

    @cached_property
    def _all(self) -> tuple[Candidate, ...]:
        models = len(self.spec.edge)
        return tuple(
            self.candidate((*((mask >> model) & 1 for model in range(models)), threshold, fallback))
            for mask in range(1, 1 << models)
            for fallback in range(len(self.spec.cloud) + 1)
            for threshold in range(len(self.spec.thresholds) if fallback else 1)
        )

    def team(self, candidate: Candidate) -> Team:
        """Read a candidate's choices."""
        *members, threshold, fallback = candidate.choices
        mask = sum(1 << model for model, chosen in enumerate(members) if chosen)
        return Team(mask, threshold, fallback)

    def probes(self) -> Sequence[Probe]:
        """Every edge model alone; then all together at the highest threshold, per fallback.

        The first show what each edge model knows; each of the others shows what one fallback
        model makes of everything that is ever disputed.
        """
        models, last = len(self.spec.edge), len(self.spec.thresholds) - 1
        alone = [
            (self.candidate((*(int(one == model) for one in range(models)), 0, 0)), model)
            for model in range(models)
        ]
        asked = [
            (self.candidate((*[_PRESENT] * models, last, fallback)), fallback)
            for fallback in range(1, len(self.spec.cloud) + 1)
        ]
        return [
            *(Probe(candidate, model, _PRESENT) for candidate, model in alone),
            *(
                Probe(candidate, models + 1, fallback, is_broad=True)
                for candidate, fallback in asked
            ),
        ]

    def predictor(self) -> VotePredictor:
        """Return what predicts teams from their members."""
        return VotePredictor(
            self.spec.thresholds,
            members=len(self.spec.edge),
            fallbacks=len(self.spec.cloud),
            leaves=self.leaves,
            is_open=self.spec.sensitive is None,
        )

    def can_expose(self, candidate: Candidate) -> bool:
        """Any team with a fallback could: an empty answer alone is no agreement."""
        return candidate.choices[-1] > 0

    def graph(self, candidate: Candidate) -> Graph:
        """Write a candidate as a document.

        The runtime has no step that counts votes across models: a fuser stands in its place, its
        agreement that of three samples, so the document shows the wiring and runs; outcomes of a
        replay come from counted votes.
        """
        team = self.team(candidate)
        members = [name for bit, name in enumerate(self.spec.edge) if team.mask >> bit & 1]
        steps = [
            Step(StepId(f"member-{position}"), Role.ASSISTANT, ModelName(name))
            for position, name in enumerate(members)
        ]
        vote, far, answer = StepId("vote"), StepId("far"), StepId("answer")
        edges = [Edge(step.id, vote) for step in steps]
        steps.append(Step(vote, Role.FUSER, samples=3 if team.fallback else 1))
        if team.fallback:
            below = self.spec.thresholds[team.threshold]
            unsure = Condition(vote, "agreement", Comparison.LT, below)
            steps.append(Step(far, Role.ASSISTANT, ModelName(self.spec.cloud[team.fallback - 1])))
            steps.append(Step(answer, Role.FUSER))
            edges += [Edge(vote, far, when=unsure), Edge(vote, answer), Edge(far, answer)]
        return Graph("team", tuple(steps), tuple(edges))

    def _key(self, choices: tuple[int, ...]) -> CandidateKey:
        *members, threshold, fallback = choices
        names = [name for name, chosen in zip(self.spec.edge, members, strict=True) if chosen]
        text = f"vote({','.join(names)})"
        if fallback:
            text += f"<{self.spec.thresholds[threshold]:g}?{self.spec.cloud[fallback - 1]}"
        return CandidateKey(text)
