"""Collaboration graphs as canonical terms: text such as ``fuser@b(assistant@a#0,assistant@a#1)``.

A term is a step with what it reads; equal terms inside one graph are one step that several
others read, so ``#`` numbers the samples that tell steps without predecessors apart. Knows
neither runtime graphs (``documents``) nor which graphs are worth tabulating (``space``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations, product
from typing import Final, Literal

__all__ = ["RoleName", "Term", "TermInvalid", "canonical", "parse_term"]

RoleName = Literal["assistant", "fuser"]

_HEAD: Final = re.compile(r"(assistant|fuser)@([a-z0-9][a-z0-9._-]*)")
_SAMPLE: Final = re.compile(r"#(0|[1-9][0-9]*)")


class TermInvalid(ValueError):
    """A text is no term, or a term is no graph of this benchmark; says why."""


@dataclass(frozen=True)
class Term:
    """A step, and the steps that it reads in the order in which it reads them.

    An ``assistant`` that reads nothing answers, one that reads one answer refines it; a
    ``fuser`` merges two or more.

    Raises:
        TermInvalid: The role does not fit the number of inputs, or two inputs are the same.
    """

    role: RoleName
    model: str
    sample: int = 0
    """Tells steps without inputs apart; 0 for every other step."""
    inputs: tuple[Term, ...] = ()

    def __post_init__(self) -> None:
        if (self.role == "fuser") != (len(self.inputs) > 1):
            raise TermInvalid(f"{self.role} does not read {len(self.inputs)} answers")
        if self.inputs and self.sample:
            raise TermInvalid("only a step that reads nothing is drawn several times")
        if len({term.key for term in self.inputs}) < len(self.inputs):
            raise TermInvalid("a step reads the same answer twice")

    @cached_property
    def key(self) -> str:
        """The term as text, inputs in their order."""
        if not self.inputs:
            return f"{self.role}@{self.model}#{self.sample}"
        return f"{self.role}@{self.model}({','.join(term.key for term in self.inputs)})"

    @cached_property
    def steps(self) -> tuple[Term, ...]:
        """Every step once, inputs before their readers; the sink is last."""
        found: dict[str, Term] = {}
        for term in self.inputs:
            for step in term.steps:
                found.setdefault(step.key, step)
        found.setdefault(self.key, self)
        return tuple(found.values())

    @property
    def depth(self) -> int:
        """Steps on the longest way from a source to the sink."""
        return 1 + max((term.depth for term in self.inputs), default=0)

    @property
    def width(self) -> int:
        """Steps that read nothing."""
        return sum(not step.inputs for step in self.steps)

    @property
    def in_degree(self) -> int:
        """The most answers that any step reads."""
        return max(len(step.inputs) for step in self.steps)

    @property
    def edges(self) -> int:
        """How many answers are read in all."""
        return sum(len(step.inputs) for step in self.steps)

    @property
    def models(self) -> dict[str, int]:
        """How many steps each model plays, by name in order."""
        played = [step.model for step in self.steps]
        return {name: played.count(name) for name in sorted(set(played))}


def canonical(term: Term) -> Term:
    """Return the one term that stands for all graphs that are ``term`` up to names and order.

    A fuser's inputs are in the order of their keys, and samples are numbered from 0 for each
    model; of all numberings the one with the smallest key is taken.

    Raises:
        TermInvalid: Two steps differ only in the order of what they read, so they are one step,
            which a third one reads twice.
    """
    return min(
        (_renumbered(term, numbering) for numbering in _numberings(term)),
        key=lambda candidate: candidate.key,
    )


def parse_term(text: str) -> Term:
    """Read a term.

    Raises:
        TermInvalid: The text is not a term.
    """
    term, rest = _parse(text)
    if rest:
        raise TermInvalid(f"unexpected {rest[:20]!r} behind the term")
    return term


def _numberings(term: Term) -> Iterator[Mapping[tuple[str, int], int]]:
    """Every way to number each model's samples from 0."""
    samples: dict[str, list[int]] = {}
    for step in term.steps:
        if not step.inputs:
            samples.setdefault(step.model, []).append(step.sample)
    models = sorted(samples)
    for orders in product(*(permutations(range(len(samples[model]))) for model in models)):
        yield {
            (model, sample): number
            for model, order in zip(models, orders, strict=True)
            for sample, number in zip(samples[model], order, strict=True)
        }


def _renumbered(term: Term, numbering: Mapping[tuple[str, int], int]) -> Term:
    if not term.inputs:
        return Term(term.role, term.model, numbering[term.model, term.sample])
    inputs = sorted((_renumbered(one, numbering) for one in term.inputs), key=lambda one: one.key)
    return Term(term.role, term.model, inputs=tuple(inputs))


def _parse(text: str) -> tuple[Term, str]:
    head = _HEAD.match(text)
    if head is None:
        raise TermInvalid(f"expected role@model at {text[:20]!r}")
    role: RoleName = "fuser" if head.group(1) == "fuser" else "assistant"
    model, rest = head.group(2), text[head.end() :]
    if (sample := _SAMPLE.match(rest)) is not None:
        return Term(role, model, int(sample.group(1))), rest[sample.end() :]
    if not rest.startswith("("):
        raise TermInvalid(f"expected a sample or inputs at {rest[:20]!r}")
    inputs: list[Term] = []
    while not inputs or rest.startswith(","):
        one, rest = _parse(rest[1:])
        inputs.append(one)
    if not rest.startswith(")"):
        raise TermInvalid(f"expected , or ) at {rest[:20]!r}")
    return Term(role, model, inputs=tuple(inputs)), rest[1:]
