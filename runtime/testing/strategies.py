"""Hypothesis strategies for valid graphs, labels, policies, catalogs and whole plan requests.

Small on purpose: few names, so that rules, labels and placements really meet each other. Every
graph is one that ``runtime.graph.validate`` accepts. Needs the ``dev`` extra; never imported by
what runs on a device.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any, Final, TypeVar

from hypothesis import strategies as st

from runtime.catalog.model import Catalog, Model, Node, Price
from runtime.flow.model import Form, Placement, PlannedRelease
from runtime.graph.certain import is_certain_to_run
from runtime.graph.model import Comparison, Condition, Edge, Graph, MapOver, Output, Step
from runtime.graph.roles import Role
from runtime.graph.rules import Rule
from runtime.ids import Category, ModelName, NodeName, StepId
from runtime.labels import UNSURE, Label, Level
from runtime.planner.model import PlanRequest
from runtime.policy.model import (
    CloudAway,
    PlaceholderStyle,
    Policy,
    ReleaseKind,
    ReleaseRule,
    WhenUnsure,
    Zone,
)
from runtime.ports import Sampling

__all__ = [
    "CATEGORIES",
    "MODELS",
    "NODES",
    "TODAY",
    "catalogs",
    "graphs",
    "labels",
    "placements",
    "plan_requests",
    "planned_releases",
    "policies",
]

CATEGORIES: Final = tuple(
    Category(name) for name in ("person", "contact", "health", "secret", "project_name")
)
"""Categories that a policy may list."""
UNLISTED: Final = Category("unlisted")
"""A category that no policy lists."""
NODES: Final[tuple[tuple[NodeName, Zone], ...]] = (
    (NodeName("near-1"), "edge"),
    (NodeName("near-2"), "edge"),
    (NodeName("cloud-1"), "cloud"),
    (NodeName("cloud-2"), "cloud"),
)
MODELS: Final = tuple(
    ModelName(name) for name in ("tern", "gull", "skua", "gannet", "albatross", "petrel")
)
TODAY: Final = date(2026, 11, 24)

T = TypeVar("T")


_STEP_IDS: Final = tuple(StepId(name) for name in ("ada", "bob", "cyd", "dee", "eve", "fay"))
_STEP_KINDS: Final = (ReleaseKind.MODEL_WRITTEN, ReleaseKind.DECISION_BIT)
_SCORE: Final = Output("score", "number")
_RULES: Final = (
    (Rule.AGREEMENT, Role.FUSER, ()),
    (Rule.VOTE, Role.FUSER, ()),
    (Rule.NUMBERS, Role.VERIFIER, (_SCORE,)),
)
"""Rules that output a number to decide by, each with a role and what it declares."""
_BRANCH: Final = Output("branch", "enum", ("left", "right"))
_PARTS: Final = Output("parts", "list")


def _one_of(values: Iterable[T]) -> st.SearchStrategy[T]:
    """One of some values; made once for equal ones, as making and checking is most of a draw."""
    listed = tuple(values)
    return _made(listed, tuple(map(type, listed)))


@cache
def _made(values: tuple[Any, ...], _types: tuple[type, ...]) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


@st.composite
def labels(draw: st.DrawFn) -> Label:
    """Labels of requests; now and then empty, or with an unlisted category or a failed detector."""
    names = (*CATEGORIES * 3, UNLISTED, UNSURE)
    size = draw(_one_of((0, 1, 1, 2, 2, 2, 3, 3)))
    return Label(frozenset(draw(_one_of(names)) for _ in range(size)))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Policies with any levels, clearances and release rules, the sensible ones most often."""
    levels = _one_of((*Level, *[Level.CONFIDENTIAL, Level.RESTRICTED] * 4))
    clearances = _one_of((*Level, *[Level.PUBLIC, Level.INTERNAL] * 4))
    listed = draw(_one_of([CATEGORIES] * 3 + [CATEGORIES[:3]]))
    clearance: dict[str, Level] = {
        "edge": draw(_one_of((*[Level.RESTRICTED] * 8, *Level))),
        "cloud": draw(clearances),
    }
    if draw(_seldom()):
        clearance[draw(_one_of(NODES))[0]] = draw(clearances)
    return Policy(
        categories={category: draw(levels) for category in sorted(listed)},
        clearance=clearance,
        releases=tuple(draw(_rules()) for _ in range(draw(_one_of((0, 1, 2, 3, 4))))),
        when_unsure=WhenUnsure(level=draw(levels)),
        cloud_away=draw(_one_of(CloudAway)),
        placeholders=draw(_one_of(PlaceholderStyle)),
    )


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    """Catalogs of four nodes and all of ``MODELS``; some models name a fallback."""
    nodes = tuple(
        Node(name, zone, round_trip_s=0.05 if zone == "cloud" else 0.0) for name, zone in NODES
    )
    homes = [draw(_one_of(NODES)) for _ in MODELS]
    on_edge = [model for model, (_, zone) in zip(MODELS, homes, strict=True) if zone == "edge"]
    fallbacks = _one_of((None, *on_edge))
    models = tuple(
        Model(
            name=name,
            node=home,
            parameters=draw(st.integers(1, 4)) * 1_000_000,
            prefill_tokens_per_s=1000.0,
            decode_tokens_per_s=50.0,
            prices=(Price(date(2026, 1, 1), draw(_prices()), draw(_prices())),),
            fallback=draw(fallbacks),
        )
        for name, (home, _) in zip(MODELS, homes, strict=True)
    )
    return Catalog(nodes=nodes, models=models)


@st.composite
def graphs(draw: st.DrawFn, *, max_steps: int = 6, guards: bool = True) -> Graph:
    """Valid graphs: one certain sink, guards over real outputs, fan-out over real lists.

    Args:
        draw: Given by hypothesis.
        max_steps: At most six.
        guards: Whether edges may carry ``when`` and ``otherwise``.
    """
    ids = _STEP_IDS[: draw(_one_of((*range(1, max_steps + 1), max_steps)))]
    sources = {step: draw(_some_of(ids[:position])) for position, step in enumerate(ids)}
    for position, step in enumerate(ids[:-1]):
        if not any(step in sources[later] for later in ids[position + 1 :]):
            target = draw(_one_of(ids[position + 1 :]))
            sources[target] = (*sources[target], step)
    steps = {step: draw(_steps(step, sources[step])) for step in ids}
    steps = {step: _with_rule(draw, steps, step, len(sources[step])) for step in ids}
    steps = {step: _with_list(steps, step) for step in ids}
    pairs = [(source, step) for step in ids for source in sources[step]]
    edges = draw(_edges(pairs, steps)) if guards else [Edge(*pair) for pair in pairs]
    graph = Graph(
        name="drawn",
        steps=tuple(draw(st.permutations(list(steps.values())))),
        edges=tuple(edges),
    )
    return graph if is_certain_to_run(graph, ids[-1]) else _with_certain_sink(graph)


@st.composite
def placements(draw: st.DrawFn, graph: Graph) -> dict[StepId, Placement]:
    """Placements of a graph's steps: any at all, or sensible ones with at most one wrong form.

    Sensible means that what can reach a cloud step reads the released form, and nothing else.
    """
    homes = _one_of((*NODES, NODES[2]))
    nodes = {step.id: draw(homes) for step in graph.steps}
    reaching: set[StepId] = set()
    for step in reversed(graph.topological):
        later = {edge.target for edge in graph.outgoing[step.id]}
        if nodes[step.id][1] == "cloud" or later & reaching:
            reaching.add(step.id)
    at_random = draw(_seldom())
    wrong = draw(_one_of([step.id for step in graph.steps])) if draw(_seldom()) else None
    placed: dict[StepId, Placement] = {}
    for step in graph.steps:
        released = (step.id in reaching) != (step.id == wrong)
        form = Form.RELEASED if released else Form.RAW
        node, zone = nodes[step.id]
        placed[step.id] = Placement(
            step=step.id,
            model=ModelName(f"on-{node}"),
            node=node,
            zone=zone,
            form=draw(_one_of(Form)) if at_random else form,
        )
    return placed


@st.composite
def planned_releases(
    draw: st.DrawFn, graph: Graph, policy: Policy, *, of_steps: bool = False
) -> tuple[PlannedRelease, ...]:
    """Releases of the request, most of which some rule of the policy allows to somebody.

    Args:
        draw: Given by hypothesis.
        graph: Whose steps may be named.
        policy: Whose rules are used.
        of_steps: Whether messages and decisions may be released too.
    """
    ids = _one_of([step.id for step in graph.steps])
    stray = st.builds(
        ReleaseRule, st.frozensets(_one_of(CATEGORIES), min_size=1), st.just(""), _kinds()
    )
    used = [rule for rule in policy.releases if not draw(_seldom())]
    used += [draw(stray)] if draw(_seldom()) else []
    planned: list[PlannedRelease] = []
    for rule in used:
        if rule.by not in _STEP_KINDS:
            planned.append(PlannedRelease(rule.by, rule.categories))
        elif of_steps:
            named = draw(st.lists(ids, unique=True, max_size=3))
            planned += [PlannedRelease(rule.by, rule.categories, step) for step in named]
    return tuple(planned)


@st.composite
def plan_requests(draw: st.DrawFn, *, max_steps: int = 6, budgets: bool = True) -> PlanRequest:
    """Everything a plan depends on, mostly with healthy nodes."""
    names = [name for name, _ in NODES]
    absent = draw(st.lists(_one_of(names), min_size=1)) if draw(_seldom()) else []
    approved = draw(_one_of((CATEGORIES, CATEGORIES[2:3]))) if draw(_seldom()) else ()
    budget_usd = draw(st.floats(0, 0.1)) if budgets and draw(_seldom()) else None
    return PlanRequest(
        graph=draw(graphs(max_steps=max_steps)),
        label=draw(labels()),
        policy=draw(policies()),
        catalog=draw(catalogs()),
        today=TODAY,
        healthy=frozenset(names) - frozenset(absent),
        prompt_tokens=draw(st.integers(0, 4000)),
        budget_left_usd=budget_usd,
        approved=frozenset(approved),
    )


@cache
def _rules() -> st.SearchStrategy[ReleaseRule]:
    return st.builds(
        ReleaseRule,
        categories=_one_of(
            (*[CATEGORIES] * 3, CATEGORIES[:2], CATEGORIES[1:3], CATEGORIES[2:])
        ).map(frozenset),
        to=_one_of((*["cloud"] * 6, "edge", *(str(name) for name, _ in NODES))),
        by=_kinds(),
    )


@cache
def _kinds() -> st.SearchStrategy[ReleaseKind]:
    return _one_of((*[ReleaseKind.REDACT] * 6, *ReleaseKind))


@cache
def _seldom() -> st.SearchStrategy[bool]:
    return _one_of((False, False, False, True))


@cache
def _prices() -> st.SearchStrategy[float]:
    return _one_of((0.0, 1.0, 3.0))


@cache
def _some_of(ids: tuple[StepId, ...]) -> st.SearchStrategy[tuple[StepId, ...]]:
    if not ids:
        return st.just(())
    return st.lists(_one_of(ids), unique=True, max_size=3).map(tuple)


@st.composite
def _steps(draw: st.DrawFn, step: StepId, sources: tuple[StepId, ...]) -> Step:
    roles = [role for role in Role if sources or role is not Role.FUSER]
    mapped = draw(st.booleans()) and bool(sources)
    return Step(
        id=step,
        role=draw(_one_of(roles)),
        model=draw(_one_of((None, *MODELS))),
        samples=draw(_one_of((1, 1, 3))),
        sampling=Sampling(max_tokens=draw(_one_of((16, 256)))),
        outputs=draw(_one_of(((), (_SCORE,), (_BRANCH,), (_SCORE, _BRANCH)))),
        map_over=draw(_maps(sources[0])) if mapped else None,
        instruction=draw(_one_of(("", "Answer in one word."))),
    )


@cache
def _maps(source: StepId) -> st.SearchStrategy[MapOver]:
    return st.builds(
        MapOver, st.just(source), st.just(_PARTS.name), st.integers(1, 4), st.booleans()
    )


def _with_rule(draw: st.DrawFn, steps: dict[StepId, Step], step: StepId, sources: int) -> Step:
    """Now and then let a rule play a step that nothing is mapped over."""
    own = steps[step]
    is_mapped = any(other.map_over and other.map_over.step == step for other in steps.values())
    if not sources or is_mapped or not draw(_seldom()):
        return own
    rule, role, outputs = draw(_one_of(_RULES))
    return Step(id=step, role=role, rule=rule, outputs=outputs)


def _with_list(steps: dict[StepId, Step], step: StepId) -> Step:
    """Let a step output the list over which a later one runs."""
    is_mapped = any(other.map_over and other.map_over.step == step for other in steps.values())
    own = steps[step]
    return replace(own, outputs=(*own.outputs, _PARTS)) if is_mapped else own


@st.composite
def _edges(
    draw: st.DrawFn, pairs: list[tuple[StepId, StepId]], steps: dict[StepId, Step]
) -> list[Edge]:
    """Guard some of the pairs; a source's first guard is a ``when``."""
    edges: list[Edge] = []
    deciding: set[StepId] = set()
    for source, target in pairs:
        guard = draw(_one_of(("none", "none", "when", "otherwise", "both")))
        if guard == "otherwise" and source not in deciding:
            guard = "when"
        if guard in ("when", "both"):
            deciding.add(source)
            edges.append(Edge(source, target, when=draw(_conditions(steps[source]))))
        if guard in ("otherwise", "both"):
            edges.append(Edge(source, target, otherwise=True))
        if guard == "none":
            edges.append(Edge(source, target))
    return edges


@st.composite
def _conditions(draw: st.DrawFn, step: Step) -> Condition:
    numbers = ["confidence", "tokens"] if step.rule is None else []
    numbers += ["agreement"] if step.rule in (Rule.AGREEMENT, Rule.VOTE) else []
    numbers += ["agreement"] if step.samples > 1 else []
    numbers += [output.name for output in step.outputs if output.kind == "number"]
    if _BRANCH in step.outputs and draw(st.booleans()):
        comparison = draw(_one_of((Comparison.EQ, Comparison.NE)))
        return Condition(step.id, _BRANCH.name, comparison, draw(_one_of(_BRANCH.values)))
    return Condition(step.id, draw(_one_of(numbers)), draw(_one_of(Comparison)), 0.5)


def _with_certain_sink(graph: Graph) -> Graph:
    """Take the guards off one way to the sink, and those that were only their ``otherwise``."""
    way: set[tuple[StepId, StepId]] = set()
    step = graph.topological[0].id
    while graph.outgoing[step]:
        edge = graph.outgoing[step][0]
        way.add((edge.source, edge.target))
        step = edge.target
    edges = [edge for edge in graph.edges if (edge.source, edge.target) not in way]
    edges += [Edge(*pair) for pair in sorted(way)]
    deciding = {edge.source for edge in edges if edge.when is not None}
    return replace(
        graph,
        edges=tuple(
            edge if edge.source in deciding else Edge(edge.source, edge.target) for edge in edges
        ),
    )
