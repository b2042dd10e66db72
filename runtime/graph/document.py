"""Graph documents: from YAML, JSON or plain data to a valid :class:`Graph`, and back.

The only way in for graphs from outside: what these functions return has passed every check.
Knows the file's form; a graph's meaning is ``model``'s, its rules are ``validate``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, Final

from runtime.documents.document import Document, Path, Problem
from runtime.documents.reader import document_from_data, parse_document, read_document
from runtime.documents.shape import read_shape, schema_of
from runtime.errors import GraphInvalid
from runtime.graph.model import Condition, Draft, Edge, Graph, MapOver, Output, Step
from runtime.graph.notation import NotationError, parse_condition, parse_edges, parse_reference
from runtime.graph.shape import DraftShape, EdgeShape, GraphShape, StepShape
from runtime.graph.validate import find_problems
from runtime.ids import ModelName, StepId
from runtime.ports import Sampling

__all__ = [
    "GRAPH_VERSION",
    "check_graph",
    "dump_graph",
    "graph_from_data",
    "graph_schema",
    "load_graph",
    "parse_graph",
]

GRAPH_VERSION: Final = "graph/v1"
MAX_EDGES: Final = 512
"""Most edges once chains and fans are written out."""


def load_graph(path: FilePath) -> Graph:
    """Read a graph from a YAML or JSON file.

    Raises:
        GraphInvalid: Names file, line and field of the first problem.
    """
    return _graph(read_document(path, error=GraphInvalid))


def parse_graph(text: str, *, file: str = "") -> Graph:
    """Read a graph from YAML or JSON text; ``file`` is how errors call it.

    Raises:
        GraphInvalid: Names line and field of the first problem.
    """
    return _graph(parse_document(text, error=GraphInvalid, file=file))


def graph_from_data(data: object, *, file: str = "") -> Graph:
    """Read a graph from plain data, such as parsed JSON.

    Raises:
        GraphInvalid: Names the field of the first problem.
    """
    return _graph(document_from_data(data, error=GraphInvalid, file=file))


def check_graph(graph: Graph) -> Graph:
    """Return a graph that came without a document (from the wire, a search) if it is valid.

    Raises:
        GraphInvalid: Names the field of the first problem.
    """
    if len(graph.by_id) < len(graph.steps):  # a mapping of steps would hide it
        raise GraphInvalid("two steps have the same id; rename one", field="steps")
    return graph_from_data(dump_graph(graph))


def dump_graph(graph: Graph) -> dict[str, object]:
    """Return the graph as a document of plain data, every value written out.

    Steps and edges keep their order; ``graph_from_data`` gives an equal graph back.
    """
    return {
        "leeward": graph.version,
        "name": graph.name,
        "steps": {str(step.id): _step_data(step) for step in graph.steps},
        "edges": [_edge_data(edge) for edge in graph.edges],
    }


def graph_schema() -> dict[str, Any]:
    """Return the JSON schema of graph documents, for editors."""
    return schema_of(GraphShape)


def _graph(document: Document) -> Graph:
    shape = read_shape(document, GraphShape, version=GRAPH_VERSION)
    problems: list[Problem] = []
    steps = tuple(_step(step_id, step, problems) for step_id, step in shape.steps.items())
    edges: list[Edge] = []
    places: list[int] = []
    for position, edge in enumerate(shape.edges):
        written = _edges(edge, position, problems)
        edges.extend(written)
        places.extend([position] * len(written))
        if len(edges) > MAX_EDGES:
            reason = f"makes more than {MAX_EDGES} edges; a graph may not have so many"
            problems.append(Problem(("edges", position), reason))
            break
    document.refuse(problems)
    graph = Graph(shape.name, steps, tuple(edges), shape.leeward)
    document.refuse(
        Problem(_place(problem.path, places), problem.reason) for problem in find_problems(graph)
    )
    return graph


def _place(path: Path, places: list[int]) -> Path:
    """Translate a path that counts the graph's edges to one that counts the document's."""
    if len(path) > 1 and path[0] == "edges" and isinstance(path[1], int):
        return ("edges", places[path[1]], *path[2:])
    return path


def _step(step_id: str, shape: StepShape, problems: list[Problem]) -> Step:
    map_over = None
    if shape.map is not None:
        try:
            source, output = parse_reference(shape.map.over)
            map_over = MapOver(source, output, shape.map.max_items, shape.map.alone)
        except NotationError as failure:
            problems.append(Problem(("steps", step_id, "map", "over"), str(failure)))
    return Step(
        id=StepId(step_id),
        role=shape.role,
        model=None if shape.model is None else ModelName(shape.model),
        samples=shape.samples,
        sampling=_sampling(shape),
        outputs=tuple(_output(name, form) for name, form in shape.outputs.items()),
        map_over=map_over,
        instruction=shape.instruction,
        rule=shape.rule,
        draft=None if shape.draft is None else _draft(shape.draft),
    )


def _draft(shape: DraftShape) -> Draft:
    return Draft(
        model=ModelName(shape.model),
        tokens=shape.tokens,
        at_most=shape.at_most,
        keep_above=shape.keep_above,
        is_always=shape.always,
    )


def _sampling(shape: StepShape) -> Sampling:
    drawn = shape.sampling
    return Sampling(
        temperature=drawn.temperature,
        top_p=drawn.top_p,
        top_k=drawn.top_k,
        min_p=drawn.min_p,
        repeat_penalty=drawn.repeat_penalty,
        seed=drawn.seed,
        max_tokens=shape.max_tokens,
        stop=tuple(drawn.stop),
        grammar=drawn.grammar,
        json_schema=drawn.json_schema,
        logprobs=drawn.logprobs,
    )


def _output(name: str, form: str | list[str]) -> Output:
    if isinstance(form, list):
        return Output(name, "enum", tuple(form))
    return Output(name, "number" if form == "number" else "list")


def _edges(shape: str | EdgeShape, position: int, problems: list[Problem]) -> list[Edge]:
    path: Path = ("edges", position)
    try:
        if isinstance(shape, str):
            return [Edge(source, target) for source, target in parse_edges(shape)]
        source, target = StepId(shape.source), StepId(shape.target)
        if shape.when is None:
            return [Edge(source, target, otherwise=shape.otherwise)]
        path = (*path, "when")
        if shape.otherwise:
            problems.append(Problem(path, "excludes `otherwise`; keep one of them"))
        return [Edge(source, target, when=parse_condition(shape.when))]
    except NotationError as failure:
        problems.append(Problem(path, str(failure)))
        return []


def _step_data(step: Step) -> dict[str, object]:
    drawn = step.sampling
    data: dict[str, object] = {
        "role": step.role.value,
        "model": step.model,
        "samples": step.samples,
        "max_tokens": drawn.max_tokens,
        "sampling": {
            "temperature": float(drawn.temperature),
            "top_p": float(drawn.top_p),
            "top_k": drawn.top_k,
            "min_p": float(drawn.min_p),
            "repeat_penalty": float(drawn.repeat_penalty),
            "seed": drawn.seed,
            "stop": list(drawn.stop),
            "grammar": drawn.grammar,
            "json_schema": drawn.json_schema,
            "logprobs": drawn.logprobs,
        },
        "instruction": step.instruction,
        "outputs": {
            output.name: list(output.values) if output.kind == "enum" else output.kind
            for output in step.outputs
        },
        "map": None,
    }
    if step.map_over is not None:
        over = f"{step.map_over.step}.{step.map_over.output}"
        mapped: dict[str, object] = {"over": over, "max_items": step.map_over.max_items}
        if step.map_over.is_alone:
            mapped["alone"] = True
        data["map"] = mapped
    # Younger fields are written where they are set only: older graphs keep their hashes.
    if step.rule is not None:
        data["rule"] = step.rule.value
    if step.draft is not None:
        data["draft"] = _draft_data(step.draft)
    return data


def _draft_data(draft: Draft) -> dict[str, object]:
    return {
        "model": draft.model,
        "tokens": draft.tokens,
        "at_most": draft.at_most,
        "keep_above": draft.keep_above,
        "always": draft.is_always,
    }


def _edge_data(edge: Edge) -> Mapping[str, object]:
    data: dict[str, object] = {"from": str(edge.source), "to": str(edge.target)}
    if edge.when is not None:
        data["when"] = _condition_text(edge.when)
    if edge.otherwise:
        data["otherwise"] = True
    return data


def _condition_text(condition: Condition) -> str:
    value = condition.value
    # Quotes keep a word such as `1` a word when it is read back.
    written = f'"{value}"' if isinstance(value, str) else repr(float(value))
    return f"{condition.step}.{condition.output} {condition.comparison.value} {written}"
