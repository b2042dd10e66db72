"""The Llama architecture in torch, laid out so that llama.cpp runs the weights unchanged.

RMSNorm before each block, rotary positions on neighbouring pairs (llama.cpp's ``llama`` order,
so queries and keys need no permutation), SwiGLU, no biases, output tied to the embedding.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from reference.models import CONTEXT_TOKENS, VOCABULARY_SIZE, ModelSpec

__all__ = ["NORM_EPSILON", "ROPE_BASE", "Llama"]

NORM_EPSILON = 1e-5
ROPE_BASE = 10_000.0
_INITIAL_SCALE = 0.02


class Llama(nn.Module):  # type: ignore[misc, unused-ignore]  # torch may be absent
    """Token ids in, next-token logits out."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY_SIZE, spec.width)
        self.blocks = nn.ModuleList(_Block(spec) for _ in range(spec.layers))
        self.norm = nn.RMSNorm(spec.width, eps=NORM_EPSILON)
        self.register_buffer("rotation", _rotation(spec.head_width), persistent=False)
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                is_residual = name.endswith(("out.weight", "down.weight"))
                scale = _INITIAL_SCALE / ((2 * spec.layers) ** 0.5 if is_residual else 1)
                nn.init.normal_(weight, std=scale)

    def hidden(self, tokens: Tensor) -> Tensor:
        """Map ids of shape ``(batch, length)`` to states ``(batch, length, width)``."""
        states = self.embedding(tokens)
        rotation = self.rotation[: tokens.shape[1]]
        for block in self.blocks:
            states = block(states, rotation)
        return self.norm(states)

    def logits(self, states: Tensor) -> Tensor:
        """Map states ``(..., width)`` to logits ``(..., vocabulary)``."""
        return functional.linear(states, self.embedding.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ids ``(batch, length)`` to logits ``(batch, length, vocabulary)``."""
        return self.logits(self.hidden(tokens))


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

    def forward(self, states: Tensor, rotation: Tensor) -> Tensor:
        states = states + self._attend(self.attention_norm(states), rotation)
        normed = self.ffn_norm(states)
        return states + self.down(functional.silu(self.gate(normed)) * self.up(normed))

    def _attend(self, states: Tensor, rotation: Tensor) -> Tensor:
        batch, length, width = states.shape
        query = self.query(states).view(batch, length, self.heads, self.head_width)
        key = self.key(states).view(batch, length, self.kv_heads, self.head_width)
        value = self.value(states).view(batch, length, self.kv_heads, self.head_width)
        mixed = functional.scaled_dot_product_attention(
            _rotate(query, rotation).transpose(1, 2),
            _rotate(key, rotation).transpose(1, 2),
            value.transpose(1, 2),
            is_causal=True,
            enable_gqa=self.heads != self.kv_heads,
        )
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))


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
