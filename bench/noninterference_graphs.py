"""The graphs that the benchmark of non-interference runs, and what each is run with.

Every graph document under ``deploy/``, in the shipped catalog that knows its models, under the
shipped policy; the patterns of the package in the first of these catalogs; and the shapes of the
reference table with both sides in every order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from bench.noninterference_house import CLOUD, EDGE, World
from optimizer.replay.graph_terms import parse_term
from reference.tabulated.documents import graph_of
from runtime.catalog.document import load_catalog
from runtime.catalog.model import Catalog
from runtime.errors import CatalogInvalid
from runtime.graph.document import GRAPH_VERSION, load_graph
from runtime.graph.model import Graph
from runtime.ids import PlanId
from runtime.labels import Label
from runtime.patterns.book import bound_patterns, places_in
from runtime.planner.model import PlanRequest
from runtime.planner.plan import plan
from runtime.policy.document import load_policy
from runtime.policy.model import ReleaseKind

__all__ = ["Case", "shipped_cases", "told_releases"]

_DEPLOY: Final = Path(__file__).resolve().parents[1] / "deploy"
_CATALOGS: Final = ("catalogs/reference.yaml", "examples/catalog.yaml")
_TERMS: Final = (
    "assistant@gannet-m(assistant@tern-s#0)",
    "assistant@tern-s(assistant@gannet-m#0)",
    "fuser@gannet-m(assistant@tern-s#0,assistant@tern-s#1)",
    "fuser@tern-s(assistant@gannet-m#0,assistant@gannet-m#1,assistant@tern-s#0)",
    "assistant@gannet-m(fuser@tern-s(assistant@gannet-m#0,assistant@tern-s#0))",
)
_BY_SECRET: Final = frozenset(
    kind
    for kind in ReleaseKind
    if not kind.is_deterministic and kind is not ReleaseKind.APPROVAL  # nobody is asked here
)


@dataclass(frozen=True, slots=True)
class Case:
    """One graph to run."""

    name: str
    graph: Graph
    world: World


def shipped_cases() -> list[Case]:
    """Return every graph of this repository.

    Raises:
        CatalogInvalid: No shipped catalog knows all the models of a shipped graph.
    """
    policy = load_policy(_DEPLOY / "policies" / "clinic.yaml")
    catalogs = [load_catalog(_DEPLOY / name) for name in _CATALOGS]
    named = {
        path.relative_to(_DEPLOY).with_suffix("").as_posix(): load_graph(path)
        for path in sorted(_DEPLOY.rglob("*.yaml"))
        if _is_graph(path)
    } | {f"reference/{term}": graph_of(parse_term(term)) for term in _TERMS}
    places = places_in(catalogs[0], today=date(2026, 1, 1))
    named |= {f"patterns/{name}": graph for name, graph in bound_patterns(places).items()}
    return [
        Case(name, graph, World(policy, _catalog_for(name, graph, catalogs)))
        for name, graph in named.items()
    ]


def told_releases(case: Case, label: Label) -> tuple[str, ...]:
    """Return which releases whose outcome depends on the secret the planner uses for a request.

    Promise 2 covers the graph when there are none.
    """
    decided = plan(
        PlanRequest(
            graph=case.graph,
            label=label,
            policy=case.world.policy,
            catalog=case.world.catalog,
            today=date(2026, 1, 1),
            healthy=frozenset({EDGE, CLOUD}),
        ),
        plan_id=PlanId("plan"),
        graph_hash="",
    )
    kinds = {release.by for release in decided.releases}
    return tuple(sorted(kind.value for kind in kinds & _BY_SECRET))


def _is_graph(path: Path) -> bool:
    return f"leeward: {GRAPH_VERSION}" in path.read_text("utf-8").splitlines()


def _catalog_for(name: str, graph: Graph, catalogs: Sequence[Catalog]) -> Catalog:
    for catalog in catalogs:
        if graph.models <= set(catalog.model_by_name):
            return catalog
    raise CatalogInvalid(f"no shipped catalog knows all models of graph {name}")
