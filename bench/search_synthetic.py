"""Matrices made up by an item-response model, to see whether a method only fits one record.

Every model has an ability, every question a difficulty and a topic; models of a family share part
of their luck; wrong answers fall together as often as told. Nothing in them is measured.
``python -m bench.search_synthetic DIRECTORY`` writes all kinds.
"""

from __future__ import annotations

import gzip
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import yaml

__all__ = ["KINDS", "Kind", "make_matrix", "make_space", "write_kind"]

_WRONG: Final = 12
"""Distinct wrong answers per question."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a made-up record is like."""

    questions: int
    edge: tuple[float, ...]
    """Ability of every edge model, in standard deviations of difficulty."""
    cloud: tuple[float, ...]
    families: int = 4
    """Models take turns; those of a family share luck."""
    shared_luck: float = 0.3
    coincidence: float = 0.3
    """Chance that a wrong answer is the question's most tempting one."""
    topics: int = 1
    topic_spread: float = 0.0
    """How much a model's ability differs between topics."""
    empty: float = 0.0
    """Share of answers that are null."""
    caps: tuple[float, ...] = (0.0, 0.05, 0.1, 0.3)
    thresholds: tuple[float, ...] = (0.3, 0.4, 0.51, 0.67, 0.76, 1.0)
    sensitive: bool = False
    seed: int = 0


KINDS: Final[Mapping[str, Kind]] = {
    "small": Kind(600, (0.2, 0.5, 0.9, 1.0, 1.3), (1.8, 2.2, 2.6), seed=1),
    "correlated": Kind(
        1200,
        (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.2),
        (1.5, 1.9, 2.1, 2.3),
        families=2,
        shared_luck=0.7,
        coincidence=0.55,
        seed=2,
    ),
    "weak-cloud": Kind(
        1000, (0.3, 0.6, 0.7, 0.9, 1.1, 1.2, 1.4), (1.0, 1.3, 1.5, 1.6), empty=0.02, seed=3
    ),
    "tiny": Kind(220, (0.4, 0.7, 0.9, 1.1, 1.2, 1.3), (1.8, 2.0, 2.4, 2.6), seed=4),
    "specialists": Kind(
        1400,
        (0.5, 0.5, 0.6, 0.8, 0.8, 0.9, 1.0, 1.1),
        (1.4, 1.6, 1.9, 2.0, 2.2, 2.2),
        topics=6,
        topic_spread=0.8,
        sensitive=True,
        seed=5,
    ),
    "wide": Kind(
        900,
        (-0.5, 0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 0.9, 1.1, 1.2),
        (1.2, 2.0, 2.5),
        families=5,
        coincidence=0.2,
        seed=6,
    ),
}
"""The last two were held back while the method was tuned."""


def make_matrix(kind: Kind) -> dict[str, object]:
    """Return a matrix of a kind, in the file's form."""
    rng = np.random.default_rng(kind.seed)
    abilities = [*kind.edge, *kind.cloud]
    difficulty = rng.normal(0.0, 1.0, kind.questions)
    topic = rng.integers(kind.topics, size=kind.questions)
    luck = rng.normal(0.0, 1.0, (kind.families, kind.questions))
    gold = rng.integers(100, 1000, kind.questions)
    answers: dict[str, list[int | None]] = {}
    for position, (name, ability) in enumerate(zip(_names(kind), abilities, strict=True)):
        special = rng.normal(0.0, kind.topic_spread, kind.topics)[topic]
        shared = luck[position % kind.families] * math.sqrt(kind.shared_luck)
        own = rng.normal(0.0, 1.0, kind.questions) * math.sqrt(1.0 - kind.shared_luck)
        is_right = ability + special + shared + own > difficulty
        tempting = rng.random(kind.questions) < kind.coincidence
        wrong = np.where(tempting, 1, rng.integers(2, _WRONG, kind.questions))
        given = np.where(is_right, gold, gold + wrong)
        is_empty = rng.random(kind.questions) < kind.empty
        answers[name] = [
            None if skipped else int(one) for one, skipped in zip(given, is_empty, strict=True)
        ]
    return {
        "source": f"synthetic, seed {kind.seed}",
        "question_ids": [f"synthetic-{kind.seed}-{one}" for one in range(kind.questions)],
        "gold": [int(one) for one in gold],
        "answers": answers,
    }


def make_space(name: str, kind: Kind) -> dict[str, object]:
    """Return the space of a kind, in the file's form."""
    names = _names(kind)
    space: dict[str, object] = {
        "leeward": "space/v1",
        "name": name,
        "edge": names[: len(kind.edge)],
        "cloud": names[len(kind.edge) :],
        "thresholds": list(kind.thresholds),
        "caps": list(kind.caps),
        "split": {"hash_modulus": 2},
    }
    if kind.sensitive:
        space["sensitive"] = {"hash_modulus": 5, "remainder": 0}
    return space


def write_kind(name: str, directory: Path) -> tuple[Path, Path]:
    """Write a kind's matrix and space; return their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    data, space = directory / f"{name}.json.gz", directory / f"{name}.yaml"
    text = json.dumps(make_matrix(KINDS[name]))
    data.write_bytes(gzip.compress(text.encode(), mtime=0))
    space.write_text(yaml.safe_dump(make_space(name, KINDS[name]), sort_keys=False), "utf-8")
    return data, space


def _names(kind: Kind) -> list[str]:
    edge = [f"edge-{position}" for position in range(len(kind.edge))]
    return [*edge, *(f"cloud-{position}" for position in range(len(kind.cloud)))]


def main(arguments: Sequence[str]) -> int:
    """Write every kind into a directory."""
    for name in KINDS:
        data, space = write_kind(name, Path(arguments[0]))
        print(f"--data {data} --space {space}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
