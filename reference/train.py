"""Train one reference model: ``python -m reference.train --model tern-s``.

Two phases: the base phase starts from nothing; the roles phase (``--roles``) goes on from it with
what all models really answered (`reference.sample`). Deterministic for a given table row, torch
build and thread count. A checkpoint is written after every few windows of data; ``--resume`` goes
on from it. A GPU is used where there is one.
"""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from reference.answers import AnswerPool, load_answers
from reference.batches import ECHO_STEPS, Batch, window_batches
from reference.models import ModelSpec, spec_of
from reference.network import Llama
from reference.probe import Probe
from reference.tokenizer import load_tokenizer

__all__ = ["main", "train"]

_WARMUP_STEPS: Final = 80
_WINDOWS_PER_CHECKPOINT: Final = 1
_WEIGHT_DECAY: Final = 0.05
_MOMENTUM: Final = 0.9
_BETAS: Final = (0.9, 0.98)
_PROBE_STEPS: Final = 3 * ECHO_STEPS
"""So long the first block is taught to know the previous token: see `reference.probe`."""
_ROLES_SHARE: Final = 0.3
"""Peak rate of the roles phase as a share of the base phase's."""
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


def train(
    spec: ModelSpec,
    tokenizer: Tokenizer,
    out: Path,
    *,
    steps: int,
    resume: bool,
    pool: AnswerPool | None = None,
) -> Path:
    """Train ``spec`` and save ``<out>/<name>.pt`` (``<name>.roles.pt`` in the roles phase).

    Args:
        spec: The model's table row.
        tokenizer: Encodes the examples.
        out: Folder of the checkpoint.
        steps: Optimizer steps of this phase; its cosine schedule ends there.
        resume: Go on from this phase's checkpoint where there is one.
        pool: Real answers: makes this the roles phase, which starts from the base checkpoint.

    Returns:
        The checkpoint's path.
    """
    torch.manual_seed(spec.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = Llama(spec).to(device)
    probe = Probe(spec).to(device)
    optimizers = _Optimizers(model, probe, spec)
    path = out / (f"{spec.name}.pt" if pool is None else f"{spec.name}.roles.pt")
    done = _Progressed()
    if resume and path.exists():
        state = torch.load(path, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        optimizers.load(state["optimizers"])
        done = _Progressed(**state["done"])
    elif pool is not None:
        base = torch.load(out / f"{spec.name}.pt", map_location=device, weights_only=True)
        model.load_state_dict(base["model"])
    out.mkdir(parents=True, exist_ok=True)
    share = 1.0 if pool is None else _ROLES_SHARE
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} loss {task.fields[loss]:.4f}"),
        TimeRemainingColumn(),
    )
    started_s = time.monotonic() - done.seconds
    with Progress(*columns) as progress:
        bar = progress.add_task(path.stem, total=steps, completed=done.step, loss=done.loss)
        for window in _windows(spec, tokenizer, done.window, pool):
            for batch in window:
                optimizers.set_rate(share * _rate_share(done.step, steps))
                is_probed = pool is None and done.step < _PROBE_STEPS
                loss = _step(model, probe if is_probed else None, optimizers, batch)
                kept = _SMOOTHING if done.step else 0.0
                done.loss = kept * done.loss + (1 - kept) * loss
                done.step += 1
                done.tokens += batch.tokens.size
                progress.update(bar, completed=done.step, loss=done.loss)
                if done.step >= steps:
                    break
            done.window += 1
            done.seconds = time.monotonic() - started_s
            if done.window % _WINDOWS_PER_CHECKPOINT == 0 or done.step >= steps:
                _save(path, model, optimizers, done, steps)
            if done.step >= steps:
                break
    return path


def _windows(
    spec: ModelSpec, tokenizer: Tokenizer, first: int, pool: AnswerPool | None
) -> Iterator[list[Batch]]:
    """Draw windows one ahead of their use."""
    with ThreadPoolExecutor(1) as drawer:
        draw = lambda number: list(window_batches(spec, tokenizer, number, pool=pool))  # noqa: E731
        following = drawer.submit(draw, first)
        while True:
            batches = following.result()
            first += 1
            following = drawer.submit(draw, first)
            yield batches


class _Optimizers:
    """Muon for the matrices inside the blocks, AdamW for the embedding and the norms."""

    def __init__(self, model: Llama, probe: Probe, spec: ModelSpec) -> None:
        matrices = [weight for weight in model.blocks.parameters() if weight.dim() > 1]
        inside = {id(weight) for weight in matrices}
        others = [weight for weight in model.parameters() if id(weight) not in inside]
        others += probe.parameters()
        muon = torch.optim.Muon(
            matrices,
            lr=spec.peak_learning_rate,
            weight_decay=_WEIGHT_DECAY,
            momentum=_MOMENTUM,
            adjust_lr_fn="match_rms_adamw",
        )
        adam = torch.optim.AdamW(
            others, lr=spec.peak_learning_rate, betas=_BETAS, weight_decay=0.0, fused=True
        )
        self._peak = spec.peak_learning_rate
        self._all = (muon, adam)

    def set_rate(self, share: float) -> None:
        """Set the rate to a share of its peak."""
        for optimizer in self._all:
            for group in optimizer.param_groups:
                group["lr"] = self._peak * share

    def zero(self) -> None:
        """Forget the gradients."""
        for optimizer in self._all:
            optimizer.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Move the weights."""
        for optimizer in self._all:
            optimizer.step()

    def state(self) -> list[Any]:
        """Return what `load` takes."""
        return [optimizer.state_dict() for optimizer in self._all]

    def load(self, states: list[Any]) -> None:
        """Restore what `state` returned."""
        for optimizer, state in zip(self._all, states, strict=True):
            optimizer.load_state_dict(state)


def _step(model: Llama, probe: Probe | None, optimizers: _Optimizers, batch: Batch) -> float:
    device = model.embedding.weight.device
    tokens = torch.from_numpy(batch.tokens).to(device)
    labels = torch.from_numpy(batch.labels).to(device)
    first: list[Tensor] = []
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=model.is_wide):
        states = model.hidden(tokens, first=first)[labels >= 0]
        logits = model.logits(states)
        extra = probe.loss(first[0], tokens) if probe is not None else 0.0
    loss = functional.cross_entropy(logits.float(), labels[labels >= 0])
    optimizers.zero()
    (loss + extra).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), _GRADIENT_NORM)
    optimizers.step()
    return float(loss.detach())


def _rate_share(step: int, steps: int) -> float:
    warmup = min(1.0, (step + 1) / _WARMUP_STEPS)
    cosine = (1 + cos(pi * min(1.0, step / steps))) / 2
    return warmup * (_FINAL_RATE_SHARE + (1 - _FINAL_RATE_SHARE) * cosine)


def _save(path: Path, model: Llama, optimizers: _Optimizers, done: _Progressed, steps: int) -> None:
    facts: dict[str, Any] = {
        "step": done.step,
        "window": done.window,
        "tokens": done.tokens,
        "seconds": done.seconds,
        "loss": done.loss,
    }
    state = {"model": model.state_dict(), "optimizers": optimizers.state(), "done": facts}
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
    roles: Annotated[bool, typer.Option("--roles", help="The phase with real answers.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")] = False,
) -> None:
    """Train one reference model."""
    if threads:
        torch.set_num_threads(threads)
    spec = spec_of(model)
    pool = load_answers(out / "answers") if roles else None
    count = steps or (spec.role_steps if roles else spec.steps)
    path = train(spec, load_tokenizer(), out, steps=count, resume=resume, pool=pool)
    typer.echo(str(path))


if __name__ == "__main__":
    typer.run(main)
