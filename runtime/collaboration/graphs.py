"""Which graph answers a request: named, given inline, chosen by the node, or one plain model."""

from collections.abc import Mapping
from dataclasses import dataclass

from runtime.catalog.model import Catalog
from runtime.errors import NotFound
from runtime.graph.model import Graph, Step
from runtime.graph.roles import Role
from runtime.ids import ModelName, StepId
from runtime.patterns.book import patterns

__all__ = [
    "AUTO",
    "Auto",
    "GraphBook",
    "GraphChoice",
    "Inline",
    "Named",
    "PlainModel",
    "choice_of",
    "choice_of_name",
    "known_as",
]

PREFIX = "leeward/"
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Named:
    """A graph that the node knows by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Inline:
    """A graph that came with the request; the flow check covers it like any other."""

    graph: Graph


@dataclass(frozen=True, slots=True)
class Auto:
    """The node chooses."""


@dataclass(frozen=True, slots=True)
class PlainModel:
    """One model, as an OpenAI client asks for it."""

    model: ModelName


GraphChoice = Named | Inline | Auto | PlainModel


def choice_of(model: str) -> GraphChoice:
    """Read the ``model`` field of an OpenAI request: ``leeward/<graph>``, or a plain model."""
    if not model.startswith(PREFIX):
        return PlainModel(ModelName(model))
    return choice_of_name(model.removeprefix(PREFIX))


def choice_of_name(graph: str) -> GraphChoice:
    """Read a graph's name, ``auto`` included."""
    return Auto() if graph == AUTO else Named(graph)


def known_as(choice: GraphChoice) -> str:
    """Return what metrics call a choice: never a name that came with a request."""
    match choice:
        case Named(name):
            return name
        case Inline():
            return "inline"
        case Auto():
            return AUTO
        case PlainModel():
            return "model"


class GraphBook:
    """The graphs of a node, and the rule that turns a choice into one."""

    def __init__(self, graphs: Mapping[str, Graph], catalog: Catalog, *, default: str) -> None:
        self._graphs = graphs
        self._catalog = catalog
        self._default = default

    def names(self) -> tuple[str, ...]:
        """Names of the known graphs, sorted."""
        return tuple(sorted(self._graphs))

    def identifiers(self) -> frozenset[str]:
        """Return every name that a graph of this node, or a step of one, has."""
        singles = (self._single(model) for model in self._catalog.model_by_name)
        graphs = (*self._graphs.values(), *singles)
        return frozenset(name for graph in graphs for name in (graph.name, *graph.by_id))

    def find(self, choice: GraphChoice) -> Graph:
        """Return the graph that a choice means.

        ``Auto`` means the configured default graph: the planner then keeps on the edge what may
        not leave, so the default may well name cloud models.

        Raises:
            NotFound: No graph or model of that name.
        """
        match choice:
            case Named(name):
                return self._named(name)
            case Inline(graph):
                return graph
            case Auto():
                return self._named(self._default)
            case PlainModel(model):
                return self._single(model)

    def _named(self, name: str) -> Graph:
        graph = self._graphs.get(name)
        if graph is None:
            known = ", ".join(self.names()) or "none"
            raise NotFound(f"no graph named {name!r} on this node{_why(name)}; known: {known}")
        return graph

    def _single(self, model: ModelName) -> Graph:
        if model not in self._catalog.model_by_name:
            known = ", ".join(sorted(self._catalog.model_by_name)) or "none"
            raise NotFound(f"no model named {model!r} in the catalog; known: {known}")
        step = Step(id=StepId("answer"), role=Role.ASSISTANT, model=model)
        return Graph(name=f"model/{model}", steps=(step,), edges=())


def _why(name: str) -> str:
    """Say what a shipped pattern that a node does not serve would need."""
    for pattern in patterns():
        if pattern.name == name:
            places = ", ".join(sorted(pattern.places))
            return f": it is a pattern, served by an edge that has models for {places}"
    return ""
