"""The effects and the table's own facts as Markdown, and their place in the README."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from optimizer.replay.graph_table import GraphTable
from reference.tabulated.diversity import Diversity
from reference.tabulated.effects import Effects, Redaction, TaskBest, Team
from reference.tabulated.shapes import Peak, Shape
from reference.tabulated.statistics import Difference, Share
from reference.tabulated.truth import Measures, halves, named_caps, optimum
from reference.tasks import Split

__all__ = ["README", "effects_text", "facts_text", "truth_text", "with_section"]

README: Final = Path(__file__).parent / "README.md"

_HOW: Final = (
    "Chosen on the search half, measured on the report half. 95 % intervals: Wilson's for shares, "
    "paired bootstrap over the questions for differences (in points), each for itself, not "
    "corrected for their number. **Bold** differences keep off 0."
)
_TEAM_TITLES: Final = ("task", "one call of", "right", "best team", "right", "difference", "FLOPs")
_DIVERSITY_HOW: Final = (
    "One greedy answer and further ones drawn at temperature 0.8, on the questions of both halves. "
    "`any right` is what choosing perfectly among them would reach."
)
_DIVERSITY_TITLES: Final = (
    *("model", "answers", "greedy right", "drawn right"),
    *("different texts", "right and wrong", "any right"),
)
_NOTHING: Final = "The table has no such graphs."


def with_section(readme: str, name: str, text: str) -> str:
    """Return the README with a section between its markers replaced.

    Raises:
        ValueError: The README has lost the markers.
    """
    begin, end = f"<!-- {name}: written by command -->", f"<!-- {name}: end -->"
    before, found, rest = readme.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"README.md has lost its {name} markers")
    return f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}"


def facts_text(table: GraphTable) -> str:
    """Tell what the table holds and how it was made."""
    header, half = table.header, len(table.columns(split="report"))
    checked, made_on = header["checked"], header["fingerprint"]
    out = table.exposed
    facts = (
        (
            f"{len(table.graphs):,} graphs over {', '.join(table.pool)}; {len(table.questions)} "
            f"questions, {half} of them of the report half; {table.call_count:,} distinct calls."
        ),
        (
            f"Built on {header['built_on']}. The executor ran {checked['compared']:,} random pairs "
            f"of graph and question: the same answer in {checked['same_text']:,}, the same tokens, "
            f"cost, exposure and released spans in {checked['same_account']:,}."
        ),
        (
            f"One unit of FLOPs is {table.unit_flops / 1e6:,.1f} million: the mean single call of "
            f"the smallest model."
        ),
        (
            f"Refused by the planner: {table.refused.mean():.1%} of all pairs. Left the edge: "
            f"{out.mean():.1%}, after a release in {(table.released & out).mean():.1%}."
        ),
        (
            f"Fingerprint: {made_on['cpu']}, llama-cpp-python {made_on['llama_cpp_python']}, "
            f"libraries {made_on['llama_libraries_sha256'][:12]}."
        ),
    )
    counts = header["counts"]
    titles = ("single model", "right, search", "right, report", "units", "latency, ms", "USD/1000")
    lines = [
        *(f"* {fact}" for fact in facts),
        "",
        *_grid(("family", "graphs"), ((one, f"{counts[one]:,}") for one in header["families"])),
        "",
        *_grid(titles, (_single(table, model) for model in table.pool)),
    ]
    return "\n".join(lines)


def truth_text(table: GraphTable) -> str:
    """Tell the true optimum per constraint set and half."""
    measures = halves(table)
    rows = []
    for name, caps in named_caps(table).items():
        for split, measured in measures.items():
            found = optimum(table, measured, caps)
            if found is not None:
                rows.append(
                    (
                        name,
                        split,
                        f"{found.accuracy:.1%}",
                        f"`{found.key}`",
                        _at(measures, _other(split), found.graph),
                        f"{found.feasible:,}",
                        f"{found.equally_good:,}",
                    )
                )
    titles = ("caps", "half", "right", "graph", "the same on the other half", "feasible", "as good")
    return "\n".join(_grid(titles, rows))


def effects_text(effects: Effects) -> str:
    """Tell every effect, those that do not show too."""
    lines = [
        *(_HOW, "", "![accuracy and FLOPs](plots/frontier.svg)", ""),
        *("### Several smaller models against one larger, at no more FLOPs", ""),
        *_grid(_TEAM_TITLES, map(_team, effects.teams)),
        *("", _teams_told(effects.teams), ""),
        *("### Width and depth of one model", "", "![width and depth](plots/shapes.svg)", ""),
        *_grid(
            ("task", "model", "axis", "best", "over the first", "over the last"),
            (_peak(one) for one in effects.peaks if one.task == "all" or one.is_inside),
        ),
        *("", _peaks_told(effects.peaks), ""),
        *_grid(
            ("all tasks: model", "width", "depth", "right", "over its single answer"),
            (_shape(one) for one in effects.shapes if one.task == "all"),
        ),
        *("", "### Does the best graph differ between tasks?", ""),
        *(f"Best over all tasks: `{effects.general}`.", ""),
        *_grid(
            ("task", "its own best graph", "right", "over the general one"),
            map(_task_best, effects.task_bests),
        ),
        *("", "### How different are several answers of one model?", "", _DIVERSITY_HOW, ""),
        *_grid(_DIVERSITY_TITLES, map(_diversity, effects.diversities)),
        *("", "### What privacy costs", ""),
        *_grid(
            ("edge model alone", "right, as asked", "right, redacted", "difference"),
            map(_redaction, effects.redactions),
        ),
        *("", _edge_told(effects.edge_only)),
    ]
    return "\n".join(lines)


def _single(table: GraphTable, model: str) -> tuple[str, ...]:
    graph = table.index[f"assistant@{model}#0"]
    return (
        model,
        *(
            f"{table.right[graph, table.columns(split=split)].mean():.1%}"
            for split in ("search", "report")
        ),
        f"{table.units[graph].mean():.2f}",
        f"{1000 * table.latency_s[graph].mean():.1f}",
        f"{1000 * table.cost_usd[graph].mean():.4f}",
    )


def _at(measures: Mapping[Split, Measures], split: Split, graph: int) -> str:
    return f"{measures[split].accuracy[graph]:.1%}"


def _other(split: Split) -> Split:
    return "search" if split == "report" else "report"


def _team(one: Team) -> tuple[str, ...]:
    return (
        one.task,
        one.large,
        _share(one.large_accuracy),
        f"`{one.team}`",
        _share(one.team_accuracy),
        _difference(one.difference),
        f"{one.flops_ratio:.0%}",
    )


def _teams_told(teams: Sequence[Team]) -> str:
    single = [one for one in teams if one.task != "all"]
    won = [one for one in single if one.difference.low > 0]
    lost = [one for one in single if one.difference.high < 0]
    return (
        f"Of {len(single)} comparisons on single tasks the team is better beyond doubt in "
        f"{_named(won)}, worse in {_named(lost)}; the others show no difference."
    )


def _named(teams: Sequence[Team]) -> str:
    if not teams:
        return "none"
    return f"{len(teams)} ({', '.join(f'{one.task} against {one.large}' for one in teams)})"


def _peak(one: Peak) -> tuple[str, ...]:
    return (
        one.task,
        one.model,
        f"{one.axis} {one.first} to {one.last}",
        f"{one.best}",
        _difference(one.over_first),
        _difference(one.over_last),
    )


def _peaks_told(peaks: Sequence[Peak]) -> str:
    interior = [one for one in peaks if one.is_interior]
    inside = [one for one in peaks if one.is_inside]
    best = {(one.task, one.model, one.axis): one.best for one in peaks}
    changed = [
        (task, model)
        for (task, model, axis), size in best.items()
        if axis == "depth" and best.get((task, model, "depth at width 2"), size + 1) != size + 1
    ]
    named = "; ".join(f"{one.task}, {one.model}, {one.axis} {one.best}" for one in interior)
    return (
        f"On the search half the best size is inside the axis in {len(inside)} of {len(peaks)} "
        f"cases; better than both ends beyond doubt on the report half in {len(interior)}"
        f"{f' ({named})' if named else ''}. Merging two answers takes a step, so with two the same "
        f"amount of refining is one step deeper; the best amount differs in {len(changed)} of "
        f"{len(best) // 3} cases of task and model (a best depth chosen on the search half is "
        "itself uncertain)."
    )


def _shape(one: Shape) -> tuple[str, ...]:
    return (
        one.model,
        f"{one.width}",
        f"{one.depth}",
        _share(one.accuracy),
        _difference(one.over_single),
    )


def _task_best(one: TaskBest) -> tuple[str, ...]:
    return one.task, f"`{one.key}`", _share(one.accuracy), _difference(one.over_general)


def _redaction(one: Redaction) -> tuple[str, ...]:
    return one.model, _share(one.raw), _share(one.released), _difference(one.difference)


def _diversity(one: Diversity) -> tuple[str, ...]:
    counted = f"{one.sampled:.1%}", f"{one.texts:.2f}"
    return (
        *(one.model, str(one.answers), _share(one.greedy), *counted),
        *(_share(one.mixed), _share(one.any_right)),
    )


def _edge_told(edge_only: Difference | None) -> str:
    if edge_only is None:
        return "The best graph never leaves the edge, or every graph does: nothing to compare."
    return (
        "The best graph that never leaves the edge against the best of all: "
        f"{_difference(edge_only)}. Restricted questions stay on the edge whatever the graph says."
    )


def _share(share: Share) -> str:
    return f"{share.mean:.1%} ({100 * share.low:.0f}-{100 * share.high:.0f})"


def _difference(one: Difference) -> str:
    text = f"{100 * one.mean:+.1f} ({100 * one.low:+.1f} to {100 * one.high:+.1f})"
    return f"**{text}**" if one.is_shown else text


def _grid(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    written = [f"| {' | '.join(row)} |" for row in rows]
    if not written:
        return [_NOTHING]
    return [f"| {' | '.join(titles)} |", f"|{' --- |' * len(titles)}", *written]
