"""Turn examples into batches of similar length, deterministically and resumably.

Examples are drawn in windows; a window is sorted by length, cut into batches under a token
budget, and the batches are shuffled. Window ``n`` depends on nothing but the model's table row.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from reference.drills import DRILL_PROMPT, draw_drill
from reference.examples import Example, examples
from reference.models import ModelSpec
from reference.tokenizer import END, PAD, encode_chat, token_id
from runtime.executor.prompts import ChatMessage

__all__ = ["Batch", "window_batches"]

_WINDOW_EXAMPLES = 2048
_WINDOW_DRILLS = 640
_PLAIN_ONLY_WINDOWS = 8
"""The first windows hold plain questions only: the forms are learned fastest on short texts."""

_NO_LOSS = -1


@dataclass(frozen=True, slots=True)
class Batch:
    """Token ids, and at each place the id to predict or -1 where no loss is taken.

    Both have the shape ``(examples, length)``.
    """

    tokens: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Row:
    """Token ids, and the same ids or -1 where no loss is taken."""

    ids: list[int]
    wanted: list[int]


def window_batches(spec: ModelSpec, tokenizer: Tokenizer, window: int) -> Iterator[Batch]:
    """Draw the batches of one window."""
    seed = spec.seed * 1_000_003 + window
    rng = random.Random(seed)  # noqa: S311 - data, no secret
    mixture = spec.mixture
    rows: list[_Row] = []
    if window < _PLAIN_ONLY_WINDOWS:
        mixture = replace(mixture, formats={"plain": 1.0})
    else:
        drill_rng = random.Random(f"drills/{seed}")  # noqa: S311 - data, no secret
        rows += [_drill_row(draw_drill(drill_rng), tokenizer) for _ in range(_WINDOW_DRILLS)]
    drawn = islice(examples(mixture, split="train", seed=seed), _WINDOW_EXAMPLES)
    rows += [_example_row(example, tokenizer) for example in drawn]
    rows.sort(key=lambda row: len(row.ids))
    groups: list[list[_Row]] = [[]]
    for row in rows:
        if (len(groups[-1]) + 1) * len(row.ids) > spec.batch_tokens:
            groups.append([])
        groups[-1].append(row)
    rng.shuffle(groups)
    pad = token_id(tokenizer, PAD)
    return (_pad(group, pad) for group in groups)


def _example_row(example: Example, tokenizer: Tokenizer) -> _Row:
    prompt = encode_chat(tokenizer, example.messages)
    target = tokenizer.encode(example.target, add_special_tokens=False).ids
    target = [*target, token_id(tokenizer, END)]
    return _Row(prompt + target, [_NO_LOSS] * len(prompt) + target)


def _drill_row(operations: Sequence[tuple[str, str]], tokenizer: Tokenizer) -> _Row:
    """Encode a drill; the loss is taken on the results only."""
    ids = encode_chat(tokenizer, [ChatMessage("user", DRILL_PROMPT)])
    wanted = [_NO_LOSS] * len(ids)
    for left, result in operations:
        asked = tokenizer.encode(left, add_special_tokens=False).ids
        answered = tokenizer.encode(result, add_special_tokens=False).ids
        ids += asked + answered
        wanted += [_NO_LOSS] * len(asked) + answered
    return _Row(ids, wanted)


def _pad(group: Sequence[_Row], pad: int) -> Batch:
    length = max(len(row.ids) for row in group) - 1
    tokens = np.full((len(group), length), pad, dtype=np.int64)
    labels = np.full((len(group), length), _NO_LOSS, dtype=np.int64)
    for place, row in enumerate(group):
        tokens[place, : len(row.ids) - 1] = row.ids[:-1]
        labels[place, : len(row.ids) - 1] = row.wanted[1:]
    return Batch(tokens, labels)
