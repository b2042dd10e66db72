"""Train one reference model from nothing: ``python -m reference.train --model tern-s``.

Deterministic for a given table row and torch build. A checkpoint is written after every few
windows of data; ``--resume`` goes on from it. A GPU is used where there is one.
"""

import json
import time
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from tokenizers import Tokenizer
from torch.nn import functional

from reference.batches import Batch, window_batches
from reference.models import ModelSpec, spec_of
from reference.network import Llama
from reference.tokenizer import load_tokenizer

__all__ = ["main", "train"]

_WARMUP_STEPS: Final = 100
_WINDOWS_PER_CHECKPOINT: Final = 2
_WEIGHT_DECAY: Final = 0.05
_BETAS: Final = (0.9, 0.98)
_GRADIENT_NORM: Final = 1.0
_FINAL_RATE_SHARE: Final = 0.02
_SMOOTHING: Final = 0.98


@dataclass(slots=True)
class _Progressed:
    """How far a training has come; saved with the weights."""

    step: int = 0
    window: int = 0
    tokens: int = 0
    seconds: float = 0.0
    loss: float = 0.0


def train(spec: ModelSpec, tokenizer: Tokenizer, out: Path, *, steps: int, resume: bool) -> Path:
    """Train ``spec`` and save ``<out>/<name>.pt``.

    Args:
        spec: The model's table row.
        tokenizer: Encodes the examples.
        out: Folder of the checkpoint.
        steps: Optimizer steps in all; the cosine schedule ends there.
        resume: Go on from the checkpoint where there is one.

    Returns:
        The checkpoint's path.
    """
    torch.manual_seed(spec.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = Llama(spec).to(device)
    optimizer = _optimizer(model, spec)
    path = out / f"{spec.name}.pt"
    done = _Progressed()
    if resume and path.exists():
        state = torch.load(path, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        done = _Progressed(**state["done"])
    out.mkdir(parents=True, exist_ok=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} loss {task.fields[loss]:.4f}"),
        TimeRemainingColumn(),
    )
    started_s = time.monotonic() - done.seconds
    with Progress(*columns) as progress:
        bar = progress.add_task(spec.name, total=steps, completed=done.step, loss=done.loss)
        while done.step < steps:
            for batch in window_batches(spec, tokenizer, done.window):
                _set_rate(optimizer, spec.peak_learning_rate * _rate_share(done.step, steps))
                loss = _step(model, optimizer, batch, device)
                share = _SMOOTHING if done.step else 0.0
                done.loss = share * done.loss + (1 - share) * loss
                done.step += 1
                done.tokens += batch.tokens.size
                progress.update(bar, completed=done.step, loss=done.loss)
                if done.step >= steps:
                    break
            done.window += 1
            done.seconds = time.monotonic() - started_s
            if done.window % _WINDOWS_PER_CHECKPOINT == 0 or done.step >= steps:
                _save(path, model, optimizer, done, steps)
    return path


def _optimizer(model: Llama, spec: ModelSpec) -> torch.optim.AdamW:
    matrices = [weight for weight in model.parameters() if weight.dim() > 1]
    vectors = [weight for weight in model.parameters() if weight.dim() <= 1]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": _WEIGHT_DECAY},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=spec.peak_learning_rate,
        betas=_BETAS,
        fused=True,
    )


def _step(
    model: Llama, optimizer: torch.optim.Optimizer, batch: Batch, device: torch.device
) -> float:
    tokens = torch.from_numpy(batch.tokens).to(device)
    labels = torch.from_numpy(batch.labels).to(device)
    states = model.hidden(tokens)[labels >= 0]
    loss = functional.cross_entropy(model.logits(states), labels[labels >= 0])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), _GRADIENT_NORM)
    optimizer.step()
    return float(loss.detach())


def _rate_share(step: int, steps: int) -> float:
    warmup = min(1.0, (step + 1) / _WARMUP_STEPS)
    cosine = (1 + cos(pi * min(1.0, step / steps))) / 2
    return warmup * (_FINAL_RATE_SHARE + (1 - _FINAL_RATE_SHARE) * cosine)


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _save(
    path: Path, model: Llama, optimizer: torch.optim.Optimizer, done: _Progressed, steps: int
) -> None:
    facts: dict[str, Any] = {
        "step": done.step,
        "window": done.window,
        "tokens": done.tokens,
        "seconds": done.seconds,
        "loss": done.loss,
    }
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "done": facts}
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)
    path.with_suffix(".json").write_text(json.dumps({**facts, "steps": steps}, indent=1) + "\n")


def main(
    model: Annotated[str, typer.Option(help="Name in reference.models.MODELS.")],
    steps: Annotated[
        int | None, typer.Option(help="Optimizer steps; the table's if absent.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of checkpoints.")] = Path("var/reference"),
    threads: Annotated[int, typer.Option(help="CPU threads; 0 takes all.")] = 0,
    *,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")] = False,
) -> None:
    """Train one reference model."""
    if threads:
        torch.set_num_threads(threads)
    spec = spec_of(model)
    path = train(spec, load_tokenizer(), out, steps=steps or spec.steps, resume=resume)
    typer.echo(str(path))


if __name__ == "__main__":
    typer.run(main)
