"""A small space of real graphs for the agents' tests, and briefs about it.

Three steps and a sink; edges between any two steps and into the sink; a role and a model per
step. Graphs are built and checked by the runtime's own graph package.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from optimizer.agents.briefing import shape_of, share_estimate
from optimizer.agents.model import (
    Estimate,
    Ground,
    InitBrief,
    MixResult,
    PoolModel,
    RevisionBrief,
    Scored,
)
from optimizer.search.model import (
    Candidate,
    CandidateKey,
    Constraint,
    Decision,
    DecisionKind,
    Measure,
)
from runtime.graph.document import check_graph
from runtime.graph.model import Edge, Graph, Step
from runtime.graph.roles import Role
from runtime.graph.validate import find_problems
from runtime.ids import ModelName, StepId

STEPS = ("a", "b", "c")
SINK = "sink"
MODELS = ("slm-1b", "slm-3b", "llm-8b")
UNIT_COST = {"slm-1b": 1.0, "slm-3b": 3.0, "llm-8b": 9.0}
PAIRS = tuple((x, y) for x in STEPS for y in STEPS if x != y) + tuple((x, SINK) for x in STEPS)


@dataclass(frozen=True)
class TeamSpace:
    """Three steps and a sink, freely wired."""

    name: str = "team"
    names: Mapping[str, str] | None = None
    """Other names for decisions."""

    @property
    def decisions(self) -> tuple[Decision, ...]:
        found = [
            *(Decision(f"{x}->{y}", DecisionKind.EDGE, ("absent", "present")) for x, y in PAIRS),
            *(Decision(f"role:{x}", DecisionKind.ROLE, ("assistant", "fuser")) for x in STEPS),
            *(Decision(f"model:{x}", DecisionKind.MODEL, MODELS) for x in STEPS),
        ]
        names = self.names or {}
        return tuple(replace(item, name=names.get(item.name, item.name)) for item in found)

    def _graph(self, choices: Sequence[int]) -> Graph:
        edges = [pair for pair, option in zip(PAIRS, choices, strict=False) if option]
        roles = choices[len(PAIRS) : len(PAIRS) + len(STEPS)]
        models = choices[len(PAIRS) + len(STEPS) :]
        useful = _useful(edges)
        steps = [
            Step(StepId(name), (Role.ASSISTANT, Role.FUSER)[role], ModelName(MODELS[model]))
            for name, role, model in zip(STEPS, roles, models, strict=True)
            if name in useful
        ]
        return Graph(
            name="team",
            steps=(*steps, Step(StepId(SINK), Role.FUSER, ModelName("slm-3b"))),
            edges=tuple(
                Edge(StepId(x), StepId(y)) for x, y in edges if x in useful and y in useful
            ),
        )

    def refusal(self, choices: Sequence[int]) -> str | None:
        graph = self._graph(choices)
        if not graph.edges:
            return "nothing leads to the sink"
        return next((problem.reason for problem in find_problems(graph)), None)

    def candidate(self, choices: Sequence[int]) -> Candidate:
        """Steps that lead nowhere fall out: no edges, first role, first model."""
        useful = _useful([pair for pair, option in zip(PAIRS, choices, strict=False) if option])
        owners = [*(x if y in useful else "" for x, y in PAIRS), *STEPS, *STEPS]
        kept = tuple(
            option if owner in useful else 0 for owner, option in zip(owners, choices, strict=True)
        )
        return Candidate(CandidateKey(str(kept)), kept)

    def candidates(self) -> Sequence[Candidate] | None:
        return None

    def graph(self, candidate: Candidate) -> Graph:
        return check_graph(self._graph(candidate.choices))


def _useful(edges: Sequence[tuple[str, str]]) -> set[str]:
    useful = {SINK}
    for _ in STEPS:
        useful |= {x for x, y in edges if y in useful}
    return useful


class UnitCosts:
    """Foresees FLOPs in calls of the smallest model."""

    def __init__(self, space: TeamSpace) -> None:
        self._space = space

    def predict(self, candidate: Candidate) -> Mapping[Measure, float]:
        steps = self._space.graph(candidate).steps
        return {Measure.FLOPS: sum(UNIT_COST[str(step.model)] for step in steps)}


SPACE = TeamSpace()
POOL = tuple(
    PoolModel(name, UNIT_COST[name], "cloud" if name == "llm-8b" else "edge", alone)
    for name, alone in zip(
        MODELS,
        (Estimate(0.31, 0.2, 0.4), Estimate(0.40, 0.3, 0.5), Estimate(0.49, 0.4, 0.6)),
        strict=True,
    )
)
GROUND = Ground(decisions=SPACE.decisions, pool=POOL, task="math")


def choices(
    *edges: str, models: Sequence[str] = ("slm-1b", "slm-3b", "slm-1b"), fusers: str = ""
) -> tuple[int, ...]:
    """Write a graph by its edges, models and fusers."""
    return (
        *(int(f"{x}->{y}" in edges) for x, y in PAIRS),
        *(int(name in fusers) for name in STEPS),
        *(MODELS.index(model) for model in models),
    )


def scored(
    chosen: tuple[int, ...],
    accuracy: float,
    *,
    questions: int = 100,
    measures: tuple[tuple[Measure, Estimate], ...] = (),
) -> Scored:
    """Write what a graph did."""
    return Scored(
        choices=chosen,
        questions=questions,
        accuracy=share_estimate(accuracy, questions),
        measures=measures,
        shape=shape_of(SPACE.graph(SPACE.candidate(chosen))),
    )


def flops(value: float) -> tuple[tuple[Measure, Estimate], ...]:
    """Write measured FLOPs."""
    return ((Measure.FLOPS, Estimate(value, value, value)),)


CHAIN = choices("a->b", "b->sink")
PARALLEL = choices("a->sink", "b->sink")
TABLE = tuple(
    (0.88, 0.12) if item.kind is DecisionKind.EDGE else (1 / len(item.options),) * len(item.options)
    for item in SPACE.decisions
)
INIT = InitBrief(
    ground=GROUND,
    vectors=((9, 0, 0), (6, 1, 0), (3, 2, 0), (0, 3, 0), (0, 0, 1)),
    mixes=(MixResult((0, 3, 0), Estimate(0.54, 0.44, 0.63)),),
)
REVISION = RevisionBrief(
    ground=GROUND,
    last=scored(PARALLEL, 0.6),
    table=TABLE,
    best=scored(PARALLEL, 0.6),
    history=(scored(CHAIN, 0.5),),
)
CAP = Constraint(Measure.FLOPS, 12.0)
