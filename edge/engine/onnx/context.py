"""Where an ONNX decoder computes: the cache of every sequence, and the decoding of a batch.

Answers get their next tokens together where the graph allows it, a stretch of a prompt is a run
of its own. Knows tokens, positions and numbers of sequences; not whose they are.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from edge.engine.frames import Load
from edge.engine.native.batch import Part
from edge.engine.native.decoder import Saved
from edge.engine.onnx.blocks import Block, Held, gathered, groups
from edge.engine.onnx.graph import DecoderGraph, Logits
from edge.engine.onnx.probe import GraphTraits
from edge.engine.sizes import fitted

__all__ = ["OnnxContext"]

_COPIES: Final = 6
"""Of the cache in memory, at worst: what a run reads and writes, each padded to twice its size,
and what is kept for the next calls."""


class OnnxContext:
    """The cache of a model, with room for several sequences.

    Args:
        graph: Who computes.
        traits: What it can do.
        load: With what settings. A deterministic context computes every sequence by itself.
        trained_tokens: What the model was made for.
    """

    def __init__(
        self, graph: DecoderGraph, traits: GraphTraits, load: Load, *, trained_tokens: int
    ) -> None:
        size = fitted(
            trained_tokens=trained_tokens,
            context_tokens=load.context_tokens,
            cache_tokens=load.cache_tokens,
            slots=load.slots,
            is_deterministic=load.is_deterministic,
        )
        self.handle = None
        self.context_tokens = min(size.context_tokens, trained_tokens)
        """What prompt and answer of one sequence share."""
        self.cache_tokens = size.cache_tokens
        """Room of all sequences together."""
        self.slots = size.slots
        """Sequences that can be computed at the same time."""
        self.kept_prefixes = 0 if load.is_deterministic else load.kept_prefixes
        """Idle sequences that there are numbers for besides."""
        self.batch_tokens = max(min(load.batch_tokens, self.context_tokens), self.slots)
        self.guesses = load.guesses and traits.has_every_row and not load.is_deterministic
        """Whether it may compute guesses, whose wrong ones are cut off again."""
        self._graph = graph
        self._may_join = traits.may_join and not load.is_deterministic
        self._nothing = Held(Block(graph.empty(1), 1, 0), row=0, start=0, length=0)
        self._held: dict[int, Held] = {}
        self._rows: list[Logits] = []

    @property
    def cache_bytes(self) -> int:
        """Memory that it may come to need beyond the loaded graph."""
        return _COPIES * self.cache_tokens * self._graph.token_bytes

    def forget(self, sequence: int) -> None:
        """Drop everything of a sequence."""
        self._held.pop(sequence, None)

    def cut(self, sequence: int, position: int) -> None:
        """Drop a sequence's tokens from a position on."""
        held = self._held[sequence]
        self._held[sequence] = Held(held.block, held.row, held.start, position)

    def share(self, source: int, target: int, tokens: int) -> None:
        """Let an empty sequence begin with the first tokens of another."""
        held = self._held[source]
        self._held[target] = Held(held.block, held.row, held.start, tokens)

    def save(self, sequence: int) -> None:
        """Save nothing: every sequence has a block of its own, and is in nobody's way."""

    def restore(self, sequence: int, saved: Saved) -> bool:
        """Restore nothing, for nothing is ever saved."""
        return False

    def decode(self, parts: Sequence[Part]) -> list[int]:
        """Run tokens through the model; as ``edge.engine.native.decoder`` says.

        Raises:
            EngineCrashed: onnxruntime failed; the context is not to be used again.
        """
        self._rows = []
        rows = [-1] * len(parts)
        single = [index for index, part in enumerate(parts) if len(part.tokens) == 1]
        held = [self._of(parts[index]) for index in single]
        runs = [
            [single[index] for index in group] for group in groups(held, may_join=self._may_join)
        ]
        runs += [[index] for index, part in enumerate(parts) if len(part.tokens) > 1]
        for run in runs:
            self._run(run, parts, rows)
        self._pack({part.sequence for part in parts})
        return rows

    def logits(self, row: int) -> Logits:
        """A row's logits, shape ``(vocabulary_size,)``; valid until the next decode."""
        return self._rows[row]

    def _of(self, part: Part) -> Held:
        return self._held.get(part.sequence, self._nothing)

    def _run(self, run: Sequence[int], parts: Sequence[Part], rows: list[int]) -> None:
        """Compute parts of equal length side by side; note in ``rows`` where their logits are."""
        held = [self._of(parts[index]) for index in run]
        past, mask = gathered(self._graph, held)
        ids = np.array([parts[index].tokens for index in run], np.int64)
        wanted = 1 + max(parts[index].guesses for index in run)
        logits, present = self._graph.run(
            ids, np.concatenate((mask, np.ones_like(ids)), axis=1), past, rows=wanted
        )
        width, added = mask.shape[1], ids.shape[1]
        block = Block(present, len(run), width + added)
        for row, (index, one) in enumerate(zip(run, held, strict=True)):
            start = width - one.length
            self._held[parts[index].sequence] = Held(block, row, start, one.length + added)
        if any(parts[index].wants_logits for index in run):
            found = logits.numpy().astype(np.float32, copy=False)
            for row, index in enumerate(run):
                self._keep_rows(found[row], parts[index], rows, index)

    def _keep_rows(self, found: Logits, part: Part, rows: list[int], index: int) -> None:
        if part.wants_logits:
            self._rows.extend(found[len(found) - 1 - part.guesses :])
            rows[index] = len(self._rows) - 1

    def _pack(self, busy: set[int]) -> None:
        """Give idle sequences a block of their own, so that they keep nobody else's alive."""
        for sequence, held in self._held.items():
            block = held.block
            if sequence in busy or (block.rows == 1 and block.width == held.length):
                continue
            past, _ = gathered(self._graph, [held])
            packed = Block(past, 1, held.length)
            self._held[sequence] = Held(packed, row=0, start=0, length=held.length)
