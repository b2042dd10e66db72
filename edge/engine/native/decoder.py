"""What the loop needs of whatever computes: sequences by number, and logits by row.

``edge.engine.native.context`` has it from libllama, ``edge.engine.onnx.context`` from
onnxruntime. Knows no text and no request.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edge.engine.native.batch import Part

__all__ = ["Decoder", "Saved"]

Saved = npt.NDArray[np.uint8]
"""What a sequence holds in the cache, as bytes that only its own context reads."""


class Decoder(Protocol):
    """Room for several sequences, and the decoding of batches."""

    @property
    def handle(self) -> Any:
        """A context of libllama whose samplers find the rows there; ``None``: there is none."""
        ...

    @property
    def context_tokens(self) -> int:
        """What prompt and answer of one sequence share."""
        ...

    @property
    def cache_tokens(self) -> int:
        """Room of all sequences together."""
        ...

    @property
    def slots(self) -> int:
        """Sequences that can be computed at the same time."""
        ...

    @property
    def kept_prefixes(self) -> int:
        """Idle sequences that there are numbers for besides."""
        ...

    @property
    def batch_tokens(self) -> int:
        """Most tokens of a decode."""
        ...

    @property
    def guesses(self) -> bool:
        """Whether it may compute guesses, whose wrong ones are cut off again."""
        ...

    def forget(self, sequence: int) -> None:
        """Drop everything of a sequence."""
        ...

    def cut(self, sequence: int, position: int) -> None:
        """Drop a sequence's tokens from a position on."""
        ...

    def share(self, source: int, target: int, tokens: int) -> None:
        """Let an empty sequence begin with the first tokens of another."""
        ...

    def save(self, sequence: int) -> Saved | None:
        """Return a copy of what a sequence holds.

        Returns:
            ``None`` where its cells are in nobody's way, or where there is no memory for a copy.
        """
        ...

    def restore(self, sequence: int, saved: Saved) -> bool:
        """Let an empty sequence hold what was saved; whether there was room for it."""
        ...

    def decode(self, parts: Sequence[Part]) -> list[int]:
        """Run tokens through the model.

        Args:
            parts: At most ``batch_tokens`` tokens together, one part per sequence.

        Returns:
            Per part the row of its last token, valid until the next decode, if it wants logits.
            The rows of its guesses, and of the token before them, come right before that one.

        Raises:
            EngineCrashed: It failed; the decoder is not to be used again.
        """
        ...

    def logits(self, row: int) -> npt.NDArray[np.float32]:
        """A row's logits, shape ``(vocabulary_size,)``; valid until the next decode."""
        ...
