"""The encoder that is fine-tuned: BERT as ``all-MiniLM-L6-v2`` has it, with a head for spans.

It can be made smaller than the published one: of fewer layers, with fewer attention heads in each,
a narrower inner part, and the cheaper of two activations (``Form``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from runtime.sentinel.tagger.shapes import SHAPES

__all__ = ["HEAD", "HEADS", "HIDDEN", "INNER", "Form", "MiniLm", "pretrained"]

HIDDEN: Final = 384
HEADS: Final = 12
HEAD: Final = HIDDEN // HEADS
"""How wide one attention head is, however many are left."""
INNER: Final = 1536
_VOCABULARY: Final = 30_522
_POSITIONS: Final = 512
_EPSILON: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Form:
    """What an encoder's layers look like."""

    layers: int
    heads: int = HEADS
    inner: int = INNER
    is_rectified: bool = False
    """Whether the inner part is cut off below zero, not bent as in BERT: a fifth of the time."""


class _Layer(nn.Module):
    def __init__(self, form: Form) -> None:
        super().__init__()
        width = form.heads * HEAD
        self._form = form
        self.query = nn.Linear(HIDDEN, width)
        self.key = nn.Linear(HIDDEN, width)
        self.value = nn.Linear(HIDDEN, width)
        self.attended = nn.Linear(width, HIDDEN)
        self.attended_norm = nn.LayerNorm(HIDDEN, eps=_EPSILON)
        self.inner = nn.Linear(HIDDEN, form.inner)
        self.outer = nn.Linear(form.inner, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN, eps=_EPSILON)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, length, _ = x.shape
        heads = [
            part(x).view(batch, length, self._form.heads, HEAD).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        ]
        with sdpa_kernel(SDPBackend.MATH):  # on a processor the fused one takes thrice as long back
            mixed = functional.scaled_dot_product_attention(*heads, attn_mask=mask)
        mixed = self.attended(mixed.transpose(1, 2).reshape(batch, length, -1))
        x = self.attended_norm(x + mixed)
        bend = functional.relu if self._form.is_rectified else functional.gelu
        return self.norm(x + self.outer(bend(self.inner(x))))


class MiniLm(nn.Module):
    """Token labels, at one depth or several.

    Args:
        form: Of its layers.
        labels: How many labels a token can have.
        exits: After which layers labels are read; each has a head of its own. The last, if none.
    """

    def __init__(self, form: Form, labels: int, exits: Sequence[int] = ()) -> None:
        super().__init__()
        self.form = form
        self.exits = tuple(exits) or (form.layers,)
        self.words = nn.Embedding(_VOCABULARY, HIDDEN)
        self.positions = nn.Embedding(_POSITIONS, HIDDEN)
        self.kinds = nn.Embedding(2, HIDDEN)
        self.shapes = nn.Embedding(SHAPES, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN, eps=_EPSILON)
        self.layers = nn.ModuleList(_Layer(form) for _ in range(form.layers))
        self.heads = nn.ModuleDict({str(at): nn.Linear(HIDDEN, labels) for at in self.exits})
        nn.init.zeros_(self.shapes.weight)

    def at_exits(self, tokens: Tensor, shapes: Tensor, attention: Tensor) -> list[Tensor]:
        """Return what ``forward`` does, for every exit, the shallowest first."""
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.words(tokens) + self.positions(places)[None] + self.kinds.weight[0]
        x = self.norm(x + self.shapes(shapes))
        mask = attention[:, None, None, :].bool()
        found = []
        for at, layer in enumerate(self.layers, start=1):
            x = layer(x, mask)
            if at in self.exits:
                found.append(self.heads[str(at)](x))
        return found

    def forward(self, tokens: Tensor, shapes: Tensor, attention: Tensor) -> Tensor:
        """Return label scores [batch, length, labels].

        Args:
            tokens: Ids, [batch, length].
            shapes: How each token is written, [batch, length]; ``runtime.sentinel.tagger.shapes``.
            attention: 1 for a token, 0 for padding, [batch, length].
        """
        return self.at_exits(tokens, shapes, attention)[-1]


def pretrained(
    directory: Path, *, keep: Sequence[int], labels: int, exits: Sequence[int] = ()
) -> MiniLm:
    """Return the published encoder, only its layers ``keep``, with fresh heads."""
    published = load_file(directory / "model.safetensors")
    names = {
        "embeddings.word_embeddings.weight": "words.weight",
        "embeddings.position_embeddings.weight": "positions.weight",
        "embeddings.token_type_embeddings.weight": "kinds.weight",
        "embeddings.LayerNorm.weight": "norm.weight",
        "embeddings.LayerNorm.bias": "norm.bias",
    }
    parts = {
        "attention.self.query": "query",
        "attention.self.key": "key",
        "attention.self.value": "value",
        "attention.output.dense": "attended",
        "attention.output.LayerNorm": "attended_norm",
        "intermediate.dense": "inner",
        "output.dense": "outer",
        "output.LayerNorm": "norm",
    }
    for at, layer in enumerate(keep):
        for theirs, ours in parts.items():
            for end in ("weight", "bias"):
                names[f"encoder.layer.{layer}.{theirs}.{end}"] = f"layers.{at}.{ours}.{end}"
    model = MiniLm(Form(len(keep)), labels, exits)
    state = {ours: published[theirs] for theirs, ours in names.items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or {name.partition(".")[0] for name in missing} != {"heads", "shapes"}:
        raise ValueError(f"the published weights do not fit: {missing} {unexpected}")
    return model
