"""Promise 1 as properties of one example, for hypothesis and for the long profile alike.

The flow check before a run is held against two witnesses: the oracle, which compares what nodes
see of two secrets, and the taint check during the run, which shares no code with it.
"""

from __future__ import annotations

from copy import copy
from itertools import combinations

from runtime.errors import (
    BackendUnavailable,
    CapacityExhausted,
    CloudAway,
    LeakFound,
    PolicyViolation,
)
from runtime.executor.taint import TaintTracker
from runtime.flow.model import FlowProof, Placement
from runtime.graph.model import Edge, Graph
from runtime.ids import PlanId, StepId
from runtime.planner.model import Plan
from runtime.planner.plan import plan
from runtime.policy.model import ReleaseKind
from runtime.testing.drawing import Draw
from runtime.testing.drawn_graphs import note_shape
from runtime.testing.drawn_plans import draw_plan_request
from tests.privacy.flow_cases import Case, draw_any_case, draw_case_of_one_secret
from tests.privacy.told_apart import leaks_under_any_adversary, leaks_under_one_adversary

_REFUSALS = (LeakFound, CloudAway, BackendUnavailable, CapacityExhausted)
_MOST_DECISIONS = 2
"""How many guards all outcomes are tried of."""


def nothing_accepted_leaks(draw: Draw) -> None:
    """What the check accepts lets no node tell two secrets apart."""
    case = draw_any_case(draw, is_secret=True)
    if not case.is_accepted():
        draw.pass_over("refused")

    found = [list(leaks_under_one_adversary(case, seed)) for seed in _seeds(draw, 4)]

    assert found == [[], [], [], []]


def only_leaks_are_refused(draw: Draw) -> None:
    """What the check refuses lets some node tell two secrets apart."""
    _hold_against_every_adversary(draw, draw_any_case(draw, max_steps=4))


def the_structure_alone_decides(draw: Draw) -> None:
    """With one secret and one rule, forms, messages and decisions are judged exactly."""
    _hold_against_every_adversary(draw, draw_case_of_one_secret(draw))


def no_plan_leaks(draw: Draw) -> None:
    """No plan that is made lets a node tell two secrets apart, and no other way down is taken."""
    request = draw_plan_request(draw, is_secret=True)
    draw.show("request", request)
    seeds = _seeds(draw, 3)
    try:
        made = plan(request, plan_id=PlanId("p"), graph_hash="h")
    except _REFUSALS as refusal:
        draw.pass_over(type(refusal).__name__)
    note_shape(draw, request.graph)
    case = Case(request.graph, request.label, _placed_by(made), made.releases, request.policy)
    on_cloud = sorted({step.form.value for step in made.steps if step.zone == "cloud"})
    draw.note("read on the cloud", " and ".join(on_cloud) or "nothing")

    ways_down = {ReleaseKind.REDACT, ReleaseKind.GENERALISE, ReleaseKind.APPROVAL}
    if request.can_sketch:
        ways_down.add(ReleaseKind.SKETCH)
    assert {release.by for release in made.releases} <= ways_down
    if not case.has_secret():
        draw.pass_over("nothing to hide")
    found = [list(leaks_under_one_adversary(case, seed)) for seed in seeds]
    assert found == [[] for _ in seeds]


def nothing_accepted_is_stopped(draw: Draw) -> None:
    """What the check accepts, the taint check never stops, whatever branches are taken."""
    _hold_a_run_against_its_proof(draw, draw_any_case(draw, of_steps=True, is_secret=True))


def nothing_accepted_of_one_secret_is_stopped(draw: Draw) -> None:
    """The same where releases of messages and decisions make the difference."""
    _hold_a_run_against_its_proof(draw, draw_case_of_one_secret(draw, of_steps=True))


def whatever_is_refused_is_stopped(draw: Draw) -> None:
    """What the check refuses, the taint check stops for some way in which decisions fall."""
    case = (
        draw_any_case(draw, max_steps=4, of_steps=True)
        if draw.is_true()
        else draw_case_of_one_secret(draw, of_steps=True)
    )

    is_stopped = _some_outcome_is_stopped(case.graph, case.tracker())

    draw.note("stopped", is_stopped)
    draw.note("something to hide", case.has_secret())
    assert case.is_accepted() != is_stopped


def _hold_against_every_adversary(draw: Draw, case: Case) -> None:
    if sum(edge.when is not None for edge in case.graph.edges) > _MOST_DECISIONS:
        draw.pass_over("too many decisions for all outcomes")
    is_accepted = case.is_accepted()
    draw.note("accepted", is_accepted)
    draw.note("something to hide", case.has_secret())

    leak = next(leaks_under_any_adversary(case), None)

    assert is_accepted == (leak is None), leak


def _hold_a_run_against_its_proof(draw: Draw, case: Case) -> None:
    """Walk the tracker through one outcome; hold each step against the proof."""
    tracker = case.tracker()
    try:
        proof = case.proof()
    except LeakFound:
        draw.pass_over("refused")
    _run_once(draw, case.graph, tracker, proof)
    if not case.has_secret():
        draw.pass_over("nothing to hide")


def _run_once(draw: Draw, graph: Graph, tracker: TaintTracker, proof: FlowProof) -> None:
    fired: set[Edge] = set()
    proven = proof.by_step()
    for step in graph.topological:
        incoming = graph.incoming[step.id]
        brought = [edge for edge in incoming if edge in fired]
        if incoming and not brought:
            tracker.skip(step.id)
            continue
        received = tracker.receive(step.id, brought)
        assert proven[step.id].label.covers(received)
        tracker.check(step.id)
        outgoing = graph.outgoing[step.id]
        fired |= _fired(outgoing, {edge for edge in outgoing if edge.when and draw.is_true()})


def _fired(outgoing: tuple[Edge, ...], holding: set[Edge] | frozenset[Edge]) -> frozenset[Edge]:
    """Return which edges out of a step bring a message when some conditions hold."""
    return frozenset(
        edge
        for edge in outgoing
        if not edge.is_guarded or edge in holding or (edge.otherwise and not holding)
    )


def _some_outcome_is_stopped(
    graph: Graph, tracker: TaintTracker, fired: frozenset[Edge] = frozenset(), at: int = 0
) -> bool:
    """Whether the taint check stops a run for any way in which its decisions can fall."""
    for position, step in enumerate(graph.topological[at:], start=at):
        incoming = graph.incoming[step.id]
        brought = [edge for edge in incoming if edge in fired]
        if incoming and not brought:
            tracker.skip(step.id)
            continue
        tracker.receive(step.id, brought)
        try:
            tracker.check(step.id)
        except PolicyViolation:
            return True
        outgoing = graph.outgoing[step.id]
        guarded = [edge for edge in outgoing if edge.when]
        ways = [
            fired | _fired(outgoing, frozenset(holding))
            for count in range(len(guarded) + 1)
            for holding in combinations(guarded, count)
        ]
        for way in ways[1:]:
            if _some_outcome_is_stopped(graph, _forked(tracker), way, position + 1):
                return True
        fired = ways[0]
    return False


def _forked(tracker: TaintTracker) -> TaintTracker:
    """Return a tracker that goes its own way: what it learns is no longer shared."""
    fork = copy(tracker)
    vars(fork).update(
        {name: dict(value) for name, value in vars(tracker).items() if isinstance(value, dict)}
    )
    return fork


def _placed_by(made: Plan) -> dict[StepId, Placement]:
    return {
        step.step: Placement(step.step, step.model, step.node, step.zone, step.form)
        for step in made.steps
    }


def _seeds(draw: Draw, count: int) -> list[int]:
    return [draw.integer(0, 2**32 - 1) for _ in range(count)]
