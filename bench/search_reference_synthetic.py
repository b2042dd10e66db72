"""Tables of graphs whose answers are made up, for tests and to try searches on a second world.

Spaces, questions, labels, prices and the file are the real ones; only what models answer is drawn,
by an item-response model: answers that repeat what was read, votes of those who fuse. Nothing in
them is measured. ``python -m bench.search_reference_synthetic FILE`` writes one.
"""

from __future__ import annotations

import sys
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from optimizer.replay.graph_terms import Term
from optimizer.replay.sensitive_table import edge_twin
from optimizer.replay.table_file import TableData
from reference.models import spec_of
from reference.tabulated.assembling import assemble
from reference.tabulated.documents import MAX_TOKENS, TEMPERATURE
from reference.tabulated.plans import Move, Moves
from reference.tabulated.questions import draw_questions
from reference.tabulated.space import Space, enumerate_space
from reference.tabulated.store import write_table
from reference.tabulated.sweep import NO_CALL, Answered, TableCall
from reference.tabulated.world import label_of, stays, zone_of
from reference.tasks import Question

__all__ = ["POOL", "made_up_table"]

POOL: Final = ("tern-xs", "tern-s", "tern-m", "gannet-s", "gannet-m", "gannet-l")
_PLAIN, _PERSONAL, _RESTRICTED = range(3)
"""Kinds of label: nothing in it, to be redacted, never to leave."""
_WRONG: Final = 5
"""Wrong answers to a question that models fall for."""
_SPREAD: Final = 0.7
"""Of a model's luck on a question, in standard deviations of difficulty."""
_KEEPS: Final = 0.55
"""Chance that a step that reads repeats what it read."""

_Reading = tuple[str, int, bool, tuple[int, ...]]
"""Model, sample, released, and the answers read: what a call follows from."""


def made_up_table(
    pool: Sequence[str] = POOL, *, questions: int = 64, families: Sequence[str] = (), seed: int = 0
) -> TableData:
    """Return a table whose answers are made up.

    Args:
        pool: Reference models.
        questions: How many; a multiple of 32.
        families: Of graphs; the default ones where there are none.
        seed: Another seed makes other answers up.
    """
    space = enumerate_space(pool, families)
    asked = draw_questions(questions)
    moves = _plan(space, asked)
    answered = [_answer(one, moves, seed=seed) for one in asked]
    header = {
        "protocol": 0,
        "built_on": "2026-01-01",
        "fingerprint": {},
        "temperature": TEMPERATURE,
        "max_tokens": MAX_TOKENS,
        "checked": {},
        "counts": space.describe(),
    }
    return assemble(space, moves, asked, answered, header=header)


def _plan(space: Space, questions: Sequence[Question]) -> Moves:
    """Place steps as the planner does, by rule: redact for the cloud, else move to the edge."""
    on_edge = [model for model in space.pool if zone_of(model) == "edge"]
    largest = max(on_edge, key=lambda model: spec_of(model).parameters)
    stand_in = {model: largest for model in space.pool if model not in on_edge}
    places: dict[Move, int] = {}
    ways = tuple(
        tuple(_way(one.term, kind, stand_in, places) for one in space.graphs)
        for kind in (_PLAIN, _PERSONAL, _RESTRICTED)
    )
    kind_of = {label_of(one).names(): _kind(one) for one in questions}
    return Moves(tuple(places), ways, kind_of)


def _kind(question: Question) -> int:
    if stays(label_of(question)):
        return _RESTRICTED
    return _PERSONAL if label_of(question).categories else _PLAIN


def _way(
    term: Term, kind: int, stand_in: Mapping[str, str], places: dict[Move, int]
) -> tuple[int, ...]:
    leaves = bool(stand_in.keys() & term.models.keys())
    if kind == _RESTRICTED and leaves:
        term = edge_twin(term, stand_in)
    released = kind == _PERSONAL and leaves
    found: dict[str, int] = {}
    for step in term.steps:
        inputs = tuple(found[one.key] for one in step.inputs)
        move = Move(step.model, step.role, step.sample, released, inputs)
        found[step.key] = places.setdefault(move, len(places))
    return tuple(found[step.key] for step in term.steps)


@dataclass(frozen=True, slots=True)
class _Chance:
    """Draws that follow from what is asked, whoever asks and in whatever order."""

    text: str

    def share(self, *about: object) -> float:
        """Return a number between 0 and 1."""
        return (zlib.crc32(f"{self.text}/{about}".encode()) + 0.5) / 2**32

    def normal(self, *about: object) -> float:
        """Return a number about 0, of spread 1 (a logistic in place of a normal)."""
        share = self.share(*about)
        return float(np.log(share / (1 - share))) * 0.55


def _answer(question: Question, moves: Moves, *, seed: int) -> Answered:
    kind = moves.kind_of[label_of(question).names()]
    chance = _Chance(f"{seed}/{question.id}")
    call_of = np.full(len(moves.moves), NO_CALL, dtype=np.uint16)
    numbers: dict[_Reading, int] = {}
    calls: list[TableCall] = []
    answers: list[int] = []
    for place in moves.used(kind):
        move = moves.moves[place]
        read = tuple(sorted(answers[call_of[one]] for one in move.inputs))
        reading = (move.model, move.sample, move.is_released, read)
        if reading not in numbers:
            numbers[reading] = len(calls)
            answers.append(_given(reading, question, chance))
            calls.append(_call(reading, question, chance, answer=answers[-1]))
        call_of[place] = numbers[reading]
    return Answered(kind, tuple(calls), call_of)


def _given(reading: _Reading, question: Question, chance: _Chance) -> int:
    """Return an answer by number, 0 being the right one."""
    model, sample, released, read = reading
    if read and chance.share("keeps", reading) < _KEEPS + 0.1 * len(read):
        (most, count), *others = Counter(read).most_common()
        if not others or count > others[0][1]:
            return most
    difficulty = 0.8 * question.level - 1.6 + chance.normal("difficulty")
    ability = float(np.log10(spec_of(model).parameters)) * 1.2 - 7.2
    luck = _SPREAD * chance.normal("luck", model, question.task)
    noise = 0.4 * chance.normal("noise", model, sample) - 0.1 * released
    if 0 in read:
        ability += 0.8
    if ability + luck + noise > difficulty:
        return 0
    return 1 + int(_WRONG * chance.share("wrong", model, sample) ** 2)


def _call(reading: _Reading, question: Question, chance: _Chance, *, answer: int) -> TableCall:
    model, _, _, read = reading
    written = 20 + int(60 * chance.share("written", reading))
    seconds = written * 2e-8 * spec_of(model).parameters ** 0.8 * (0.8 + chance.share("s", reading))
    return TableCall(
        model=model,
        prompt_tokens=40 + 12 * len(read),
        completion_tokens=written,
        latency_us=int(1e6 * seconds) + 1000,
        prompt_chars=len(question.text) + 30 * len(read),
        is_right=answer == 0,
        text_mark=answer,
    )


def main(arguments: Sequence[str]) -> int:
    """Write a table."""
    digest = write_table(Path(arguments[0]), made_up_table(questions=256))
    print(f"{arguments[0]}: {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
