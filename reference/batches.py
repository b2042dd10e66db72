"""Turn examples into batches of similar length, deterministically and resumably.

Examples are drawn in windows; a window is sorted by length, cut into batches under a token
budget, and the batches are shuffled. Window ``n`` depends on nothing but the model's table row.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from reference.answers import AnswerPool
from reference.drills import Drill, draw_drill
from reference.examples import Example, Format, examples
from reference.models import ModelSpec
from reference.tokenizer import BOS, END, PAD, SPECIAL_TOKENS, encode_chat, token_id
from runtime.executor.prompts import ChatMessage

__all__ = ["ECHO_STEPS", "Batch", "Row", "pad_rows", "window_batches"]

_WINDOW_EXAMPLES = 2048
_WINDOW_DRILLS = 640
_EARLY_WINDOW_DRILLS = 1600
_PLAIN_ONLY_WINDOWS = 5
"""The first windows hold plain questions only, and more drills: the forms are learned fastest on
short texts, and copying has to be found before anything else makes sense."""
_ROLES_OFFSET = 500_000
_ROLES_FORMATS: Mapping[Format, float] = {"plain": 0.3, "fuser": 0.42, "refine": 0.28}

ECHO_STEPS = 300
"""Batches of the first window, which holds echoes only."""
_ECHO_SHORTEST = 3
_ECHO_LONGEST = 24

_NO_LOSS = -1


@dataclass(frozen=True, slots=True)
class Batch:
    """Token ids, and at each place the id to predict or -1 where no loss is taken.

    Both have the shape ``(examples, length)``.
    """

    tokens: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Row:
    """Token ids, and the same ids or -1 where no loss is taken."""

    ids: list[int]
    wanted: list[int]

    @classmethod
    def of(cls, prompt: list[int], target: list[int]) -> "Row":
        """Return a row of which only ``target`` is learned."""
        return cls(prompt + target, [_NO_LOSS] * len(prompt) + target)


def window_batches(
    spec: ModelSpec, tokenizer: Tokenizer, window: int, *, pool: AnswerPool | None = None
) -> Iterator[Batch]:
    """Draw the batches of one window; with a ``pool``, one of the roles phase."""
    seed = spec.seed * 1_000_003 + window + (_ROLES_OFFSET if pool else 0)
    if window == 0 and pool is None:
        return _echoes(tokenizer, spec.batch_tokens, seed)
    rng = random.Random(seed)  # noqa: S311 - data, no secret
    drill_rng = random.Random(f"drills/{seed}")  # noqa: S311 - data, no secret
    mixture, drills = spec.mixture, _WINDOW_DRILLS
    if pool is not None:
        mixture = replace(mixture, formats=_ROLES_FORMATS)
    elif window < _PLAIN_ONLY_WINDOWS:
        mixture, drills = replace(mixture, formats={"plain": 1.0}), _EARLY_WINDOW_DRILLS
    rows = [_drill_row(draw_drill(drill_rng), tokenizer) for _ in range(drills)]
    drawn = islice(examples(mixture, split="train", seed=seed, pool=pool), _WINDOW_EXAMPLES)
    rows += [_example_row(example, tokenizer) for example in drawn]
    rows.sort(key=lambda row: len(row.ids))
    groups: list[list[Row]] = [[]]
    for row in rows:
        if (len(groups[-1]) + 1) * len(row.ids) > spec.batch_tokens:
            groups.append([])
        groups[-1].append(row)
    rng.shuffle(groups)
    pad = token_id(tokenizer, PAD)
    return (pad_rows(group, pad) for group in groups)


def _echoes(tokenizer: Tokenizer, batch_tokens: int, seed: int) -> Iterator[Batch]:
    """Draw batches of meaningless tokens that are to be repeated: how copying is learned at all.

    With the probe of `reference.train` it takes some 250 steps; from questions alone, thousands.
    """
    rng = np.random.default_rng(seed)
    marks = [token_id(tokenizer, piece) for piece in (BOS, "<|user|>", "<|assistant|>")]
    for _ in range(ECHO_STEPS):
        length = int(rng.integers(_ECHO_SHORTEST, _ECHO_LONGEST))
        count = batch_tokens // (2 * length + len(marks))
        drawn = rng.integers(len(SPECIAL_TOKENS), tokenizer.get_vocab_size(), (count, length))
        bos, user, assistant = (np.full((count, 1), mark) for mark in marks)
        ids = np.concatenate([bos, user, drawn, assistant, drawn], axis=1)
        labels = np.full_like(ids, _NO_LOSS)
        labels[:, -1 - length : -1] = drawn
        yield Batch(ids[:, :-1], labels[:, :-1])


def _example_row(example: Example, tokenizer: Tokenizer) -> Row:
    prompt = encode_chat(tokenizer, example.messages)
    target = tokenizer.encode(example.target, add_special_tokens=False).ids
    target = [*target, token_id(tokenizer, END)]
    return Row.of(prompt, target)


def _drill_row(drill: Drill, tokenizer: Tokenizer) -> Row:
    """Encode a drill; the loss is taken on what is asked for only."""
    prompt, pairs = drill
    ids = encode_chat(tokenizer, [ChatMessage("user", prompt)])
    wanted = [_NO_LOSS] * len(ids)
    for left, result in pairs:
        given = tokenizer.encode(left, add_special_tokens=False).ids
        asked = tokenizer.encode(result, add_special_tokens=False).ids
        ids += given + asked
        wanted += [_NO_LOSS] * len(given) + asked
    return Row(ids, wanted)


def pad_rows(group: Sequence[Row], pad: int) -> Batch:
    """Return rows as one batch, the shorter ones filled up on the right."""
    length = max(len(row.ids) for row in group) - 1
    tokens = np.full((len(group), length), pad, dtype=np.int64)
    labels = np.full((len(group), length), _NO_LOSS, dtype=np.int64)
    for place, row in enumerate(group):
        tokens[place, : len(row.ids) - 1] = row.ids[:-1]
        labels[place, : len(row.ids) - 1] = row.wanted[1:]
    return Batch(tokens, labels)
