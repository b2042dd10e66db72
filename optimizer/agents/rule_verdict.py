"""How the rule agent judges the last graph, and what that does to the probabilities (rule R4).

Edges of the last graph that helped are raised, from the sink outward; those of a bad graph are
lowered. How far depends on how sure the measurement is.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from optimizer.agents.labels import Labels
from optimizer.agents.model import (
    Ground,
    ProbabilityChange,
    RevisionBrief,
    Scored,
    edge_present,
)
from optimizer.search.model import Space

__all__ = [
    "Verdict",
    "changed_table",
    "distances_from_sink",
    "edge_ends",
    "is_idle",
    "judge",
    "probability_changes",
    "varies_little",
]

_LEAST_CHANGE: Final = 0.001
"""Smaller changes are not worth a line in a record."""
_UNREACHED: Final = 99


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the last graph was worth."""

    weight: float
    """From -1 (certainly bad) over 0 (no telling) to 1 (certainly good)."""
    reason: str


def judge(brief: RevisionBrief) -> Verdict:
    """Compare the last graph with what came before it, and with the caps."""
    last = brief.last
    broken = last.broken_caps(brief.ground.caps)
    if broken:
        names = " and ".join(cap.measure.value for cap in broken)
        return Verdict(-1.0, f"the last graph breaks the cap on {names}")
    if not brief.history:
        return Verdict(0.0, "the first graph has nothing to be compared with")
    total = sum(item.questions for item in brief.history)
    usual = sum(item.accuracy.value * item.questions for item in brief.history) / total
    gain = last.accuracy.value - usual
    doubt = (last.accuracy.high - last.accuracy.low) / 2
    if gain == 0:
        return Verdict(0.0, "the last graph did as well as those before it")
    how = "better" if gain > 0 else "worse"
    reason = f"the last graph did {abs(gain) * 100:.1f} points {how} than those before it"
    return Verdict(gain / (abs(gain) + doubt), reason)


def probability_changes(
    brief: RevisionBrief, verdict: Verdict, *, rate: float, space: Space
) -> tuple[ProbabilityChange, ...]:
    """Return what the verdict does to the options that the last graph used, from the sink out.

    A decision about a step that was not part of the graph has no share in the verdict.
    """
    ground = brief.ground
    labels = Labels(ground)
    distances = distances_from_sink(ground, brief.last.choices)
    found: list[tuple[int, ProbabilityChange]] = []
    for index, option in enumerate(brief.last.choices):
        distance = distances[index]
        others = [other for other in ground.allowed(index) if other != option]
        if distance is None or not others or is_idle(space, brief.last.choices, index, others[0]):
            continue
        before = brief.table[index][option]
        step = rate * abs(verdict.weight) / (1 + distance)
        after = before + step * (1 - before) if verdict.weight > 0 else before * (1 - step)
        if abs(after - before) >= _LEAST_CHANGE:
            where = _where(labels.decisions[index], labels.options[index][option], distance)
            verb = "raised" if after > before else "lowered"
            reason = f"{where} is {verb}, as {verdict.reason}"
            found.append((distance, ProbabilityChange(index, option, after, reason)))
    return tuple(change for _, change in sorted(found, key=lambda item: item[0]))


def is_idle(space: Space, choices: tuple[int, ...], index: int, other: int) -> bool:
    """Whether a decision changes nothing: another option makes the same graph."""
    changed = (*choices[:index], other, *choices[index + 1 :])
    return space.candidate(changed).key == space.candidate(choices).key


def changed_table(
    table: tuple[tuple[float, ...], ...], changes: tuple[ProbabilityChange, ...]
) -> tuple[tuple[float, ...], ...]:
    """Return the table after changes, each row brought back to sum 1."""
    rows = list(table)
    for change in changes:
        row = rows[change.decision]
        rest = sum(row) - row[change.option]
        scale = (1 - change.probability) / rest if rest else 0.0
        rows[change.decision] = tuple(
            change.probability if option == change.option else value * scale
            for option, value in enumerate(row)
        )
    return tuple(rows)


def distances_from_sink(ground: Ground, choices: tuple[int, ...]) -> tuple[int | None, ...]:
    """Return for each decision how far from the sink it acts, ``None`` for an absent edge.

    An edge named ``source->target`` is as far as its target is from the sink along the edges that
    are present. Other edges, and decisions that are no edges, count as at the sink.
    """
    ends = edge_ends(ground)
    present = {
        index: ends[index]
        for index, option in enumerate(choices)
        if index in ends and option == edge_present(ground.decisions[index])
    }
    hops = _hops(frozenset(present.values()))
    found: list[int | None] = []
    for index, (decision, option) in enumerate(zip(ground.decisions, choices, strict=True)):
        edge = edge_present(decision)
        if edge is not None and option != edge:
            found.append(None)
        else:
            found.append(hops.get(ends[index][1], _UNREACHED) if index in ends else 0)
    return tuple(found)


def edge_ends(ground: Ground) -> dict[int, tuple[str, str]]:
    """Return source and target of each edge decision that is named ``source->target``."""
    ends: dict[int, tuple[str, str]] = {}
    for index, decision in enumerate(ground.decisions):
        source, arrow, target = decision.name.partition("->")
        if arrow and edge_present(decision) is not None:
            ends[index] = (source.strip(), target.strip())
    return ends


def varies_little(brief: RevisionBrief, *, least: int, spread: float) -> bool:
    """Whether the recent accuracies tell nothing apart, so that exploring pays more."""
    recent: list[Scored] = [*brief.history, brief.last][-least:]
    values = [item.accuracy.value for item in recent]
    return len(recent) >= least and max(values) - min(values) <= spread


def _hops(edges: frozenset[tuple[str, str]]) -> dict[str, int]:
    """Return each step's distance from the sink: the step that edges lead to and none leaves."""
    sources = {source for source, _ in edges}
    waiting = deque(sorted({target for _, target in edges} - sources))
    hops = dict.fromkeys(waiting, 0)
    while waiting:
        step = waiting.popleft()
        for source in sorted(source for source, target in edges if target == step):
            if source not in hops:
                hops[source] = hops[step] + 1
                waiting.append(source)
    return hops


def _where(decision: str, option: str, distance: int) -> str:
    if option == "present":
        return f"{decision}, {distance} from the sink," if distance else f"{decision}, at the sink,"
    return f"{decision} = {option}"
