"""Train a LoRA adapter for a reference model on chats: ``python -m reference.lora --base tern-s``.

Reads what ``leeward edge capture export`` writes, a JSON object a line, and learns the last turn of
each chat; answers that were judged wrong are left out. The model's own weights are those of its
GGUF file and stay as they are. Needs torch (``pip install -e .[train]``).
"""

import json
import random
import time
from collections.abc import Iterator, Sequence
from math import cos, pi
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import torch
import typer
from rich.console import Console
from rich.progress import track
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from reference.batches import Batch, Row, pad_rows
from reference.gguf_file import gguf_name
from reference.lora_file import Factors, write_adapter
from reference.models import ModelSpec, spec_of
from reference.network import Llama
from reference.stored_model import Blocks, read_model
from reference.tokenizer import END, PAD, encode_chat, load_tokenizer, token_id
from reference.weights import weights_path
from runtime.ports import ChatMessage

__all__ = ["main", "train_adapter"]

_PARTS: Final = ("query", "key", "value", "out", "gate", "up", "down")
_STRENGTH: Final = 2.0
"""``alpha / rank``."""
_BATCH: Final = 16
_PEAK_RATE: Final = 3e-3
_WARMUP_STEPS: Final = 10
_GRADIENT_NORM: Final = 1.0


class _Corrected(nn.Module):  # type: ignore[misc, unused-ignore]  # torch may be absent
    """A linear layer that stays, and the two factors that are learned beside it."""

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        super().__init__()
        self.linear = linear.requires_grad_(requires_grad=False)
        self.first = nn.Parameter(torch.randn(rank, linear.in_features) / rank**0.5)
        self.second = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, states: Tensor) -> Tensor:
        through = functional.linear(states, self.first)
        return self.linear(states) + _STRENGTH * functional.linear(through, self.second)


def train_adapter(
    spec: ModelSpec, rows: Sequence[Row], pad: int, *, rank: int, epochs: int, seed: int
) -> tuple[dict[str, Factors], list[float]]:
    """Return the factors of every matrix inside the blocks, and the mean loss of each epoch.

    Args:
        spec: The model's table row; its weights are read from its GGUF file.
        rows: The chats as tokens.
        pad: The token that fills short rows up.
        rank: Of the factors.
        epochs: How often every chat is read.
        seed: Of the order, and of the factors at first.
    """
    torch.manual_seed(seed)
    model = _frozen(spec)
    learned = _correct(model, rank)
    optimizer = torch.optim.AdamW(
        [weight for layer in learned.values() for weight in (layer.first, layer.second)],
        lr=_PEAK_RATE,
        weight_decay=0.0,
    )
    batches = list(_batches(rows, pad, epochs=epochs, seed=seed))
    losses: list[float] = []
    shown = track(batches, "training", console=Console(stderr=True), transient=True)
    for number, batch in enumerate(shown):
        for group in optimizer.param_groups:
            group["lr"] = _PEAK_RATE * _rate_share(number, len(batches))
        losses.append(_step(model, optimizer, batch))
    found = {
        gguf_name(f"{name}.weight"): Factors(
            layer.first.detach().numpy(), layer.second.detach().numpy()
        )
        for name, layer in learned.items()
    }
    steps = len(batches) // epochs
    return found, [float(np.mean(losses[at : at + steps])) for at in range(0, len(losses), steps)]


def _frozen(spec: ModelSpec) -> Llama:
    """Return the model with the weights of its file, none of which is learned."""
    stored = read_model(weights_path(spec.name))
    model = Llama(spec)
    state = {name: torch.from_numpy(_dense(stored, gguf_name(name))) for name in model.state_dict()}
    model.load_state_dict(state)
    model.requires_grad_(requires_grad=False)
    return model


def _dense(stored: Any, name: str) -> Any:
    if name in stored.norms:
        return stored.norms[name]
    matrix = stored.matrices[name]
    if isinstance(matrix, Blocks):
        whole = matrix.integers.astype(np.float32) * matrix.scales.astype(np.float32)[:, :, None]
        return whole.reshape(whole.shape[0], -1)
    return matrix.astype(np.float32)


def _correct(model: Llama, rank: int) -> dict[str, _Corrected]:
    """Put factors beside every matrix of every block; return them by the matrix's torch name."""
    learned: dict[str, _Corrected] = {}
    for number, block in enumerate(model.blocks):
        for part in _PARTS:
            layer = _Corrected(getattr(block, part), rank)
            setattr(block, part, layer)
            learned[f"blocks.{number}.{part}"] = layer
    return learned


def _batches(rows: Sequence[Row], pad: int, *, epochs: int, seed: int) -> Iterator[Batch]:
    rng = random.Random(seed)  # noqa: S311 - an order, no secret
    order = list(rows)
    for _ in range(epochs):
        rng.shuffle(order)
        for at in range(0, len(order), _BATCH):
            yield pad_rows(order[at : at + _BATCH], pad)


def _step(model: Llama, optimizer: torch.optim.Optimizer, batch: Batch) -> float:
    labels = torch.from_numpy(batch.labels)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=model.is_wide):
        states = model.hidden(torch.from_numpy(batch.tokens))[labels >= 0]
        logits = model.logits(states)
    loss = functional.cross_entropy(logits.float(), labels[labels >= 0])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), _GRADIENT_NORM)
    optimizer.step()
    return float(loss.detach())


def _rate_share(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / _WARMUP_STEPS) * (1 + cos(pi * step / steps)) / 2


def _rows(file: Path, tokenizer: Tokenizer) -> list[Row]:
    """Encode the chats of a file; the loss is taken on their last turn."""
    end = token_id(tokenizer, END)
    rows: list[Row] = []
    for line in file.read_text("utf-8").splitlines():
        data = json.loads(line)
        if data.get("verdict") == "wrong":
            continue
        *turns, answer = [ChatMessage(turn["role"], turn["content"]) for turn in data["messages"]]
        wanted = [*tokenizer.encode(answer.content, add_special_tokens=False).ids, end]
        rows.append(Row.of(encode_chat(tokenizer, turns), wanted))
    return rows


def main(
    base: Annotated[str, typer.Option(help="Name in reference.models.MODELS.")],
    data: Annotated[Path, typer.Option(help="Chats, a JSON object a line.")],
    out: Annotated[Path, typer.Option(help="The adapter's GGUF file.")],
    rank: Annotated[int, typer.Option(help="Of the factors.")] = 8,
    epochs: Annotated[int, typer.Option(help="How often every chat is read.")] = 6,
    seed: Annotated[int, typer.Option(help="Another one gives another adapter.")] = 0,
    threads: Annotated[int, typer.Option(help="CPU threads; 0 takes all.")] = 0,
) -> None:
    """Train an adapter and write its file."""
    if threads:
        torch.set_num_threads(threads)
    tokenizer, started_s = load_tokenizer(), time.monotonic()
    rows = _rows(data, tokenizer)
    factors, losses = train_adapter(
        spec_of(base), rows, token_id(tokenizer, PAD), rank=rank, epochs=epochs, seed=seed
    )
    write_adapter(out, factors, name=out.stem, alpha=_STRENGTH * rank, base=base)
    taken_s = time.monotonic() - started_s
    typer.echo(f"{out}: {len(factors)} matrices of {base}, rank {rank}")
    typer.echo(f"{len(rows)} chats, {epochs} times, in {taken_s:.0f} s")
    typer.echo(f"loss {losses[0]:.3f} the first time, {losses[-1]:.3f} the last")


if __name__ == "__main__":
    typer.run(main)
