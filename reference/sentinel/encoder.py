"""The encoder that is fine-tuned: BERT as ``all-MiniLM-L6-v2`` has it, with a head for spans.

One forward pass gives both what each token is part of and, as the mean of the last layer scaled to
unit length, the sentence's embedding (the pooling that all-MiniLM was trained with).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from runtime.sentinel.tagger.shapes import SHAPES

__all__ = ["HEADS", "HIDDEN", "INNER", "MiniLm", "pretrained"]

HIDDEN: Final = 384
HEADS: Final = 12
INNER: Final = 1536
_VOCABULARY: Final = 30_522
_POSITIONS: Final = 512
_EPSILON: Final = 1e-12


class _Layer(nn.Module):
    def __init__(self, inner: int) -> None:
        super().__init__()
        self.query = nn.Linear(HIDDEN, HIDDEN)
        self.key = nn.Linear(HIDDEN, HIDDEN)
        self.value = nn.Linear(HIDDEN, HIDDEN)
        self.attended = nn.Linear(HIDDEN, HIDDEN)
        self.attended_norm = nn.LayerNorm(HIDDEN, eps=_EPSILON)
        self.inner = nn.Linear(HIDDEN, inner)
        self.outer = nn.Linear(inner, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN, eps=_EPSILON)

    def forward(self, x: Tensor, mask: Tensor, dropout: float) -> Tensor:
        batch, length, _ = x.shape
        heads = [
            part(x).view(batch, length, HEADS, HIDDEN // HEADS).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        ]
        mixed = functional.scaled_dot_product_attention(*heads, attn_mask=mask, dropout_p=dropout)
        mixed = self.attended(mixed.transpose(1, 2).reshape(batch, length, HIDDEN))
        x = self.attended_norm(x + functional.dropout(mixed, dropout, self.training))
        outer = self.outer(functional.gelu(self.inner(x)))
        return self.norm(x + functional.dropout(outer, dropout, self.training))


class MiniLm(nn.Module):
    """Token labels and a sentence embedding from one pass, at one depth or several.

    Args:
        layers: How many.
        labels: How many labels a token can have.
        exits: After which layers labels are read; each has a head of its own.
        inner: Width of a layer's inner part.
    """

    def __init__(
        self, layers: int, labels: int, exits: Sequence[int] = (), *, inner: int = INNER
    ) -> None:
        super().__init__()
        self.exits = tuple(exits) or (layers,)
        self.words = nn.Embedding(_VOCABULARY, HIDDEN)
        self.positions = nn.Embedding(_POSITIONS, HIDDEN)
        self.kinds = nn.Embedding(2, HIDDEN)
        self.shapes = nn.Embedding(SHAPES, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN, eps=_EPSILON)
        self.layers = nn.ModuleList(_Layer(inner) for _ in range(layers))
        self.heads = nn.ModuleDict({str(at): nn.Linear(HIDDEN, labels) for at in self.exits})
        self.sentences = nn.ModuleDict({str(at): nn.Linear(HIDDEN, HIDDEN) for at in self.exits})
        nn.init.zeros_(self.shapes.weight)
        for part in self.sentences.values():
            nn.init.eye_(part.weight)
            nn.init.zeros_(part.bias)

    def at_exits(
        self, tokens: Tensor, shapes: Tensor, attention: Tensor
    ) -> list[tuple[Tensor, Tensor]]:
        """Return what ``forward`` does, for every exit, the shallowest first."""
        dropout = 0.1 if self.training else 0.0
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.words(tokens) + self.positions(places)[None] + self.kinds.weight[0]
        x = functional.dropout(self.norm(x + self.shapes(shapes)), dropout, self.training)
        mask = attention[:, None, None, :].bool()
        weight = attention[:, :, None].to(x.dtype)
        found = []
        for at, layer in enumerate(self.layers, start=1):
            x = layer(x, mask, dropout)
            if at in self.exits:
                mean = (x * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
                sentence = functional.normalize(self.sentences[str(at)](mean), dim=-1)
                found.append((self.heads[str(at)](x), sentence))
        return found

    def forward(self, tokens: Tensor, shapes: Tensor, attention: Tensor) -> tuple[Tensor, Tensor]:
        """Return label scores [batch, length, labels] and embeddings [batch, hidden].

        Args:
            tokens: Ids, [batch, length].
            shapes: How each token is written, [batch, length]; ``runtime.sentinel.tagger.shapes``.
            attention: 1 for a token, 0 for padding, [batch, length].
        """
        return self.at_exits(tokens, shapes, attention)[-1]

    def cut(self, depth: int) -> MiniLm:
        """Return a copy that ends at exit ``depth``."""
        labels = self.heads[str(depth)].out_features
        made = MiniLm(depth, labels, (depth,), inner=self.layers[0].inner.out_features)
        mine = self.state_dict()
        made.load_state_dict({name: mine[name] for name in made.state_dict()})
        made.train(self.training)
        return made

    def narrowed(self, inner: int, tokens: Tensor, shapes: Tensor, attention: Tensor) -> MiniLm:
        """Return a copy that keeps, of each layer's inner part, what says most of a sample."""
        made = MiniLm(
            len(self.layers), self.heads[str(self.exits[-1])].out_features, self.exits, inner=inner
        )
        kept = self.state_dict()
        with torch.no_grad():
            for at, said in enumerate(self._inner_parts(tokens, shapes, attention)):
                name = f"layers.{at}"
                weight = said * kept[f"{name}.outer.weight"].norm(dim=0)
                best = weight.topk(inner).indices.sort().values
                for part in (f"{name}.inner.weight", f"{name}.inner.bias"):
                    kept[part] = kept[part][best]
                kept[f"{name}.outer.weight"] = kept[f"{name}.outer.weight"][:, best]
        made.load_state_dict(kept)
        made.train(self.training)
        return made

    def _inner_parts(self, tokens: Tensor, shapes: Tensor, attention: Tensor) -> list[Tensor]:
        """How strongly each neuron of each layer's inner part speaks, on average."""
        spoken: list[Tensor] = []
        watched = [
            layer.inner.register_forward_hook(
                lambda _, __, made: spoken.append(functional.gelu(made).abs().mean((0, 1)))
            )
            for layer in self.layers
        ]
        self.at_exits(tokens, shapes, attention)
        for watch in watched:
            watch.remove()
        return spoken


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
    model = MiniLm(len(keep), labels, exits)
    state = {ours: published[theirs] for theirs, ours in names.items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or {name.partition(".")[0] for name in missing} != {
        "heads",
        "sentences",
        "shapes",
    }:
        raise ValueError(f"the published weights do not fit: {missing} {unexpected}")
    return model
