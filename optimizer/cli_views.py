"""Show studies to people and to scripts: graphs, fronts, estimates, spends. Knows no command."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from optimizer.evaluation.model import Spend
from optimizer.search.resampling import Resampled
from optimizer.study.archive import Measured
from optimizer.study.compare import Comparison
from optimizer.study.estimate import Estimate
from optimizer.study.front import Front
from optimizer.study.model import Caps, LiveSource
from optimizer.study.scorers import count_scorers
from runtime.cli.output import make_table

__all__ = [
    "amounts_table",
    "comparison_data",
    "comparison_table",
    "egress_line",
    "estimate_data",
    "front_data",
    "measured_data",
    "measured_table",
    "scorers_line",
    "spend_data",
    "spend_line",
    "usd",
]

_WIDE = 110
"""Characters from which on a line has room for what a graph is made of."""
_NOTES = ("bytes out", "free")
_CAP_NAMES = ("executions", "calls", "tokens", "usd", "exposed_questions", "flops")


def usd(amount: float) -> str:
    """Write money so that small amounts stay visible."""
    if amount == 0:
        return "$0"
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.3g}"


def measured_data(one: Measured) -> dict[str, Any]:
    """Return a measured graph as plain data."""
    return {
        "graph": one.name,
        "key": one.candidate.key,
        "questions": len(one.outcomes.questions),
        "virtual_questions": one.virtual,
        "accuracy": one.accuracy,
        "accuracy_interval": list(one.interval),
        "values": {
            str(name): None if math.isnan(value) else value for name, value in one.values.items()
        },
        "constraints": [
            {
                "measure": kept.constraint.measure.value,
                "limit": kept.constraint.limit,
                "value": kept.value,
                "upper_bound": kept.upper if math.isfinite(kept.upper) else None,
                "proven": kept.is_proven,
                "broken": kept.is_broken,
            }
            for kept in one.kept
        ],
        "proven": one.is_proven,
    }


@dataclass(frozen=True, slots=True)
class _MeasuredTable:
    graphs: Sequence[Measured]
    names: Sequence[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the table for the width that there is."""
        headings = ("graph", "right", "interval", "cost", "FLOPs", "p95 s", "cloud", "keeps")
        notes = [_notes(one) for one in self.graphs]
        cells = [(name, *_cells(one)) for name, one in zip(self.names, self.graphs, strict=True)]
        keys = [str(one.candidate.key) for one in self.graphs]
        if options.max_width >= _WIDE:
            more = [
                (heading, column)
                for heading, column in zip(_NOTES, zip(*notes, strict=True), strict=False)
                if any(column)
            ]
            rows = [
                (*row, *(column[place] for _, column in more), key)
                for place, (row, key) in enumerate(zip(cells, keys, strict=True))
            ]
            yield make_table((*headings, *(heading for heading, _ in more), "made of"), rows)
            return
        yield make_table(headings, cells)
        for key in dict.fromkeys(keys):
            place = keys.index(key)
            sent, free = notes[place]
            told = f"; {sent} bytes of a question leave" if sent else ""
            told += f"; scored for nothing on {free}" if free else ""
            yield Text(f"{self.graphs[place].name} is {key}{told}")


def measured_table(
    graphs: Sequence[Measured], *, names: Sequence[str] | None = None
) -> RenderableType:
    """Return graphs as a table, one line each; where that is too wide, what they are is below.

    Args:
        graphs: The lines.
        names: What they are called, instead of their own names.
    """
    return _MeasuredTable(graphs, names or [one.name for one in graphs])


def front_data(front: Front) -> dict[str, Any]:
    """Return a front as plain data."""
    return {
        "objectives": list(front.objectives),
        "graphs": [measured_data(one) for one in front.members],
        "hypervolume": front.hypervolume,
        "left_out": {
            "unproven": front.unproven,
            "broken": front.broken,
            "asked_too_few_questions": front.too_few,
        },
    }


def spend_data(spend: Spend, elapsed_s: float | None = None) -> dict[str, Any]:
    """Return what a search spent as plain data."""
    return {
        "executions": spend.executions,
        "calls": spend.calls,
        "tokens": spend.tokens,
        "usd": spend.usd,
        "exposed_questions": len(spend.exposed),
        "flops": spend.flops,
        **({} if elapsed_s is None else {"seconds": elapsed_s}),
        "judge": asdict(spend.judge),
    }


def spend_line(spend: Spend, caps: Caps) -> str:
    """Return spends and caps in a few words."""
    parts = [
        _of(usd(spend.usd), caps.usd and usd(caps.usd)),
        _of(f"{spend.executions} runs", caps.executions),
        _of(f"{spend.calls} calls", caps.calls),
    ]
    if spend.judge.calls:
        parts.append(f"of it {usd(spend.judge.usd)} and {spend.judge.calls} calls for the judge")
    if spend.exposed or caps.exposed_questions is not None:
        parts.append(_of(f"{len(spend.exposed)} questions exposed", caps.exposed_questions))
    return ", ".join(parts)


def estimate_data(estimate: Estimate, broken: Sequence[str]) -> dict[str, Any]:
    """Return an estimate as plain data."""
    return {
        "combinations": estimate.combinations,
        "graphs": estimate.graphs,
        "questions": estimate.questions,
        "expected": asdict(estimate.expected),
        "worst": asdict(estimate.worst),
        "judge": {
            "expected": asdict(estimate.judge_expected.judge),
            "worst": asdict(estimate.judge_worst.judge),
        },
        "calls_by_model": dict(estimate.calls_by_model),
        "egress_bytes": {"mean": estimate.egress_bytes, "most": estimate.most_egress_bytes},
        "agent": None if estimate.agent is None else asdict(estimate.agent),
        "caps_that_the_worst_case_breaks": list(broken),
    }


def scorers_line(source: LiveSource, estimate: Estimate) -> str:
    """Say which scorers judge how many questions, and what they run or ask."""
    counts = count_scorers(source.tasks)
    text = "scored by " + ", ".join(f"{name} ({count})" for name, count in counts.items())
    if "code" in counts and source.sandbox is not None:
        box = source.sandbox
        text += f"; code runs in namespaces, {box.cpu_s} s of CPU, {box.memory_mib} MiB"
    if "judge" in counts and source.judge is not None:
        judge, likely, worst = source.judge, estimate.judge_expected, estimate.judge_worst
        where = "on the edge" if judge.is_edge else "OUTSIDE the edge, unlabelled questions only"
        text += (
            f"; the judge is {judge.model}, {where}: {likely.calls:,} calls and"
            f" {usd(likely.usd)} expected, {worst.calls:,} and {usd(worst.usd)} at worst,"
            " in the amounts below"
        )
    return text


def egress_line(mean: float, most: float) -> str:
    """Say how much content of a question graphs send out."""
    return (
        f"of a question {mean:,.0f} bytes leave the edge on average over the graphs,"
        f" {most:,.0f} with the one that sends most"
    )


def amounts_table(estimate: Estimate, caps: Caps) -> Table:
    """Return expected and worst amounts against the caps."""
    rows = []
    for name in (*_CAP_NAMES, "seconds"):
        cap = getattr(caps, name)
        expected = _amount(name, getattr(estimate.expected, name))
        worst = _amount(name, getattr(estimate.worst, name))
        rows.append((name, expected, worst, "no cap" if cap is None else _amount(name, cap)))
    return make_table(("", "expected", "at worst", "cap"), rows)


def comparison_data(found: Comparison) -> dict[str, Any]:
    """Return a comparison as plain data."""
    return asdict(found)


def comparison_table(found: Comparison) -> Table:
    """Return the differences of two graphs."""
    rows = [
        _difference("accuracy", found.accuracy),
        _difference("cost, $ per question", found.cost_usd),
        _difference("latency, s", found.latency_s),
        _difference("share that leaves", found.cloud_share),
    ]
    if found.egress_bytes is not None:
        rows.append(_difference("bytes that leave", found.egress_bytes))
    return make_table(("B minus A", "mean", "95 % interval", ""), rows)


def _cells(one: Measured) -> Sequence[str]:
    low, high = one.interval
    keeps = "yes" if one.is_proven else "unproven" if one.is_possible else "no"
    return (
        f"{one.accuracy:.1%} of {len(one.outcomes.questions)}",
        f"{low:.1%} to {high:.1%}",
        usd(one.values["cost_usd"]),
        f"{one.values['flops']:.3g}",
        f"{one.values['latency_p95_s']:.3g}",
        f"{one.values['cloud_share']:.0%}",
        keeps if one.kept else "-",
    )


def _notes(one: Measured) -> tuple[str, str]:
    """Say how much leaves, and on which of its questions it was scored from others' calls.

    Nothing where it is not known, and where there are none.
    """
    sent = one.values["egress_bytes"]
    return (
        "" if math.isnan(sent) else f"{sent:,.0f}",
        f"{one.virtual} of {len(one.outcomes.questions)}" if one.virtual else "",
    )


def _difference(name: str, found: Resampled) -> tuple[str, str, str, str]:
    verdict = "clear" if found.is_clear else "may be chance"
    if found.low == found.high == 0.0:
        verdict = "none"
    return (name, f"{found.mean:+.4g}", f"{found.low:+.4g} to {found.high:+.4g}", verdict)


def _of(amount: str, cap: Mapping[str, object] | float | str | None) -> str:
    return amount if cap is None else f"{amount} of {cap}"


def _amount(name: str, amount: float | None) -> str:
    if amount is None:
        return "unknown (no measured speeds)"
    if name == "usd":
        return usd(amount)
    if name == "seconds":
        return _duration(amount)
    return f"{amount:.3g}" if name == "flops" else f"{amount:,.0f}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
