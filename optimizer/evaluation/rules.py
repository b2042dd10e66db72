"""What can be said of a graph before it runs: may it leak, can it keep the constraints.

Asks the runtime's own planner and flow check, once per model and label that the tasks carry: where
a step may run depends on no other step, so a graph is refused for the reason that the edge would
give, and in microseconds. Spends nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from optimizer.evaluation.model import Spend
from optimizer.search.costs import ModelShape, call_flops
from optimizer.search.model import Constraint, Measure
from runtime.catalog.model import Catalog, Model
from runtime.errors import LeakFound, NotFound
from runtime.graph.certain import is_certain_to_run
from runtime.graph.model import Graph, Step
from runtime.graph.roles import Role
from runtime.ids import ModelName, PlanId, StepId
from runtime.labels import Label
from runtime.planner.estimate import critical_path_s
from runtime.planner.model import Plan, PlanRequest
from runtime.planner.plan import plan
from runtime.policy.model import Policy, Zone

__all__ = ["GraphRules", "answer_tokens_read", "flops_of_call"]

_PLAN = PlanId("static")
_ROUNDING = 1 + 1e-9


@dataclass(frozen=True, slots=True)
class _Seat:
    """Where a step runs for one label, or why it may run nowhere."""

    model: ModelName
    zone: Zone
    is_moved: bool = False
    leak: str | None = None


@dataclass(frozen=True, slots=True)
class GraphRules:
    """Policy, catalog and constraints as questions about single graphs."""

    policy: Policy
    catalog: Catalog
    labels: Mapping[Label, float]
    """Every label that a task declares, with its share of the tasks. The static checks take them
    as the truth; the edge may find more when a question is run."""
    constraints: tuple[Constraint, ...]
    today: date
    least_prompt_tokens: int
    """Lower bound of a question's size."""
    _seats: dict[tuple[Label, str], _Seat] = field(default_factory=dict, repr=False, compare=False)

    def forbids(self, graph: Graph) -> str | None:
        """Say why ``graph`` may not be built, or ``None``.

        Refused are graphs that leak under some label, graphs with a step that no label lets run
        where the graph wants it, and graphs that break a constraint however short the answers.
        """
        models = _played(graph)
        for label in self.labels:
            for step, model in models.items():
                leak = self._seat(label, model).leak
                if leak is not None:
                    return f"leaks {label} at {step}: {leak}"
        moved = [
            str(step)
            for step, model in models.items()
            if all(self._seat(label, model).is_moved for label in self.labels)
        ]
        if moved:
            names = ", ".join(sorted(moved))
            return f"{names} may never run where the graph wants it; name an edge model instead"
        return self._broken(graph)

    def exposes(self, graph: Graph) -> bool:
        """Say whether ``graph`` could send content out of the edge, for some label."""
        return any(self.catalog.node_of(self._model(step)).zone == "cloud" for step in graph.played)

    def plan(self, graph: Graph, label: Label) -> Plan:
        """Return what the edge would decide for a request with ``label``, all nodes healthy.

        Raises:
            LeakFound: The graph could leak, and no repair helps.
            NotFound: The graph names a model that the catalog lacks.
        """
        request = PlanRequest(
            graph=graph,
            label=label,
            policy=self.policy,
            catalog=self.catalog,
            today=self.today,
            healthy=frozenset(node.name for node in self.catalog.nodes),
        )
        return plan(request, plan_id=_PLAN, graph_hash="")

    def worst_case(self, graph: Graph, question: int, *, prompt_tokens: int) -> Spend:
        """Return the most that one run of a graph can spend: every answer as long as it may be.

        Args:
            graph: What runs.
            question: The question's number.
            prompt_tokens: Upper bound of its size.
        """
        return self._case(graph, question, prompt_tokens=prompt_tokens, with_fallbacks=True)

    def worst_execution(
        self, graph: Graph, question: int, *, prompt_tokens: int, declared: Label
    ) -> Spend:
        """Return the most that answering one question can spend.

        A question that nobody calls sensitive is run call by call. When an answer on the way gives
        something away, the calls so far are in vain and the graph is run as a whole after all.

        Args:
            graph: What runs.
            question: The question's number.
            prompt_tokens: Upper bound of its size.
            declared: What its task says is in it.
        """
        once = self.worst_case(graph, question, prompt_tokens=prompt_tokens)
        if declared.categories or len(graph.steps) == 1:
            return once
        return replace(once.plus(once), executions=1)

    def expected_case(self, graph: Graph, *, prompt_tokens: int) -> Spend:
        """Return what one execution spends when every answer has its full length."""
        return self._case(graph, 0, prompt_tokens=prompt_tokens, with_fallbacks=False)

    def worst_call(self, models: Iterable[str], *, prompt_tokens: int, written: int) -> Spend:
        """Return the most that one call of any of ``models`` can spend, fallbacks included."""
        calls = [
            self._call(
                self.catalog.model_by_name[ModelName(name)],
                prompt_tokens,
                written,
                with_fallback=True,
            )
            for name in models
        ]
        return Spend(
            usd=max(call.usd for call in calls),
            tokens=max(call.tokens for call in calls),
            calls=max(call.calls for call in calls),
            flops=max(call.flops for call in calls),
            exposed=frozenset().union(*(call.exposed for call in calls)),
        )

    def _case(
        self, graph: Graph, question: int, *, prompt_tokens: int, with_fallbacks: bool
    ) -> Spend:
        total = Spend(executions=1)
        for step in graph.played:
            call = self._call(
                self._model(step),
                prompt_tokens + len(step.instruction) + answer_tokens_read(graph, step),
                step.sampling.max_tokens,
                with_fallback=with_fallbacks,
            )
            for _ in range(step.samples * _items(step)):
                total = total.plus(call)
        exposed = frozenset({question}) if total.exposed else frozenset[int]()
        return replace(total, exposed=exposed)

    def _call(
        self, model: Model, prompt_tokens: int, written: int, *, with_fallback: bool
    ) -> Spend:
        """Return what one call spends; its fallback may have to be paid for as well."""
        is_cloud = self.catalog.node_of(model).zone == "cloud"
        others = self._edge_models() if with_fallback and is_cloud else ()

        def usd(player: Model) -> float:
            return player.cost_usd(
                self.today, prompt_tokens=prompt_tokens, completion_tokens=written
            )

        def flops(player: Model) -> float:
            return flops_of_call(player, prompt_tokens, written)

        calls = 2 if others else 1
        return Spend(
            usd=usd(model) + max(map(usd, others), default=0.0),
            tokens=calls * (prompt_tokens + written),
            calls=calls,
            flops=flops(model) + max(map(flops, others), default=0.0),
            exposed=frozenset({0}) if is_cloud else frozenset(),
        )

    def _edge_models(self) -> tuple[Model, ...]:
        """Return what may take a cloud step over: its fallback, or whichever edge model can."""
        return tuple(one for one in self.catalog.models if self.catalog.node_of(one).zone == "edge")

    def _seat(self, label: Label, model: str) -> _Seat:
        """Return where a step on ``model`` runs for a request with ``label``; asked once."""
        key = (label, model)
        if key not in self._seats:
            self._seats[key] = self._ask_seat(label, model)
        return self._seats[key]

    def _ask_seat(self, label: Label, model: str) -> _Seat:
        step = Step(StepId("only"), Role.ASSISTANT, ModelName(model))
        try:
            found = self.plan(Graph("one-step", (step,), ()), label)
        except LeakFound as leak:
            return _Seat(ModelName(model), "cloud", leak=leak.reason)
        planned = found.steps[0]
        is_moved = any(repair.change == "moved_to_edge" for repair in found.repairs)
        return _Seat(planned.model, planned.zone, is_moved=is_moved)

    def _model(self, step: Step) -> Model:
        found = self.catalog.model_by_name.get(step.model) if step.model else None
        if found is None:
            raise NotFound(f"no model named {step.model!r} in the catalog")
        return found

    def _broken(self, graph: Graph) -> str | None:
        for constraint in self.constraints:
            least = self._least(constraint.measure, graph)
            if least > constraint.limit * _ROUNDING:
                return (
                    f"needs at least {constraint.measure.value} {least:.6g},"
                    f" more than the {constraint.limit:g} allowed"
                )
        return None

    def _least(self, measure: Measure, graph: Graph) -> float:
        """Return a lower bound of a measure: one-token answers, the cheapest label."""
        if measure is Measure.CLOUD_SHARE:
            return sum(share for label, share in self.labels.items() if self._leaves(graph, label))
        return min(self._least_of_label(measure, graph, label) for label in self.labels)

    def _leaves(self, graph: Graph, label: Label) -> bool:
        """Whether content leaves for certain: a cloud step, and no branch could pass it by."""
        return any(self._seat(label, model).zone == "cloud" for model in _certain(graph).values())

    def _least_of_label(self, measure: Measure, graph: Graph, label: Label) -> float:
        models = {
            step: self.catalog.model_by_name[self._seat(label, model).model]
            for step, model in _certain(graph).items()
        }
        prompt = self.least_prompt_tokens
        if measure is Measure.COST_USD:
            return math.fsum(
                model.cost_usd(self.today, prompt_tokens=prompt, completion_tokens=1)
                for model in models.values()
            )
        if measure is Measure.FLOPS:
            return math.fsum(flops_of_call(model, prompt, 1) for model in models.values())
        if measure is Measure.EGRESS_BYTES:  # every step reads the request, a byte a token or more
            seats = [self._seat(label, model) for model in _certain(graph).values()]
            return float(prompt * sum(seat.zone == "cloud" for seat in seats))
        return self._fastest_s(graph, models)

    def _fastest_s(self, graph: Graph, models: dict[StepId, Model]) -> float:
        fastest = {step.id: 0.0 for step in graph.steps}
        fastest |= {step: self._fastest_call_s(model) for step, model in models.items()}
        return critical_path_s(graph, fastest)

    def _fastest_call_s(self, model: Model) -> float:
        reading_s = (
            self.least_prompt_tokens / model.prefill_tokens_per_s
            if model.prefill_tokens_per_s
            else 0.0
        )
        writing_s = 1 / model.decode_tokens_per_s if model.decode_tokens_per_s else 0.0
        return self.catalog.node_of(model).round_trip_s + reading_s + writing_s


def flops_of_call(model: Model, prompt_tokens: int, completion_tokens: int) -> float:
    """Return the FLOPs of one call, 0 when the catalog does not know the model's size.

    Source: ``optimizer.search.costs``.
    """
    shape = ModelShape(model.parameters, model.layers, model.hidden_size)
    return call_flops(shape, prompt_tokens=prompt_tokens, answer_tokens=completion_tokens)


def answer_tokens_read(graph: Graph, step: Step) -> int:
    """Return the most tokens of earlier answers that a step can read.

    A rule passes on what it reads; a mapped step's answers are as many as its items.
    """
    total = 0
    for source in {edge.source for edge in graph.incoming[step.id]}:
        sender = graph.by_id[source]
        written = sender.sampling.max_tokens * _items(sender)
        total += written if sender.rule is None else answer_tokens_read(graph, sender)
    return total


def _items(step: Step) -> int:
    return step.map_over.max_items if step.map_over else 1


def _played(graph: Graph) -> dict[StepId, str]:
    """Return the model of each step that one plays."""
    return {step.id: str(step.model) for step in graph.played}


def _certain(graph: Graph) -> dict[StepId, str]:
    """Return the same of the steps that make a call for certain, whichever way decisions fall."""
    is_open = any(edge.is_guarded for edge in graph.edges)
    return {
        step: model
        for step, model in _played(graph).items()
        if graph.by_id[step].map_over is None
        and not (is_open and not is_certain_to_run(graph, step))
    }
