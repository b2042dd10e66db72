"""What the rules do that play a step in place of a model: pure functions of what the step reads.

Knows texts; nothing of nodes, labels or calls. Never raises, whatever the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from runtime.executor.outputs import Value, parts_of
from runtime.executor.sums import check_sums
from runtime.executor.voting import final_answer, majority
from runtime.graph.answer_schema import fits_schema
from runtime.graph.rules import Rule

__all__ = ["ABSTAINED", "RuleOutcome", "paragraphs_of", "play_rule"]

_MAX_PARAGRAPHS: Final = 64
ABSTAINED: Final = "No answer: nothing that was found is certain enough. Please ask a person."
_FENCE: Final = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What a rule made of what it read."""

    text: str
    """The answer that it passes on."""
    values: Mapping[str, Value] = field(default_factory=dict)


def play_rule(
    rule: Rule,
    question: str,
    answers: Sequence[str],
    *,
    private: Sequence[bool] = (),
    json_schema: str = "",
) -> RuleOutcome:
    """Apply a rule.

    Args:
        rule: Which.
        question: The last user turn of the request, in the form that the step reads.
        answers: The predecessors' answers, in edge order; for most rules at least one. For
            ``Rule.VOTE`` every answer that they have drawn.
        private: For each paragraph of the question, or part of the answer, whether something
            sensitive stands in it; where their numbers differ, it is taken to stand in all of them.
        json_schema: What ``Rule.SCHEMA`` holds the answer against.
    """
    last = answers[-1] if answers else ""
    match rule:
        case Rule.LAST:
            return RuleOutcome(last)
        case Rule.JOIN:
            return RuleOutcome("\n\n".join(answer.strip() for answer in answers))
        case Rule.AGREEMENT | Rule.VOTE:
            if not answers:  # every step before it was mapped over an empty list
                return RuleOutcome("", {"agreement": 0.0})
            winner, share = majority(answers)
            return RuleOutcome(answers[winner], {"agreement": share})
        case Rule.NUMBERS:
            return RuleOutcome(last, _numbers(question, last))
        case Rule.SCHEMA:
            return RuleOutcome(last, {"verdict": _schema_verdict(last, json_schema)})
        case Rule.PARAGRAPHS:
            return _divided(paragraphs_of(question), private)
        case Rule.SIFT:
            return _divided(parts_of(last), private)
        case Rule.ABSTAIN | Rule.PERSON:  # what remains where no person answers
            return RuleOutcome(ABSTAINED)


def paragraphs_of(text: str) -> list[str]:
    """Return the lines of a text that are not empty; behind the longest list, all in one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    head, tail = lines[: _MAX_PARAGRAPHS - 1], lines[_MAX_PARAGRAPHS - 1 :]
    return [*head, " ".join(tail)] if tail else head


def _numbers(question: str, answer: str) -> dict[str, Value]:
    sums = check_sums(answer)
    wanted = [word.strip(".,;:") for word in final_answer(answer).split()]
    figures = [word for word in wanted if any(char.isdigit() for char in word)]
    known = {*question.casefold().split(), *(result.casefold() for result in sums.results)}
    known = {word.strip(".,;:?!()") for word in known}
    has_basis = all(figure in known for figure in figures)
    if not sums.count and not figures:
        return {"verdict": "unknown", "score": 0.0}
    score = sums.held / sums.count if sums.count else 1.0
    is_right = sums.held == sums.count and has_basis
    return {"verdict": "right" if is_right else "wrong", "score": score if has_basis else 0.0}


def _schema_verdict(answer: str, json_schema: str) -> str:
    fenced = _FENCE.search(answer)
    text = fenced.group(1) if fenced else answer
    try:
        value, schema = json.loads(text), json.loads(json_schema)
        return "right" if fits_schema(value, schema) else "wrong"
    except (ValueError, RecursionError):
        return "wrong"


def _divided(parts: Sequence[str], private: Sequence[bool]) -> RuleOutcome:
    if len(parts) != len(private):
        private = [True] * len(parts)
    marked = list(zip(parts, private, strict=True))
    return RuleOutcome(
        "\n".join(f"- {part}" for part in parts),
        {
            "parts": tuple(parts),
            "open": tuple(part for part, is_private in marked if not is_private),
            "private": tuple(part for part, is_private in marked if is_private),
        },
    )
