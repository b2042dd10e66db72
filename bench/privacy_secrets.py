"""Texts with invented secrets in some 560 phrasings, as ``bench.privacy --data`` reads them.

``python -m bench.privacy_secrets --half seen --out FILE.jsonl``. The phrasings are split once, by
a checksum of their wording: *seen* ones are for writing detectors, *held* ones for the figure that
is reported; whoever reads what leaks among the held ones has none left.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from bench.privacy_secret_values import SLOTS, UNMARKED, Draw

__all__ = ["Half", "Phrased", "main", "phrased", "phrasings"]

Half = Literal["seen", "held", "both"]
PHRASINGS: Final = Path(__file__).parent / "data" / "secret_phrasings.txt"
_SECTION: Final = re.compile(r"\[[a-z]+\]")
_SLOT: Final = re.compile(r"<<([a-z_0-9]+)>>")
_OPAQUE: Final = "opaque"
_EACH: Final = 6


class Phrased(NamedTuple):
    """A text, and where its secrets stand."""

    text: str
    phrasing: str
    marks: tuple[tuple[int, int, str], ...]
    """Start, end (exclusive) and kind of each."""


def phrasings(half: Half) -> list[str]:
    """Return the phrasings of a half, in the file's order."""
    lines = PHRASINGS.read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not _SECTION.fullmatch(line)]
    if half == "both":
        return wanted
    return [line for line in wanted if bool(zlib.crc32(line.encode()) % 2) == (half == "held")]


def phrased(half: Half, *, each: int = _EACH, seed: int = 0) -> Iterator[Phrased]:
    """Yield every phrasing of a half so many times, with other secrets each time."""
    draw = Draw(seed)
    for phrasing in phrasings(half):
        for _ in range(each):
            yield _filled(phrasing, draw)


def _filled(phrasing: str, draw: Draw) -> Phrased:
    vendor, variable, make = draw.random.choice(UNMARKED)
    words = {"vendor": vendor, "env": variable}
    pieces: list[str] = []
    marks: list[tuple[int, int, str]] = []
    size = at = 0
    frame = phrasing.replace(r"\\", "\0").replace(r"\n", "\n").replace("\0", "\\")
    for slot in _SLOT.finditer(frame):
        name = slot[1]
        kind = "api_key" if name == _OPAQUE else "" if name in words else SLOTS[name].kind
        value = make(draw) if name == _OPAQUE else words.get(name) or SLOTS[name].make(draw)
        pieces += [frame[at : slot.start()], value]
        size += slot.start() - at + len(value)
        at = slot.end()
        if kind:
            marks.append((size - len(value), size, kind))
    return Phrased("".join([*pieces, frame[at:]]), phrasing, tuple(marks))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the texts."""
    parser = argparse.ArgumentParser(prog="bench.privacy_secrets", description=__doc__)
    parser.add_argument("--half", choices=("seen", "held", "both"), default="held")
    parser.add_argument("--each", type=int, default=_EACH, help="texts per phrasing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON lines")
    options = parser.parse_args(arguments)
    with options.out.open("w", encoding="utf-8") as out:
        for number, item in enumerate(phrased(options.half, each=options.each, seed=options.seed)):
            annotations = [
                {"start": start, "end": end, "kind": kind, "text": item.text[start:end]}
                for start, end, kind in item.marks
            ]
            line = {"id": str(number), "text": item.text, "annotations": annotations}
            print(json.dumps(line, ensure_ascii=False), file=out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
