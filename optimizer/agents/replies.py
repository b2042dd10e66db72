"""Check a reply against its brief, and turn it into plain data; or say why it cannot be used.

What comes out is safe to run: known ids, allowed options, a graph that the space accepts, the
right model counts, and no cap broken by prediction.
"""

import math
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, NoReturn, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from optimizer.agents.facts import vector_ids
from optimizer.agents.failures import Rejected, Rejection, RejectionCode
from optimizer.agents.labels import Labels
from optimizer.agents.model import (
    Aim,
    Ground,
    InitBrief,
    InitReply,
    ProbabilityChange,
    RevisionBrief,
    RevisionReply,
    edge_present,
)
from optimizer.agents.reply_json import read_object
from optimizer.search.model import Candidate, Measure, Space
from runtime.ids import ModelName

__all__ = ["Checks", "Predictor", "count_models", "read_init", "read_revision", "why_not"]

_REASON_CHARS: Final = 300
_REPAIRS: Final = 3


class Predictor(Protocol):
    """Foresees what a graph costs, so that one over a cap is rejected before it is run."""

    def predict(self, candidate: Candidate) -> Mapping[Measure, float]:
        """Return the measures that can be foreseen."""


@dataclass(frozen=True, slots=True)
class Checks:
    """What a proposed graph is checked with."""

    space: Space
    predictor: Predictor | None = None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Init(_Strict):
    picks: list[str]
    reason: str


class _Change(_Strict):
    decision: str
    option: str
    probability: Annotated[float, Field(ge=0.0, le=1.0)]


class _Rewriting(_Strict):
    probabilities: list[_Change]
    reason: str


class _Revision(_Strict):
    edges: list[str]
    choices: dict[str, str]
    probabilities: list[_Change]
    reason: str


_Shape = TypeVar("_Shape", bound=_Strict)


def read_init(text: str, brief: InitBrief, *, author: str) -> InitReply:
    """Return the vectors that a model picked.

    Raises:
        Rejected: The reply cannot be used.
    """
    found = _shaped(text, _Init)
    known = {name: number for number, name in enumerate(vector_ids(brief))}
    picks: list[int] = []
    for place, name in enumerate(found.picks):
        if name not in known:
            _reject(RejectionCode.UNKNOWN_ID, f"/picks/{place}", "no candidate is called so")
        if known[name] in picks:
            _reject(RejectionCode.SCHEMA, f"/picks/{place}", "picked twice")
        picks.append(known[name])
    wanted = min(brief.picks, len(brief.vectors))
    if len(picks) != wanted:
        _reject(RejectionCode.COUNTS, "/picks", f"{len(picks)} picks, {wanted} wanted")
    return InitReply(picks=tuple(picks), reason=_one_line(found.reason), author=author)


def read_revision(
    text: str, brief: RevisionBrief, *, labels: Labels, checks: Checks, author: str
) -> RevisionReply:
    """Return the graph and the probabilities that a model wrote.

    Where it is to write no graph, the reply holds the last one.

    Raises:
        Rejected: The reply cannot be used.
    """
    if not brief.writes_graph:
        rewriting = _shaped(text, _Rewriting)
        changes = _changes(rewriting, brief.ground, labels)
        reason = _one_line(rewriting.reason)
        return RevisionReply(brief.last.choices, changes, reason, author)
    found = _shaped(text, _Revision)
    choices = _choices(found, brief.ground, labels)
    changes = _changes(found, brief.ground, labels)
    rejection = why_not(choices, brief, checks=checks, labels=labels)
    if rejection is not None:
        raise Rejected(rejection)
    return RevisionReply(
        choices=choices, changes=changes, reason=_one_line(found.reason), author=author
    )


def why_not(
    choices: tuple[int, ...], brief: RevisionBrief, *, checks: Checks, labels: Labels
) -> Rejection | None:
    """Say why choices must not be run, or ``None`` when they may."""
    for index, option in enumerate(choices):
        if (index, option) in brief.ground.forbidden:
            return Rejection(
                RejectionCode.FORBIDDEN, labels.decisions[index], "this option is forbidden here"
            )
    if checks.space.refusal(choices) is not None:
        return Rejection(
            RejectionCode.NOT_A_GRAPH,
            detail="no allowed graph: a cycle, or no path to the sink",
            repairs=tuple(_repairs(choices, brief.ground, checks.space, labels)),
        )
    counts = count_models(choices, brief.ground, checks.space)
    if brief.counts is not None and not _fits(counts, brief.counts, brief.ground):
        return Rejection(RejectionCode.COUNTS, detail=_difference(counts, brief.counts, labels))
    return _over_budget(choices, brief.ground, checks)


def count_models(choices: tuple[int, ...], ground: Ground, space: Space) -> tuple[int, ...]:
    """Return how many steps before the sink use each model of the pool; the space allows them."""
    graph = space.graph(space.candidate(choices))
    used = Counter(step.model for step in graph.steps if step is not graph.sink)
    return tuple(used[ModelName(model.name)] for model in ground.pool)


def _fits(counts: tuple[int, ...], wanted: tuple[int, ...], ground: Ground) -> bool:
    """Whether models are used as often as told; where latency counts, less often will do."""
    if Aim.LATENCY in ground.aims:
        return all(count <= most for count, most in zip(counts, wanted, strict=True))
    return counts == wanted


def _shaped(text: str, shape: type[_Shape]) -> _Shape:
    try:
        return shape.model_validate(read_object(text))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        # A field that should not be there is named by the model, not by us: not repeated.
        place = "".join(f"/{part}" for part in first["loc"] if _is_ours(part))
        raise Rejected(Rejection(RejectionCode.SCHEMA, place, first["type"])) from None


def _is_ours(part: int | str) -> bool:
    known = {*_Init.model_fields, *_Revision.model_fields, *_Change.model_fields}
    return isinstance(part, int) or part in known


def _choices(found: _Revision, ground: Ground, labels: Labels) -> tuple[int, ...]:
    present = {
        _known_edge(name, ground, labels, place=f"/edges/{place}")
        for place, name in enumerate(found.edges)
    }
    if len(present) != len(found.edges):
        _reject(RejectionCode.SCHEMA, "/edges", "an edge is listed twice")
    for place, name in enumerate(found.choices):
        index = labels.decision(name)
        if index is None or edge_present(ground.decisions[index]) is not None:
            _reject(RejectionCode.UNKNOWN_ID, f"/choices (entry {place})", "no such choice")
    chosen: list[int] = []
    for index, decision in enumerate(ground.decisions):
        edge = edge_present(decision)
        if edge is not None:
            chosen.append(edge if index in present else decision.options.index("absent"))
        else:
            chosen.append(_chosen_option(found.choices, index, labels))
    return tuple(chosen)


def _known_edge(name: str, ground: Ground, labels: Labels, *, place: str) -> int:
    index = labels.decision(name)
    if index is None or edge_present(ground.decisions[index]) is None:
        _reject(RejectionCode.UNKNOWN_ID, place, "no edge is called so")
    return index


def _chosen_option(choices: Mapping[str, str], index: int, labels: Labels) -> int:
    name = labels.decisions[index]
    if name not in choices:
        _reject(RejectionCode.SCHEMA, f"/choices/{name}", "missing")
    option = labels.option(index, choices[name])
    if option is None:
        _reject(RejectionCode.UNKNOWN_ID, f"/choices/{name}", "no option is called so")
    return option


def _changes(
    found: _Rewriting | _Revision, ground: Ground, labels: Labels
) -> tuple[ProbabilityChange, ...]:
    changes: dict[tuple[int, int], ProbabilityChange] = {}
    for number, change in enumerate(found.probabilities):
        place = f"/probabilities/{number}"
        index = labels.decision(change.decision)
        if index is None:
            _reject(RejectionCode.UNKNOWN_ID, f"{place}/decision", "no decision is called so")
        option = labels.option(index, change.option)
        if option is None:
            _reject(RejectionCode.UNKNOWN_ID, f"{place}/option", "no option is called so")
        if (index, option) in changes:
            _reject(RejectionCode.SCHEMA, place, "changed twice")
        if (index, option) in ground.forbidden and change.probability > 0:
            _reject(RejectionCode.FORBIDDEN, place, "this option is forbidden here")
        changes[index, option] = ProbabilityChange(index, option, change.probability)
    return tuple(changes.values())


def _repairs(
    choices: tuple[int, ...], ground: Ground, space: Space, labels: Labels
) -> Iterator[tuple[str, str]]:
    """Yield the first single changes with which the space would accept the choices."""
    found = 0
    for index in range(len(choices)):
        for option in ground.allowed(index):
            mended = (*choices[:index], option, *choices[index + 1 :])
            if option != choices[index] and space.refusal(mended) is None:
                yield labels.decisions[index], labels.options[index][option]
                found += 1
                if found == _REPAIRS:
                    return


def _difference(counts: tuple[int, ...], wanted: tuple[int, ...], labels: Labels) -> str:
    wrong = [
        f"{name}: {count} used, {goal} wanted"
        for name, count, goal in zip(labels.models, counts, wanted, strict=True)
        if count != goal
    ]
    return "; ".join(wrong)


def _over_budget(choices: tuple[int, ...], ground: Ground, checks: Checks) -> Rejection | None:
    if checks.predictor is None or not ground.caps:
        return None
    predicted = checks.predictor.predict(checks.space.candidate(choices))
    for cap in ground.caps:
        expected = predicted.get(cap.measure)
        # Written so that a prediction that is no number rejects too.
        if expected is not None and not expected <= cap.limit:
            shown = f"{expected:.4g}" if math.isfinite(expected) else "unbounded"
            detail = f"{cap.measure.value}: {shown} predicted, at most {cap.limit:.4g} allowed"
            return Rejection(RejectionCode.OVER_BUDGET, detail=detail)
    return None


def _one_line(text: str) -> str:
    """Return a model's sentence fit for a record: one line, bounded, nothing that steers."""
    kept = "".join(
        " " if unicodedata.category(character) in {"Cc", "Zl", "Zp"} else character
        for character in text[: 4 * _REASON_CHARS]
        if unicodedata.category(character) not in {"Cf", "Cs", "Co", "Cn"}
    )
    return " ".join(kept.split())[:_REASON_CHARS]


def _reject(code: RejectionCode, where: str, detail: str) -> NoReturn:
    raise Rejected(Rejection(code, where, detail))
