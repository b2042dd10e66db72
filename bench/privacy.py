"""How much of what is sensitive the sentinel finds, what would leave after redaction, and how fast.

``python -m bench.privacy --json [--quick] [--data FILE.jsonl]``; without a file, on 900 texts from
templates that the sentinel's model was not trained on. What is judged is what the edge's
release really replaces (detectors, coreference, the second look), not what a detector says. Beside
it, in the same run, stand Presidio's pattern recognisers. ``bench/README.md`` explains the keys.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import track

from bench.machine import describe_machine
from bench.privacy_data import HELD_OUT, DataInvalid, Example, KindMap, load, load_kind_map
from bench.privacy_figures import Extent, Figures, judge
from bench.privacy_peer import Peer, installed_peers, run_presidio, time_encoder
from bench.ranks import by_rank
from bench.shown import show_figures
from edge.privacy.book import Book
from edge.privacy.placeholders import Grammar
from edge.privacy.redact import Redacted, Redactor
from edge.privacy.restore import StreamRestorer
from edge.privacy.settle import find_spans
from runtime.errors import ModelInvalid
from runtime.sentinel.categories import KINDS, QUASI_IDENTIFIERS
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.detector import Detector
from runtime.sentinel.scan import Sentinel
from runtime.sentinel.tagger.choice import BUILT_IN_NAME, model_folder

__all__ = ["main"]

_QUICK_TEXTS: Final = 600
_PIECE: Final = 1_000
_PIECES: Final = 100
_QUICK_PIECES: Final = 50
_ROUNDS: Final = 3
"""Of these the least counts: a busy neighbour takes from the same core, and gives nothing."""
_SCALES: Final = (1_000, 10_000, 100_000, 1_000_000)
_QUICK_SCALES: Final = _SCALES[:-1]
_PEER_TIMEOUT_S: Final = 600.0
_DISTRIBUTIONS: Final = ("leeward", "phonenumbers", "python-stdnum")
_PERCENT: Final = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.privacy", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, last line")
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK_TEXTS} texts at most")
    parser.add_argument(
        "--data",
        type=Path,
        default=HELD_OUT,
        help="texts with marked spans; else our held-out ones",
    )
    parser.add_argument("--map", type=Path, help="JSON object: the file's kinds to ours")
    parser.add_argument("--kind", action="append", default=[], metavar="THEIRS=OURS")
    parser.add_argument("--without-peer", action="store_true", help="leave Presidio out")
    parser.add_argument(
        "--model", default=BUILT_IN_NAME, help="builtin, none, or the folder of another model"
    )
    options = parser.parse_args(arguments)
    try:
        kinds = load_kind_map(options.map, options.kind)
        examples = load(options.data)
    except DataInvalid as error:
        print(f"bench.privacy: {error}", file=sys.stderr)
        return 2
    if options.quick and len(examples) > _QUICK_TEXTS:
        examples = random.Random(0).sample(examples, _QUICK_TEXTS)  # noqa: S311 - a sample
    model = model_folder(options.model, Path.cwd())
    try:
        full = default_detectors(model=model, asked=QUASI_IDENTIFIERS)
    except ModelInvalid as error:
        print(f"bench.privacy: {error}", file=sys.stderr)
        return 2
    with ThreadPoolExecutor(1) as beside:
        # Nothing is timed meanwhile; the peer times itself, by its processor time.
        peers = None if options.without_peer else beside.submit(_peers, examples)
        released = asyncio.run(_released(examples, full))
    figures = judge(examples, [_replaced(item) for item in released], kinds)
    values = _of(figures)
    values["restore_exact_percent"] = _restored_exactly(examples, released)
    scales = _QUICK_SCALES if options.quick else _SCALES
    most = _QUICK_PIECES if options.quick else _PIECES
    values |= _speed(examples, default_detectors(), "patterns", most=most, scales=scales)
    if model is None:
        values |= {"ms_per_1k_chars_full_p50": None, "ms_per_1k_chars_full_p99": None}
    else:
        values |= _speed(examples, full, "full", most=most, scales=scales)
    if peers is not None:
        values |= _beside(
            peers.result(), examples, kinds, full_ms=values["ms_per_1k_chars_full_p50"]
        )
    values["model"] = options.model
    values["texts"] = len(examples)
    values["spans"] = figures.marked.total()
    values["unmapped_kinds"] = dict(sorted(figures.unmapped.items()))
    values["leak_by_kind"] = figures.leak_by_kind
    values["machine"] = describe_machine(_DISTRIBUTIONS)
    show_figures(values, as_json=options.json)
    return 0


async def _released(examples: Sequence[Example], detectors: Sequence[Detector]) -> list[Redacted]:
    """Redact every text as the edge would for the cloud, all categories, a session each."""
    sentinel = Sentinel(detectors)
    grammar = Grammar(sentinel.kinds)
    redactor = Redactor(grammar)
    categories = frozenset(KINDS.values())
    released = []
    for example in track(examples, "redacting", console=Console(stderr=True), transient=True):
        (spans,) = await find_spans(sentinel, redactor, [example.text], categories)
        naming = Book(grammar).placeholder_for
        released.append(redactor.redact(example.text, spans, categories, naming))
    return released


def _replaced(released: Redacted) -> list[Extent]:
    return [
        (piece.source_start, piece.source_end) for piece in released.pieces if piece.is_replaced
    ]


def _of(figures: Figures, prefix: str = "") -> dict[str, object]:
    return {
        f"{prefix}recall": round(figures.recall, 4),
        f"{prefix}precision": round(figures.precision, 4),
        f"{prefix}f2": round(figures.f2, 4),
        f"{prefix}leak_percent": round(figures.leak_percent, 3),
        f"{prefix}leak_percent_fixed_shape": round(figures.leak_percent_fixed_shape, 3),
    }


def _restored_exactly(examples: Sequence[Example], released: Sequence[Redacted]) -> float:
    """Restore every released text from a stream cut at random; percent that come back exactly."""
    grammar = Grammar(Sentinel(default_detectors()).kinds)
    cuts = random.Random(1)  # noqa: S311 - where chunks end
    exact = 0
    for example, item in zip(examples, released, strict=True):
        restorer = StreamRestorer(item.released, grammar)
        shown = "".join(restorer.feed(chunk) for chunk in _cut(item.text, cuts))
        exact += shown + restorer.finish() == example.text
    return round(_PERCENT * exact / len(examples), 3)


def _cut(text: str, cuts: random.Random) -> Iterable[str]:
    at = 0
    while at < len(text):
        step = cuts.randint(1, 7)
        yield text[at : at + step]
        at += step


def _pieces(examples: Sequence[Example], most: int) -> list[str]:
    joined = "\n".join(example.text for example in examples)
    return [joined[at : at + _PIECE] for at in range(0, min(len(joined), most * _PIECE), _PIECE)]


def _speed(
    examples: Sequence[Example],
    detectors: Sequence[Detector],
    name: str,
    *,
    most: int,
    scales: Sequence[int],
) -> dict[str, object]:
    """Time the scan on one core, per 1,000 characters: on pieces that long, and as texts grow."""
    sentinel = Sentinel(detectors, timeout_s=600.0, max_characters=2_000_000)
    pieces = _pieces(examples, most)
    sentinel.scan_now(pieces[0])
    times = [
        min(_ms(sentinel, piece) for _ in range(_ROUNDS)) * _PIECE / len(piece) for piece in pieces
    ]
    joined = "\n".join(example.text for example in examples)
    long = joined * (1 + max(scales) // len(joined))
    return {
        f"ms_per_1k_chars_{name}_p50": round(statistics.median(times), 3),
        f"ms_per_1k_chars_{name}_p99": round(by_rank(times, 0.99), 3),
        f"ms_per_1k_chars_{name}_by_length": {
            str(size): round(_ms(sentinel, long[:size]) * _PIECE / size, 3) for size in scales
        },
    }


def _ms(sentinel: Sentinel, text: str) -> float:
    """Processor time, all threads: what a core to itself would take, whoever else is busy."""
    started = time.process_time()
    sentinel.scan_now(text)
    return (time.process_time() - started) * 1_000


def _peers(examples: Sequence[Example]) -> tuple[Path, Peer | None] | None:
    """Return where the peers are installed, and what Presidio made of the texts and pieces."""
    python = installed_peers()
    if python is None:
        return None
    texts = [example.text for example in examples] + _pieces(examples, _QUICK_PIECES)
    return python, run_presidio(python, texts, timeout_s=_PEER_TIMEOUT_S)


def _beside(
    peers: tuple[Path, Peer | None] | None,
    examples: Sequence[Example],
    kinds: KindMap,
    *,
    full_ms: object,
) -> dict[str, object]:
    """Return the peers' figures; ``None`` for each that there is none of."""
    python, peer = peers or (None, None)
    encoder_ms = time_encoder(python) if python is not None else None
    ratio = full_ms / encoder_ms if encoder_ms and isinstance(full_ms, float) else None
    times = {
        "encoder_256_tokens_ms": None if encoder_ms is None else round(encoder_ms, 3),
        "full_over_encoder_ratio": None if ratio is None else round(ratio, 3),
    }
    if peer is None:
        return times | _of_nothing("presidio_patterns_")
    pieces = _pieces(examples, _QUICK_PIECES)
    figures = judge(examples, peer.spans[: len(examples)], kinds)
    ms = [
        took * _PIECE / len(piece)
        for took, piece in zip(peer.ms[len(examples) :], pieces, strict=True)
    ]
    speed = {"presidio_patterns_ms_per_1k_chars_p50": round(statistics.median(ms), 3)}
    return times | _of(figures, "presidio_patterns_") | speed


def _of_nothing(prefix: str) -> dict[str, object]:
    names = (*_of(Figures()), "ms_per_1k_chars_p50")
    return {f"{prefix}{name}": None for name in names}


if __name__ == "__main__":
    sys.exit(main())
