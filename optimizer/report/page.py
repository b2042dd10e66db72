"""Put the page together: one HTML file that needs nothing else, the same bytes for one journal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from optimizer.evaluation.model import Source, Spend
from optimizer.report.agent_part import agent_part
from optimizer.report.anytime import anytime_chart, progress_of
from optimizer.report.front_chart import front_chart
from optimizer.report.graph_drawing import graph_drawing
from optimizer.report.heat_map import heat_map, probabilities_of
from optimizer.report.question_table import question_table
from optimizer.report.style import STYLE
from optimizer.search.model import Space
from optimizer.study.archive import Archive, Measured
from optimizer.study.events import Done, Ended, Event, Failed, Outcome
from optimizer.study.front import Front, front_of
from optimizer.study.model import Study
from optimizer.study.search_cost import AgentCost, agent_cost, total_cost
from optimizer.study.virtual import Virtual
from runtime.catalog.model import Catalog

__all__ = ["ReportSource", "render_page"]

_TITLES = {
    "usd": "money, $",
    "tokens": "tokens",
    "calls": "model calls",
    "executions": "question executions",
    "exposed_questions": "questions that left the edge",
    "flops": "FLOPs",
    "seconds": "seconds",
}


@dataclass(frozen=True, slots=True)
class ReportSource:
    """Everything that a page is made of."""

    study: Study
    space: Space
    catalog: Catalog | None
    events: Sequence[Event]
    archive: Archive
    question_names: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Totals:
    spent: Spend
    agent: AgentCost | None
    trials: int
    cloud_calls: int
    cached: int
    known: int
    virtual: int
    failed: int
    elapsed_s: float | None
    ended: str


def render_page(source: ReportSource) -> str:
    """Return the page."""
    front = front_of(source.archive.measured, source.study.objectives)
    chosen = source.archive.chosen
    name = escape(source.study.name)
    sections = "".join(_sections(source, front, chosen))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{name}: study</title><style>{STYLE}</style></head><body>{sections}</body></html>\n"
    )


def _sections(source: ReportSource, front: Front, chosen: Measured | None) -> Iterator[str]:
    totals = _totals(source.events)
    yield from _head(source, totals, chosen)
    recommended, trials = progress_of(source.events, source.archive)
    name = chosen.name if chosen else None
    yield '<div class="pair"><div><h2>How it got there</h2><figure>'
    yield anytime_chart(recommended, trials)
    yield (
        "<figcaption>Blue: the searcher's recommendation at that time, by what is known of it"
        " now. Grey: every trial.</figcaption></figure></div>"
    )
    yield "<div><h2>The front</h2><figure>"
    yield front_chart(source.archive.measured, front, recommended=name)
    yield (
        "<figcaption>Blue: no other graph is better in every objective, and the constraints"
        " hold on new questions. Red: breaks a constraint. Grey: the rest.</figcaption>"
        "</figure></div></div>"
    )
    if chosen is not None:
        yield f"<h2>The recommended graph, {chosen.name}</h2>"
        yield graph_drawing(source.space.graph(chosen.candidate), source.catalog)
        if source.catalog is not None:
            yield "<p class=soft>Dashed boxes run in the cloud.</p>"
        yield _constraints(source, chosen)
    yield "<h2>Graphs of the front</h2>"
    yield _graph_table(front)
    yield "<h2>What the searcher learnt</h2>"
    yield heat_map(probabilities_of(source.events, source.space.decisions))
    yield "<h2>What the search itself cost</h2>"
    yield _cost_table(source.study, totals)
    yield agent_part(totals.agent)
    yield "<h2>Questions</h2>"
    yield _questions(source, front, chosen)
    yield _foot(source)


def _head(source: ReportSource, totals: _Totals, chosen: Measured | None) -> Iterator[str]:
    study = source.study
    yield f"<header><h1>{escape(study.name)}</h1>"
    yield (
        f'<p class="soft">Searcher {escape(study.searcher.title)}, seed {study.seed},'
        f" {source.archive.header.questions} questions; ended: {escape(totals.ended)}.</p></header>"
    )
    yield '<div class="cards">'
    if chosen is None:
        yield _card("none yet", "recommended; the front shows what was measured")
    else:
        low, high = chosen.interval
        yield _card(
            f"{chosen.accuracy:.1%}",
            f"right, recommended {chosen.name} ({low:.1%} to {high:.1%})",
        )
        yield _card(f"${chosen.values['cost_usd']:.3g}", "a question, recommended graph")
        yield _card(f"{chosen.values['latency_p95_s']:.3g} s", "95th percentile of latency")
        yield _card(f"{chosen.values['cloud_share']:.0%}", "of questions leave the edge")
        yield _card(_bytes(chosen), "bytes of a question leave the edge")
    yield _card(f"{len(source.archive.measured)}", f"graphs in {totals.trials} trials")
    yield _card(f"${totals.spent.usd:.3g}", "spent on the search")
    yield "</div>"


def _constraints(source: ReportSource, chosen: Measured) -> str:
    if not chosen.kept:
        return '<p class="soft">The study has no constraint.</p>'
    rows = []
    for kept in chosen.kept:
        upper = f"{kept.upper:.4g}" if math.isfinite(kept.upper) else "too few questions"
        verdict = "holds" if kept.is_proven else "broken" if kept.is_broken else "unproven"
        rows.append(
            f"<tr><td>{kept.constraint.measure.value}</td><td class=n>{kept.value:.4g}</td>"
            f"<td class=n>{upper}</td><td class=n>{kept.constraint.limit:g}</td>"
            f"<td>{verdict}</td></tr>"
        )
    return (
        "<table><thead><tr><th>constraint</th><th class=n>measured</th><th class=n>on new"
        f" questions, at most ({source.study.confidence:.0%})</th><th class=n>allowed</th>"
        f"<th></th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _graph_table(front: Front) -> str:
    if not front.members:
        return (
            f'<p class="none">No graph is on it: {front.broken} broke a constraint,'
            f" {front.unproven} kept them so far without proof.</p>"
        )
    rows = [
        f"<tr><td>{one.name}{_free(one)}</td><td class=n>{one.accuracy:.1%}</td>"
        f"<td class=n>{one.interval[0]:.1%} to {one.interval[1]:.1%}</td>"
        f"<td class=n>${one.values['cost_usd']:.3g}</td>"
        f"<td class=n>{one.values['latency_p95_s']:.3g}</td>"
        f"<td class=n>{one.values['cloud_share']:.0%}</td><td class=n>{_bytes(one)}</td>"
        f"<td class=key>{escape(str(one.candidate.key))}</td></tr>"
        for one in front.members
    ]
    return (
        '<div class="scroll"><table><thead><tr><th>graph</th><th class=n>right</th>'
        "<th class=n>interval</th><th class=n>cost</th><th class=n>p95 s</th><th class=n>cloud"
        "</th><th class=n>bytes out</th><th>made of</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        f'<p class="soft">Hypervolume {front.hypervolume:.3f}; left out: {front.unproven}'
        f" unproven, {front.broken} broke a constraint, {front.too_few} asked too few questions."
        "</p>"
    )


def _bytes(one: Measured) -> str:
    """Write the mean bytes that leave; a record may not know them."""
    sent = one.values["egress_bytes"]
    return "unknown" if math.isnan(sent) else f"{sent:,.0f}"


def _free(one: Measured) -> str:
    if not one.virtual:
        return ""
    is_all = one.virtual == len(one.outcomes.questions)
    return " (free)" if is_all else f" ({one.virtual} questions free)"


def _cost_table(study: Study, totals: _Totals) -> str:
    spent = totals.spent
    amounts: dict[str, float | None] = {
        "usd": spent.usd,
        "executions": spent.executions,
        "calls": spent.calls,
        "tokens": spent.tokens,
        "exposed_questions": len(spent.exposed),
        "flops": spent.flops,
        "seconds": totals.elapsed_s,
    }
    rows = []
    for name, amount in amounts.items():
        cap = getattr(study.caps, name)
        if amount is None:
            continue
        capped = "no cap" if cap is None else f"{cap:,.6g}"
        rows.append(
            f"<tr><td>{_TITLES[name]}</td><td class=n>{amount:,.6g}</td>"
            f"<td class=n>{capped}</td></tr>"
        )
    if spent.judge.calls:
        had = f"{spent.judge.calls:,} calls, {spent.judge.tokens:,} tokens, ${spent.judge.usd:,.6g}"
        rows.append(f"<tr><td>of it the judge's</td><td class=n>{had}</td><td></td></tr>")
    return (
        "<table><thead><tr><th></th><th class=n>spent</th><th class=n>cap</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
        f'<p class="soft">{totals.trials} graph evaluations; of the model calls'
        f" {totals.cloud_calls:,} left the edge. {totals.cached:,} outcomes were another study's"
        f" and {totals.known:,} this study's own from before, both free. {totals.virtual:,} more"
        " were scored, free as well, from calls made for other graphs (virtual trials; no graph"
        f" evaluation, no question execution, no call). {totals.failed:,}"
        " attempts failed; they are charged their worst case and count as no answer.</p>"
    )


def _questions(source: ReportSource, front: Front, chosen: Measured | None) -> str:
    graphs = list(front.members)
    if chosen is not None:
        graphs = [chosen, *(one for one in graphs if one.number != chosen.number)]
    table = question_table(graphs or source.archive.measured, source.question_names)
    return (
        '<details open><summary>By question, hardest first</summary><p class="soft">'
        f"Underlined: content left the edge.</p>{table}</details>"
    )


def _foot(source: ReportSource) -> str:
    return (
        '<p class="soft">Intervals are Clopper-Pearson. A constraint holds when its one-sided'
        f" bound at {source.study.confidence:.0%} does. Numbers are of the questions that were"
        " searched on; the best of many graphs looks better there than it is elsewhere. Study"
        f" {source.study.hash[:12]}.</p>"
    )


def _card(number: str, text: str) -> str:
    return f'<div class="card"><b>{escape(number)}</b><span>{escape(text)}</span></div>'


def _totals(events: Sequence[Event]) -> _Totals:
    outcomes = [event.evaluated for event in events if isinstance(event, Outcome)]
    failures = [event for event in events if isinstance(event, Failed)]
    done = [event for event in events if isinstance(event, Done)]
    ends = [event.reason for event in events if isinstance(event, Ended)]
    spent = total_cost(events)
    return _Totals(
        spent=spent,
        agent=agent_cost(events),
        trials=len(done),
        cloud_calls=spent.cloud_calls,
        cached=sum(one.source is Source.CACHE for one in outcomes),
        known=sum(one.source is Source.KNOWN for one in outcomes),
        virtual=sum(
            len(one.answers)
            for event in events
            if isinstance(event, Virtual)
            for one in event.graphs
        ),
        failed=len(failures),
        elapsed_s=done[-1].elapsed_s if done else None,
        ended=ends[-1] if ends and isinstance(events[-1], Ended) else "not ended",
    )
