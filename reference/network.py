"""The Llama architecture in torch, laid out so that llama.cpp runs the weights unchanged.

RMSNorm before each block, rotary positions on neighbouring pairs (llama.cpp's ``llama`` order,
so queries and keys need no permutation), SwiGLU, no biases, output tied to the embedding.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from reference.models import CONTEXT_TOKENS, VOCABULARY_SIZE, ModelSpec

__all__ = ["NORM_EPSILON", "ROPE_BASE", "Cache", "Llama"]

Cache = list[tuple[Tensor, Tensor]]
"""Keys and values of one layer each, shape ``(batch, heads, seen, head_width)``."""

NORM_EPSILON = 1e-5
ROPE_BASE = 10_000.0
_INITIAL_SCALE = 0.02
_NARROW = 128
_EMBEDDING_SCALE = 0.05
"""The output is tied to the embedding: much smaller, and no logit can grow at first."""


class Llama(nn.Module):  # type: ignore[misc, unused-ignore]  # torch may be absent
    """Token ids in, next-token logits out."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY_SIZE, spec.width)
        self.blocks = nn.ModuleList(_Block(spec) for _ in range(spec.layers))
        self.norm = nn.RMSNorm(spec.width, eps=NORM_EPSILON)
        self.register_buffer("rotation", _rotation(spec.head_width), persistent=False)
        nn.init.normal_(self.embedding.weight, std=_EMBEDDING_SCALE)
        for name, weight in self.blocks.named_parameters():
            if weight.dim() > 1:
                is_residual = name.endswith(("out.weight", "down.weight"))
                scale = _INITIAL_SCALE / ((2 * spec.layers) ** 0.5 if is_residual else 1)
                nn.init.normal_(weight, std=scale)

    @property
    def is_wide(self) -> bool:
        """Whether products in bfloat16 are faster at this width."""
        return bool(self.embedding.embedding_dim >= _NARROW)

    def hidden(
        self,
        tokens: Tensor,
        *,
        cache: Cache | None = None,
        seen: Tensor | None = None,
        first: list[Tensor] | None = None,
    ) -> Tensor:
        """Map ids of shape ``(batch, length)`` to states ``(batch, length, width)``.

        Args:
            tokens: The ids; with a filled ``cache`` only those that follow what it holds.
            cache: Keys and values so far, one pair a layer; extended in place, empty at first.
            seen: Which of all positions so far hold text, shape ``(batch, total)``; needed with a
                cache. Padding stands on the left: rotary positions are relative, so it shifts
                nothing.
            first: Where given, the states behind the first block are put here.
        """
        states = self.embedding(tokens)
        past = cache[0][0].shape[2] if cache else 0
        rotation = self.rotation[past : past + tokens.shape[1]]
        visible = None if seen is None else _visible(seen, tokens.shape[1])
        for layer, block in enumerate(self.blocks):
            states = block(states, rotation, _Memory(cache, layer, visible))
            if first is not None and layer == 0:
                first.append(states)
        return self.norm(states)

    def logits(self, states: Tensor) -> Tensor:
        """Map states ``(..., width)`` to logits ``(..., vocabulary)``."""
        return functional.linear(states, self.embedding.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ids ``(batch, length)`` to logits ``(batch, length, vocabulary)``."""
        return self.logits(self.hidden(tokens))


@dataclass(frozen=True, slots=True)
class _Memory:
    """What one layer remembers of earlier positions, and which of them may be looked at."""

    cache: Cache | None
    layer: int
    visible: Tensor | None

    def extended(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return all keys and values so far, and remember them."""
        if self.cache is None:
            return keys, values
        if self.layer < len(self.cache):
            past_keys, past_values = self.cache[self.layer]
            keys = torch.cat((past_keys, keys), dim=2)
            values = torch.cat((past_values, values), dim=2)
            self.cache[self.layer] = keys, values
        else:
            self.cache.append((keys, values))
        return keys, values


class _Block(nn.Module):  # type: ignore[misc, unused-ignore]  # torch may be absent
    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_width = spec.heads, spec.kv_heads, spec.head_width
        kv_width = spec.kv_heads * spec.head_width
        self.attention_norm = nn.RMSNorm(spec.width, eps=NORM_EPSILON)
        self.query = nn.Linear(spec.width, spec.width, bias=False)
        self.key = nn.Linear(spec.width, kv_width, bias=False)
        self.value = nn.Linear(spec.width, kv_width, bias=False)
        self.out = nn.Linear(spec.width, spec.width, bias=False)
        self.ffn_norm = nn.RMSNorm(spec.width, eps=NORM_EPSILON)
        self.gate = nn.Linear(spec.width, spec.ffn_width, bias=False)
        self.up = nn.Linear(spec.width, spec.ffn_width, bias=False)
        self.down = nn.Linear(spec.ffn_width, spec.width, bias=False)

    def forward(self, states: Tensor, rotation: Tensor, memory: _Memory) -> Tensor:
        states = states + self._attend(self.attention_norm(states), rotation, memory)
        normed = self.ffn_norm(states)
        return states + self.down(functional.silu(self.gate(normed)) * self.up(normed))

    def _attend(self, states: Tensor, rotation: Tensor, memory: _Memory) -> Tensor:
        batch, length, width = states.shape
        query = self.query(states).view(batch, length, self.heads, self.head_width)
        key = self.key(states).view(batch, length, self.kv_heads, self.head_width)
        value = self.value(states).view(batch, length, self.kv_heads, self.head_width)
        keys, values = memory.extended(
            _rotate(key, rotation).transpose(1, 2), value.transpose(1, 2)
        )
        mixed = functional.scaled_dot_product_attention(
            _rotate(query, rotation).transpose(1, 2),
            keys,
            values,
            attn_mask=memory.visible,
            is_causal=memory.visible is None,
            enable_gqa=self.heads != self.kv_heads,
        )
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))


def _visible(seen: Tensor, length: int) -> Tensor:
    """Mask of shape ``(batch, 1, length, total)``: text only, and nothing that comes later.

    A position always sees itself, so that padding has something to attend to.
    """
    total = seen.shape[1]
    causal = torch.ones(length, total, dtype=torch.bool).tril(total - length)
    itself = torch.zeros_like(causal).diagonal_scatter(
        torch.ones(length, dtype=torch.bool), total - length
    )
    return ((seen[:, None, :] & causal) | itself)[:, None]


def _rotation(head_width: int) -> Tensor:
    """Cosines and sines of every position, shape ``(CONTEXT_TOKENS, head_width / 2, 2)``."""
    frequencies = ROPE_BASE ** (-torch.arange(0, head_width, 2).float() / head_width)
    angles = torch.outer(torch.arange(CONTEXT_TOKENS).float(), frequencies)
    return torch.stack((angles.cos(), angles.sin()), dim=-1)


def _rotate(states: Tensor, rotation: Tensor) -> Tensor:
    """Rotate neighbouring pairs of ``(batch, length, heads, head_width)`` by their position."""
    even, odd = states[..., 0::2], states[..., 1::2]
    cosine, sine = rotation[:, None, :, 0], rotation[:, None, :, 1]
    turned = torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), dim=-1)
    return turned.flatten(-2)
