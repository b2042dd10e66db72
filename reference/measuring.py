"""Measure how often a model answers held-out questions exactly right.

Knows questions, formats and a ``generate`` callable; does not know what stands behind it.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from reference.examples import Example, Format, example_of
from reference.proportion import Proportion
from reference.serving import Generate
from reference.tasks import LEVELS, TASKS, is_right, questions

__all__ = ["Measured", "Outcome", "report_examples", "run"]

_FORMAT_SHARES: Final[tuple[tuple[Format, bool, float], ...]] = (
    ("plain", False, 1.0),
    ("plain", True, 0.4),
    ("fuser", False, 0.4),
    ("refine", False, 0.4),
)
"""Format, whether redacted, and how many per plain question."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answered example."""

    task: str
    level: int
    format: Format
    is_redacted: bool
    is_right: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """All outcomes of one model."""

    outcomes: tuple[Outcome, ...]

    def share(self, keep: Callable[[Outcome], bool]) -> Proportion:
        """Count the right ones among the outcomes that ``keep`` accepts."""
        kept = [outcome for outcome in self.outcomes if keep(outcome)]
        return Proportion(sum(outcome.is_right for outcome in kept), len(kept))

    def groups(self) -> dict[str, Proportion]:
        """The shares that the table shows, by name."""

        def plain(outcome: Outcome) -> bool:
            return outcome.format == "plain" and not outcome.is_redacted

        groups = {"plain": self.share(plain)}
        for level in LEVELS:
            groups[f"plain/level-{level}"] = self.share(lambda o: plain(o) and o.level == level)  # noqa: B023
        for task in sorted(TASKS):
            groups[f"plain/{task}"] = self.share(lambda o: plain(o) and o.task == task)  # noqa: B023
            for level in LEVELS:
                groups[f"plain/{task}/level-{level}"] = self.share(
                    lambda o: plain(o) and o.task == task and o.level == level  # noqa: B023
                )
        groups["redacted"] = self.share(lambda o: o.is_redacted)
        groups["fuser"] = self.share(lambda o: o.format == "fuser")
        groups["refine"] = self.share(lambda o: o.format == "refine")
        return groups


def report_examples(count: int, *, seed: int = 0) -> list[tuple[Example, bool]]:
    """Draw examples of the report split, each with whether it is redacted.

    Args:
        count: Number of plain questions; the other formats follow in fixed shares, on the
            same questions.
        seed: Another seed draws other questions.
    """
    rng = random.Random(f"report-examples/{seed}")  # noqa: S311 - data, no secret
    drawn = questions(split="report", count=count, seed=seed)
    personal = [question for question in drawn if question.is_personal]
    chosen: list[tuple[Example, bool]] = []
    for format_name, is_redacted, share in _FORMAT_SHARES:
        pool = [question.redacted for question in personal] if is_redacted else drawn
        some = pool[: round(count * share)]
        chosen += [(example_of(question, format_name, rng), is_redacted) for question in some]
    return chosen


def run(
    generate: Generate,
    examples: Sequence[tuple[Example, bool]],
    tick: Callable[[], None] = lambda: None,
) -> Measured:
    """Answer every example and score it; ``tick`` is called after each."""
    return Measured(tuple(_outcomes(generate, examples, tick)))


def _outcomes(
    generate: Generate, examples: Sequence[tuple[Example, bool]], tick: Callable[[], None]
) -> Iterable[Outcome]:
    for example, is_redacted in examples:
        text = generate(example.messages)
        question = example.question
        yield Outcome(
            task=question.task,
            level=question.level,
            format=example.format,
            is_redacted=is_redacted,
            is_right=is_right(text, question.answer),
        )
        tick()
