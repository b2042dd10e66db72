"""``leeward optimizer front``, ``best``, ``show``, ``diff``: what a study found. Spends nothing."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Annotated, Final

import typer
import yaml

from optimizer.cli_agent import agent_data, agent_lines
from optimizer.cli_options import (
    DirectoryOption,
    GraphArgument,
    StudyArgument,
    UnprovenOption,
    opened,
    place_of,
)
from optimizer.cli_views import (
    comparison_data,
    comparison_table,
    front_data,
    measured_data,
    measured_table,
    spend_data,
    spend_line,
)
from optimizer.study.archive import Measured
from optimizer.study.compare import compare
from optimizer.study.front import Front, front_of
from optimizer.study.journal import read_journal
from optimizer.study.model import Caps, Objective
from optimizer.study.search_cost import agent_cost, total_cost
from runtime.cli.output import JsonOption, run_command, show
from runtime.documents.suggest import listed
from runtime.errors import NotFound, RequestInvalid
from runtime.graph.document import dump_graph
from runtime.graph.hash import graph_hash
from runtime.graph.render import render_mermaid, render_text

__all__ = ["best", "diff", "front", "show_graph"]

_OBJECTIVES: Final[Mapping[str, Objective]] = {
    "accuracy": "accuracy",
    "latency_p95_s": "latency_p95_s",
    "cost_usd": "cost_usd",
    "cloud_share": "cloud_share",
    "flops": "flops",
    "egress_bytes": "egress_bytes",
}
_WHERE: Final = re.compile(r"\s*([a-z0-9_]+)\s*(<=|>=|<|>)\s*([0-9.eE+-]+)\s*")
_SIGNS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Drawing(Enum):
    """How a graph is shown."""

    TEXT = "text"
    MERMAID = "mermaid"
    YAML = "yaml"


def front(
    study: StudyArgument,
    *,
    directory: DirectoryOption = None,
    unproven: UnprovenOption = False,
    objectives: Annotated[str, typer.Option(help="Comma-separated, instead of the study's.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show the graphs that no other beats and that keep the constraints on new questions."""

    def work() -> None:
        one = opened(study)
        archive = one.archive(place_of(one, directory))
        wanted = _objectives(objectives) or one.study.objectives
        _check_known(archive.measured, wanted)
        found = front_of(archive.measured, wanted, with_unproven=unproven)
        summary = _left_out(found)
        show(front_data(found), measured_table(found.members), summary, as_json=as_json)

    run_command(work, as_json=as_json)


def best(
    study: StudyArgument,
    *,
    directory: DirectoryOption = None,
    where: Annotated[
        list[str] | None, typer.Option(help='Such as "cost_usd <= 0.001"; several must all hold.')
    ] = None,
    by: Annotated[str, typer.Option(help="Objective to be best in.")] = "accuracy",
    unproven: UnprovenOption = False,
    as_json: JsonOption = False,
) -> None:
    """Pick one graph of the front; ties go to the cheaper, then to the faster."""

    def work() -> None:
        one = opened(study)
        archive = one.archive(place_of(one, directory))
        objective = _objective(by)
        # The best under extra wishes need not be on the study's own front: look at every graph.
        known = tuple(
            name for name in _OBJECTIVES.values() if not _is_unknown(archive.measured, name)
        )
        _check_known(archive.measured, [objective])
        every = front_of(archive.measured, known, with_unproven=unproven)
        tests = [_wish(text) for text in where or ()]
        fitting = [graph for graph in every.members if all(test(graph) for test in tests)]
        if not fitting:
            raise NotFound(f"no graph fits; {_left_out(every)}")
        chosen = min(fitting, key=lambda graph: _rank(graph, objective))
        show(measured_data(chosen), measured_table([chosen]), as_json=as_json)

    run_command(work, as_json=as_json)


def show_graph(
    study: StudyArgument,
    graph: GraphArgument = "recommended",
    *,
    directory: DirectoryOption = None,
    drawing: Annotated[Drawing, typer.Option("--as", help="How to draw it.")] = Drawing.TEXT,
    as_json: JsonOption = False,
) -> None:
    """Draw a graph of the study and say how it did."""

    def work() -> None:
        one = opened(study)
        place = place_of(one, directory)
        found = one.archive(place).find(graph)
        events = read_journal(place.journal)
        spent, agent = total_cost(events), agent_cost(events)
        document = one.space.graph(found.candidate)
        if as_json:
            data = {
                **measured_data(found),
                "hash": graph_hash(document),
                "document": dump_graph(document),
                "searcher": one.study.searcher.title,
                "search_spent": spend_data(spent),
                "search_agent": agent_data(agent),
            }
            show(data, as_json=True)
            return
        if drawing is Drawing.YAML:
            typer.echo(yaml.safe_dump(dump_graph(document), sort_keys=False), nl=False)
            return
        draw = render_mermaid if drawing is Drawing.MERMAID else render_text
        typer.echo(draw(document))
        cost = [
            f"the search cost {spend_line(spent, Caps())}; searcher {one.study.searcher.title}",
            *(agent_lines(agent) if agent else ()),
        ]
        told = "\n".join([_constraints(found), *cost])
        show({}, measured_table([found]), told, as_json=False)

    run_command(work, as_json=as_json)


def diff(
    study: StudyArgument,
    a: Annotated[str, typer.Argument(help="First graph, such as g1.")],
    b: Annotated[str, typer.Argument(help="Second graph, such as g3 or recommended.")],
    *,
    directory: DirectoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two graphs on the questions that both were asked."""

    def work() -> None:
        one = opened(study)
        archive = one.archive(place_of(one, directory))
        first, second = archive.find(a), archive.find(b)
        found = compare(first, second)
        if found is None:
            raise NotFound(f"no question was asked of both {a} and {b}")
        line = (
            f"{found.questions} common questions; only {second.name} right on"
            f" {len(found.only_b_right)}, only {first.name} on {len(found.only_a_right)}"
        )
        table = measured_table([first, second])
        show(comparison_data(found), table, comparison_table(found), line, as_json=as_json)

    run_command(work, as_json=as_json)


def _check_known(measured: Sequence[Measured], objectives: Sequence[Objective]) -> None:
    for name in objectives:
        if _is_unknown(measured, name):
            reason = f"{name} is not known of every graph of this study; leave it out"
            raise RequestInvalid(reason)


def _is_unknown(measured: Sequence[Measured], name: Objective) -> bool:
    return any(math.isnan(one.values[name]) for one in measured)


def _rank(graph: Measured, objective: Objective) -> tuple[float, float, float, int]:
    value = graph.values[objective]
    first = -value if objective == "accuracy" else value
    return (first, graph.values["cost_usd"], graph.values["latency_p95_s"], graph.number)


def _wish(text: str) -> Callable[[Measured], bool]:
    match = _WHERE.fullmatch(text)
    if match is None:
        raise RequestInvalid('must be written as "cost_usd <= 0.001"', field="--where")
    name, sign, number = match.groups()
    objective = _objective(name)
    try:
        limit = float(number)
    except ValueError:
        raise RequestInvalid(f"{number} is not a number", field="--where") from None
    return lambda graph: _SIGNS[sign](graph.values[objective], limit)


def _objectives(text: str) -> tuple[Objective, ...]:
    return tuple(_objective(part.strip()) for part in text.split(",") if part.strip())


def _objective(name: str) -> Objective:
    found = _OBJECTIVES.get(name)
    if found is None:
        raise RequestInvalid(f'"{name}" is not an objective; known: {listed(_OBJECTIVES)}')
    return found


def _left_out(found: Front) -> str:
    reasons = []
    if found.unproven:
        reasons.append(f"{found.unproven} kept the constraints so far, unproven (--unproven)")
    if found.broken:
        reasons.append(f"{found.broken} broke a constraint")
    if found.too_few:
        reasons.append(f"{found.too_few} were asked too few questions")
    left = f"left out: {', '.join(reasons)}" if reasons else "no graph was left out"
    return f"hypervolume {found.hypervolume:.3f}; {left}"


def _constraints(found: Measured) -> str:
    lines = [
        f"{kept.constraint.measure.value} {kept.value:.4g}, on new questions up to"
        f" {kept.upper:.4g}; at most {kept.constraint.limit:g} allowed"
        for kept in found.kept
    ]
    return "\n".join(lines) or "no constraint"
