"""Texts with marked spans, as the privacy benchmark reads them, and our names of their kinds.

Two forms: JSON lines ``{"id", "text", "annotations": [{"start", "end", "kind", "text"}]}``, and the
JSON list of presidio-research (``full_text``, ``spans`` with ``entity_type``).
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from runtime.sentinel.categories import KINDS

__all__ = [
    "FIXED_SHAPE",
    "HELD_OUT",
    "Annotation",
    "DataInvalid",
    "Example",
    "KindMap",
    "load",
    "load_kind_map",
]


HELD_OUT: Final = Path(__file__).parent / "data" / "privacy_held_out.jsonl.gz"
"""Texts that ``reference.sentinel.generate`` made from its held-out templates, seed 77."""


class DataInvalid(Exception):
    """The file is in neither form; the text says where."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """A stretch that people marked as sensitive; ``end`` is exclusive."""

    start: int
    end: int
    kind: str
    """As the file calls it."""


@dataclass(frozen=True, slots=True)
class Example:
    """One text."""

    id: str
    text: str
    annotations: tuple[Annotation, ...]


FIXED_SHAPE: Final = frozenset(
    {
        *("card", "iban", "national_id", "email", "ip", "mac", "crypto_wallet", "coordinates"),
        *("phone", "url_credentials", "api_key", "private_key"),
    }
)
"""Kinds with a checksum or a shape of their own, which patterns alone ought to find."""

_KIND_NAMES: Final = Path(__file__).parent / "data" / "privacy_kinds.txt"
"""Names of kinds in the vocabularies of well-known sets and services, by ours; ``-`` for none."""
_NONE: Final = "-"
_PREFIXES: Final = re.compile(r"^(?:[bi])[_-]", re.IGNORECASE)


@cache
def _names() -> Mapping[str, str]:
    names: dict[str, str] = {}
    for line in _KIND_NAMES.read_text(encoding="utf-8").splitlines():
        kind, _, theirs = line.partition(":")
        if not line.startswith("#"):
            names |= dict.fromkeys(map(_normal, theirs.split()), kind)
    return names | {_normal(kind): kind for kind in KINDS}


class KindMap:
    """What the kinds of a file are called here; a kind that nothing covers has no name here."""

    def __init__(self, extra: Mapping[str, str] | None = None) -> None:
        self._names = {**_names(), **{_normal(name): kind for name, kind in (extra or {}).items()}}

    def kind_of(self, name: str) -> str | None:
        """Return our kind, or ``None``."""
        kind = _looked_up(self._names, name)
        return kind if kind and kind != _NONE else None

    @staticmethod
    def is_not_looked_for(name: str) -> bool:
        """Whether a name is known, and of what tells of nobody: amounts, currencies, titles."""
        return _looked_up(_names(), name) == _NONE


def _looked_up(names: Mapping[str, str], name: str) -> str | None:
    """Return what a name, or a numbered one such as ``LASTNAME2``, stands for."""
    plain = _normal(name)
    return names.get(plain, names.get(plain.rstrip("0123456789")))


def load_kind_map(path: Path | None, pairs: Sequence[str] = ()) -> KindMap:
    """Read a mapping from a JSON file and ``theirs=ours`` pairs; an empty name maps to nothing.

    Raises:
        DataInvalid: It is no mapping, or maps to a kind that the shipped detectors do not know.
    """
    extra: dict[str, str] = {}
    if path is not None:
        read = _json(path.read_text(encoding="utf-8"), str(path))
        if not isinstance(read, dict) or not all(isinstance(kind, str) for kind in read.values()):
            raise DataInvalid(
                f'{path}: must be one JSON object of names, like {{"SSN": "national_id"}}'
            )
        extra |= read
    for pair in pairs:
        theirs, equals, ours = pair.partition("=")
        if not equals:
            raise DataInvalid(f"--kind {pair}: write it as THEIRS=OURS")
        extra[theirs] = ours
    for theirs, ours in extra.items():
        if ours and ours not in KINDS:
            raise DataInvalid(f"{theirs}: no kind {ours!r} here; known: {', '.join(sorted(KINDS))}")
    return KindMap(extra)


def load(path: Path) -> list[Example]:
    """Read a file in either form.

    Raises:
        DataInvalid: Says which line or item is wrong and how.
    """
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataInvalid(f"{path}: cannot be read as UTF-8 text") from error
    examples = list(_listed(text, path) if text.lstrip().startswith("[") else _lines(text, path))
    if not examples:
        raise DataInvalid(f"{path}: holds no texts")
    return examples


def _lines(text: str, path: Path) -> Iterator[Example]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            place = f"{path}:{number}"
            yield _example(
                _json(line, place), place, "text", "annotations", ("start", "end", "kind")
            )


def _listed(text: str, path: Path) -> Iterator[Example]:
    fields = ("start_position", "end_position", "entity_type")
    for number, item in enumerate(_json(text, str(path))):
        is_theirs = isinstance(item, dict) and "full_text" in item
        place = f"{path}[{number}]"
        if is_theirs:
            yield _example(item, place, "full_text", "spans", fields)
        else:
            yield _example(item, place, "text", "annotations", ("start", "end", "kind"))


def _example(
    item: Any, place: str, text_field: str, spans_field: str, fields: tuple[str, str, str]
) -> Example:
    try:
        text, spans = item[text_field], item[spans_field]
        marked = tuple(Annotation(*(span[field] for field in fields)) for span in spans)
        is_right = isinstance(text, str) and all(
            0 <= span.start < span.end <= len(text) and isinstance(span.kind, str)
            for span in marked
        )
    except (KeyError, TypeError, IndexError) as error:
        raise DataInvalid(f"{place}: needs `{text_field}` and `{spans_field}`") from error
    if not is_right:
        raise DataInvalid(f"{place}: a span lies outside of its text")
    return Example(str(item.get("id", place)), text, marked)


def _json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataInvalid(f"{place}: is not JSON") from error


def _normal(name: str) -> str:
    """Return a name without what different writers put between its words."""
    return re.sub(r"[^a-z0-9]+", "", _PREFIXES.sub("", name).lower())
