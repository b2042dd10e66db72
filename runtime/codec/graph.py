"""The graph document to and from its message.

Checks what a message may hold; whether the graph can run (one sink, no cycle, known names) is
``runtime.graph``'s to say, and :func:`decode_graph` asks it.
"""

from __future__ import annotations

from collections.abc import Sequence

from leeward.v1 import graph_pb2
from runtime.codec import bounds
from runtime.codec.enums import COMPARISONS, OUTPUT_KINDS, ROLES, RULES
from runtime.codec.sampling import MAX_TOKENS, decode_sampling, encode_sampling
from runtime.errors import RequestInvalid
from runtime.graph.document import check_graph
from runtime.graph.model import Condition, Draft, Edge, Graph, MapOver, Output, Step
from runtime.ids import ModelName, StepId
from runtime.ports import Sampling

__all__ = ["decode_graph", "encode_graph"]

_MAX_OUTPUTS = 64
_MAX_SAMPLES = 1_024


def encode_graph(graph: Graph) -> graph_pb2.GraphDocument:
    """Return the message of a graph."""
    return graph_pb2.GraphDocument(
        name=graph.name,
        version=graph.version,
        steps=[_encode_step(step) for step in graph.steps],
        edges=[_encode_edge(edge) for edge in graph.edges],
    )


def decode_graph(message: graph_pb2.GraphDocument, field: str = "graph") -> Graph:
    """Return the graph of a message.

    Raises:
        RequestInvalid: The message holds what no graph document may hold.
        GraphInvalid: The graph cannot run; names the field of the first problem.
    """
    bounds.count(message.steps, f"{field}.steps", at_least=1, at_most=bounds.MAX_STEPS)
    bounds.count(message.edges, f"{field}.edges", at_most=bounds.MAX_EDGES)
    graph = Graph(
        name=bounds.name(message.name, f"{field}.name"),
        steps=tuple(
            _decode_step(step, f"{field}.steps[{place}]")
            for place, step in enumerate(message.steps)
        ),
        edges=tuple(
            _decode_edge(edge, f"{field}.edges[{place}]")
            for place, edge in enumerate(message.edges)
        ),
        version=bounds.name(message.version, f"{field}.version"),
    )
    return check_graph(graph)


def _encode_step(step: Step) -> graph_pb2.Step:
    return graph_pb2.Step(
        id=step.id,
        role=ROLES.encode(step.role),
        model=step.model or "",
        samples=step.samples,
        sampling=encode_sampling(step.sampling) if step.sampling != Sampling() else None,
        outputs=[
            graph_pb2.Output(
                name=output.name, kind=OUTPUT_KINDS.encode(output.kind), values=output.values
            )
            for output in step.outputs
        ],
        map_over=_encode_map(step.map_over) if step.map_over else None,
        instruction=step.instruction,
        rule=RULES.encode(step.rule) if step.rule else None,
        draft=_encode_draft(step.draft) if step.draft else None,
    )


def _decode_step(message: graph_pb2.Step, field: str) -> Step:
    bounds.count(message.outputs, f"{field}.outputs", at_most=_MAX_OUTPUTS)
    model = bounds.optional_name(message.model, f"{field}.model")
    samples = message.samples if message.HasField("samples") else 1
    return Step(
        id=StepId(bounds.name(message.id, f"{field}.id")),
        role=ROLES.decode(message.role, f"{field}.role"),
        model=ModelName(model) if model else None,
        samples=bounds.whole(samples, f"{field}.samples", low=1, high=_MAX_SAMPLES),
        sampling=decode_sampling(message.sampling, f"{field}.sampling"),
        outputs=tuple(
            _decode_output(output, f"{field}.outputs[{place}]")
            for place, output in enumerate(message.outputs)
        ),
        map_over=(
            _decode_map(message.map_over, f"{field}.map_over")
            if message.HasField("map_over")
            else None
        ),
        instruction=bounds.text(message.instruction, f"{field}.instruction"),
        rule=RULES.decode(message.rule, f"{field}.rule") if message.HasField("rule") else None,
        draft=_decode_draft(message.draft, f"{field}.draft") if message.HasField("draft") else None,
    )


def _encode_draft(draft: Draft) -> graph_pb2.Draft:
    return graph_pb2.Draft(
        model=draft.model,
        tokens=draft.tokens,
        at_most=draft.at_most,
        keep_above=draft.keep_above,
        always=draft.is_always,
    )


def _decode_draft(message: graph_pb2.Draft, field: str) -> Draft:
    keep_above = message.keep_above if message.HasField("keep_above") else None
    return Draft(
        model=ModelName(bounds.name(message.model, f"{field}.model")),
        tokens=bounds.whole(message.tokens, f"{field}.tokens", low=1, high=MAX_TOKENS),
        at_most=bounds.whole(message.at_most, f"{field}.at_most", low=1, high=bounds.MAX_RECORDS),
        keep_above=(
            None
            if keep_above is None
            else bounds.number(keep_above, f"{field}.keep_above", low=0.0, high=1.0)
        ),
        is_always=message.always,
    )


def _decode_output(message: graph_pb2.Output, field: str) -> Output:
    bounds.count(message.values, f"{field}.values", at_most=bounds.MAX_STEPS)
    return Output(
        name=bounds.name(message.name, f"{field}.name"),
        kind=OUTPUT_KINDS.decode(message.kind, f"{field}.kind"),
        values=_names(message.values, f"{field}.values"),
    )


def _encode_map(map_over: MapOver) -> graph_pb2.MapOver:
    return graph_pb2.MapOver(
        step=map_over.step,
        output=map_over.output,
        max_items=map_over.max_items,
        alone=map_over.is_alone,
    )


def _decode_map(message: graph_pb2.MapOver, field: str) -> MapOver:
    return MapOver(
        step=StepId(bounds.name(message.step, f"{field}.step")),
        output=bounds.name(message.output, f"{field}.output"),
        max_items=bounds.whole(
            message.max_items, f"{field}.max_items", low=1, high=bounds.MAX_RECORDS
        ),
        is_alone=message.alone,
    )


def _encode_edge(edge: Edge) -> graph_pb2.Edge:
    message = graph_pb2.Edge(source=edge.source, target=edge.target)
    if edge.when is not None:
        message.when.CopyFrom(_encode_condition(edge.when))
    elif edge.otherwise:
        message.otherwise = True
    return message


def _decode_edge(message: graph_pb2.Edge, field: str) -> Edge:
    guard = message.WhichOneof("guard")
    if guard == "otherwise" and not message.otherwise:
        raise RequestInvalid("is only ever true", field=f"{field}.otherwise")
    return Edge(
        source=StepId(bounds.name(message.source, f"{field}.source")),
        target=StepId(bounds.name(message.target, f"{field}.target")),
        when=_decode_condition(message.when, f"{field}.when") if guard == "when" else None,
        otherwise=guard == "otherwise",
    )


def _encode_condition(condition: Condition) -> graph_pb2.Condition:
    message = graph_pb2.Condition(
        step=condition.step,
        output=condition.output,
        comparison=COMPARISONS.encode(condition.comparison),
    )
    if isinstance(condition.value, str):
        message.text = condition.value
    else:
        message.number = condition.value
    return message


def _decode_condition(message: graph_pb2.Condition, field: str) -> Condition:
    return Condition(
        step=StepId(bounds.name(message.step, f"{field}.step")),
        output=bounds.name(message.output, f"{field}.output"),
        comparison=COMPARISONS.decode(message.comparison, f"{field}.comparison"),
        value=_decode_value(message, f"{field}.value"),
    )


def _decode_value(message: graph_pb2.Condition, field: str) -> float | str:
    kind = message.WhichOneof("value")
    if kind is None:
        raise RequestInvalid("must be set", field=field)
    if kind == "text":
        return bounds.name(message.text, field)
    return bounds.number(message.number, field, low=-1e308, high=1e308)


def _names(values: Sequence[str], field: str) -> tuple[str, ...]:
    return tuple(bounds.name(value, f"{field}[{at}]") for at, value in enumerate(values))
