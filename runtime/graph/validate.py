"""What must hold between the parts of a graph for it to run at all.

Knows the rules; types and bounds of single values are checked in ``shape``, places in a file are
``document``'s. Rules that need an acyclic graph with known ids are only asked of one.
"""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx

from runtime.documents.document import Problem
from runtime.documents.suggest import did_you_mean, listed
from runtime.graph.answer_schema import schema_problem
from runtime.graph.certain import is_certain_to_run
from runtime.graph.model import (
    ALWAYS_BELOW,
    BUILTIN_OUTPUTS,
    SHARES,
    Comparison,
    Condition,
    Edge,
    Graph,
    Output,
    Step,
)
from runtime.graph.roles import Role
from runtime.graph.rules import RULE_OUTPUTS, RULE_ROLES, VERDICTS, Rule

__all__ = ["RESERVED_GRAPH_NAMES", "find_cycle", "find_problems"]

RESERVED_GRAPH_NAMES = frozenset({"auto"})
"""``leeward/auto`` lets the edge choose, so no graph may be called so."""

_PERCENT = 100
_AGREEING = frozenset({Rule.AGREEMENT, Rule.VOTE})
"""Rules that say how much what they read agrees."""
_ORDER_SIGNS = frozenset({Comparison.LT, Comparison.LE, Comparison.GE, Comparison.GT})


def find_problems(graph: Graph) -> list[Problem]:
    """Return everything that keeps ``graph`` from running; paths count edges as in the graph."""
    problems = [*_name_problems(graph), *_endpoint_problems(graph)]
    if problems:
        return problems
    cycle = find_cycle(graph)
    if cycle:
        position = next(
            index
            for index, edge in enumerate(graph.edges)
            if (edge.source, edge.target) == (cycle[-2], cycle[-1])
        )
        ring = " -> ".join(cycle)
        reason = f"closes the cycle {ring}; a graph may not run in circles: drop one of its edges"
        return [Problem(("edges", position), reason)]
    problems = [
        *_edge_pair_problems(graph),
        *_guard_problems(graph),
        *(problem for step in graph.steps for problem in _step_problems(graph, step)),
    ]
    return problems or list(_sink_problems(graph))  # which often follow from the others


def find_cycle(graph: Graph) -> tuple[str, ...]:
    """Return the steps of one cycle, the first repeated at the end; empty when there is none."""
    directed: nx.DiGraph[str] = nx.DiGraph((edge.source, edge.target) for edge in graph.edges)
    try:
        found = nx.find_cycle(directed)
    except nx.NetworkXNoCycle:
        return ()
    return (*(str(source) for source, _ in found), str(found[0][0]))


def _name_problems(graph: Graph) -> Iterator[Problem]:
    if graph.name in RESERVED_GRAPH_NAMES:
        reason = f'"{graph.name}" is reserved: `leeward/{graph.name}` lets the edge choose'
        yield Problem(("name",), reason)


def _endpoint_problems(graph: Graph) -> Iterator[Problem]:
    known = {str(step.id) for step in graph.steps}
    for position, edge in enumerate(graph.edges):
        for step_id in dict.fromkeys((edge.source, edge.target)):
            if step_id not in known:
                reason = f'"{step_id}" is not a step{did_you_mean(step_id, known)}'
                yield Problem(("edges", position), reason)
        if edge.source == edge.target:
            reason = f'leads from "{edge.source}" to itself; a step may not feed itself'
            yield Problem(("edges", position), reason)


def _edge_pair_problems(graph: Graph) -> Iterator[Problem]:
    """One unguarded edge, or at most one ``when`` and one ``otherwise``, between two steps."""
    kinds: dict[tuple[str, str], set[str]] = {}
    for position, edge in enumerate(graph.edges):
        kind = "when" if edge.when else "otherwise" if edge.otherwise else "always"
        pair = kinds.setdefault((edge.source, edge.target), set())
        if kind in pair:
            reason = f"is a second {edge.source} -> {edge.target} edge of the same kind; keep one"
            yield Problem(("edges", position), reason)
        elif pair and "always" in pair | {kind}:
            reason = (
                f"guards {edge.source} -> {edge.target}, which another edge sends anyway; keep one"
            )
            yield Problem(("edges", position), reason)
        pair.add(kind)


def _guard_problems(graph: Graph) -> Iterator[Problem]:
    for position, edge in enumerate(graph.edges):
        if edge.when is not None:
            yield from _condition_problems(graph, edge, edge.when, position)
        elif edge.otherwise and not any(
            sibling.when is not None for sibling in graph.outgoing[edge.source]
        ):
            reason = f'needs another edge from "{edge.source}" with a `when`'
            yield Problem(("edges", position, "otherwise"), reason)


def _condition_problems(
    graph: Graph, edge: Edge, condition: Condition, position: int
) -> Iterator[Problem]:
    path = ("edges", position, "when")
    if condition.step != edge.source:
        reason = f'must ask about "{edge.source}", where the edge starts, not "{condition.step}"'
        yield Problem(path, reason)
        return
    step = graph.by_id[edge.source]
    declared = {output.name: output for output in step.outputs}
    if condition.output in BUILTIN_OUTPUTS:
        yield from (Problem(path, reason) for reason in _builtin_reasons(step, condition))
    elif condition.output in declared:
        output = declared[condition.output]
        yield from (Problem(path, reason) for reason in _comparison_reasons(output, condition))
    else:
        known = [*declared, *BUILTIN_OUTPUTS]
        hint = did_you_mean(condition.output, known) or f"; it has {listed(known)}"
        yield Problem(path, f'"{edge.source}" has no output "{condition.output}"{hint}')


def _builtin_reasons(step: Step, condition: Condition) -> Iterator[str]:
    if step.rule is not None:
        if condition.output != "agreement" or step.rule not in _AGREEING:
            yield f"a step played by the rule {step.rule.value} has no {condition.output}"
    elif condition.output == "agreement" and step.samples < 2:
        yield f'agreement needs several samples; give "{step.id}" `samples: 3` or more'
    if isinstance(condition.value, str):
        yield f"{condition.output} is a number, so it cannot be compared with a word"
    elif condition.output in SHARES and not 0 <= condition.value <= ALWAYS_BELOW:
        is_percent = 2 <= condition.value <= _PERCENT
        meant = f"; write {condition.value / _PERCENT:g}" if is_percent else ""
        yield f"{condition.output} is between 0 and 1, so {condition.value:g} tells nothing{meant}"


def _comparison_reasons(output: Output, condition: Condition) -> Iterator[str]:
    if output.kind == "list":
        yield f'"{output.name}" is a list, which cannot be compared; use it in `map`'
    elif output.kind == "number" and isinstance(condition.value, str):
        yield f'"{output.name}" is a number, so it cannot be compared with a word'
    elif output.kind == "enum":
        if condition.comparison in _ORDER_SIGNS:
            yield f'"{output.name}" is one of several words; compare it with == or !='
        if condition.value not in output.values:
            yield f'"{output.name}" can only be {listed(output.values)}'


def _step_problems(graph: Graph, step: Step) -> Iterator[Problem]:
    here = ("steps", step.id)
    if step.role is Role.FUSER and not graph.incoming[step.id]:
        yield Problem(here, "is a fuser with nothing to merge; add an edge into it")
    if step.sampling.grammar and step.sampling.json_schema:
        yield Problem((*here, "sampling", "grammar"), "excludes json_schema; keep one of them")
    for output in step.outputs:
        place = (*here, "outputs", output.name)
        if output.name in BUILTIN_OUTPUTS:
            yield Problem(place, "is an output that every step has; choose another name")
        if len(set(output.values)) < len(output.values):
            yield Problem(place, "lists a word twice")
    if step.rule is not None:
        yield from _rule_problems(graph, step, step.rule)
    if step.draft is not None:
        yield from _draft_problems(step)
    yield from _map_problems(graph, step)


def _draft_problems(step: Step) -> Iterator[Problem]:
    """Two models write one text together, token by token: nothing that counts or shapes tokens."""
    here = ("steps", step.id, "draft")
    if step.model is None:
        yield Problem(here, "needs the step's `model`, which has the last word; name it")
    elif step.draft is not None and step.draft.model == step.model:
        yield Problem((*here, "model"), "is the step's own model; name a smaller one of the edge")
    if step.samples > 1 or step.map_over is not None:
        yield Problem(here, "is for one answer; leave out `samples` and `map`")
    if not step.sampling.is_greedy or not step.sampling.is_plain:
        reason = "is for the likeliest text as it comes; leave `sampling` out, but for its seed"
        yield Problem(here, reason)


def _rule_problems(graph: Graph, step: Step, rule: Rule) -> Iterator[Problem]:
    here = ("steps", step.id)
    if step.role not in RULE_ROLES[rule]:
        roles = listed(sorted(role.value for role in RULE_ROLES[rule]))
        yield Problem((*here, "rule"), f"plays {roles} and no {step.role.value}")
    settings = {
        "model": step.model is not None,
        "samples": step.samples > 1,
        "instruction": bool(step.instruction),
        "map": step.map_over is not None,
        "draft": step.draft is not None,
    }
    for field in (name for name, is_set in settings.items() if is_set):
        yield Problem((*here, field), "is for models; a rule plays this step: leave it out")
    if rule is not Rule.PARAGRAPHS and not graph.incoming[step.id]:
        yield Problem(here, f"has no answer that the rule {rule.value} could read; add an edge")
    if rule is Rule.PERSON:
        yield from _person_problems(graph, step)
    for output in step.outputs:
        for reason in _rule_output_reasons(rule, output):
            yield Problem((*here, "outputs", output.name), reason)
    if rule is Rule.SCHEMA:
        yield from _schema_problems(step)


def _schema_problems(step: Step) -> Iterator[Problem]:
    here, schema = ("steps", step.id), step.sampling.json_schema
    if not schema:
        reason = "checks against a schema; give it `sampling: {json_schema: ...}`"
        yield Problem((*here, "rule"), reason)
    elif (problem := schema_problem(schema)) is not None:
        yield Problem((*here, "sampling", "json_schema"), problem)


def _person_problems(graph: Graph, step: Step) -> Iterator[Problem]:
    """What a person wrote, from what they know, is for the caller: no model reads it."""
    behind, waiting = set[str](), [step.id]
    while waiting:
        new = [e.target for e in graph.outgoing[waiting.pop()] if e.target not in behind]
        behind.update(new)
        waiting += new
    for other in graph.steps:
        if other.id in behind and other.rule is None:
            reason = f'is behind "{step.id}", where a person answers: only rules may stand there'
            yield Problem(("steps", other.id), reason)


def _rule_output_reasons(rule: Rule, output: Output) -> Iterator[str]:
    known = RULE_OUTPUTS[rule]
    if output.name not in known:
        hint = listed(sorted(known)) if known else "nothing"
        yield f"is no output of the rule {rule.value}; it has {hint}"
    elif output.kind != known[output.name]:
        yield f"must be declared as {_kind_text(known[output.name])}"
    elif output.kind == "enum" and set(output.values) - set(VERDICTS):
        yield f"can only be {listed(VERDICTS)}"


def _kind_text(kind: str) -> str:
    return f"[{', '.join(VERDICTS)}]" if kind == "enum" else kind


def _map_problems(graph: Graph, step: Step) -> Iterator[Problem]:
    if step.map_over is None:
        return
    place = ("steps", step.id, "map", "over")
    source = graph.by_id.get(step.map_over.step)
    if source is None:
        known = [str(other.id) for other in graph.steps]
        reason = f'"{step.map_over.step}" is not a step{did_you_mean(step.map_over.step, known)}'
        yield Problem(place, reason)
    elif all(edge.source != source.id for edge in graph.incoming[step.id]):
        yield Problem(place, f"needs an edge {source.id} -> {step.id}")
    elif not any(o.name == step.map_over.output and o.kind == "list" for o in source.outputs):
        reason = f'needs "{source.id}" to declare `outputs: {{{step.map_over.output}: list}}`'
        yield Problem(place, reason)


def _sink_problems(graph: Graph) -> Iterator[Problem]:
    sinks = [str(step.id) for step in graph.steps if not graph.outgoing[step.id]]
    if len(sinks) > 1:
        reason = (
            f"must end in one step that gives the answer, but {listed(sinks)} all lead nowhere; "
            "connect them to one last step"
        )
        yield Problem(("steps", sinks[-1]), reason)
    elif not is_certain_to_run(graph, graph.sink.id):
        reason = (
            "gives the answer, yet may be skipped when no edge into it fires; "
            "add an edge without `when`, or an `otherwise` edge"
        )
        yield Problem(("steps", sinks[0]), reason)
