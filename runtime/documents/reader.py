"""Read YAML (of which JSON is a part) into plain data, every value with its line.

Deliberately smaller than YAML: no tags, no merge keys, text keys only, YAML 1.2 scalars
(``yes`` is text, ``2026-01-01`` is text), and bounds on size, depth, entries and aliases.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Final

import yaml

from runtime.documents.document import Document, Path
from runtime.documents.os_reason import os_reason
from runtime.errors import DocumentInvalid

__all__ = ["MAX_DOCUMENT_BYTES", "document_from_data", "parse_document", "read_document"]

MAX_DOCUMENT_BYTES: Final = 256 * 1024
"""Larger documents are refused unread."""
MAX_DEPTH: Final = 24
"""Deepest nesting of mappings and lists."""
MAX_VALUES: Final = 20_000
"""Most values of a document, counted after aliases are written out."""
MAX_ALIASES: Final = 100
"""Most uses of ``*alias``."""

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE"})
_FALSE: Final = frozenset({"false", "False", "FALSE"})
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_NUMBER: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LONGEST_NUMBER: Final = 40
_LOOKS_UNQUOTED: Final = re.compile(r"^\s*(?:- |[^:\"']+: )\s*[\[{*&!|>%@`]")
_QUOTES_HINT: Final = "; if this line holds text, put it in quotes"


def read_document(path: FilePath, *, error: type[DocumentInvalid]) -> Document:
    """Read and parse a file.

    Raises:
        DocumentInvalid: As ``error``, when the file cannot be read or parsed.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as failure:
        raise error(f"cannot be read: {os_reason(failure)}", file=str(path)) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        if len(raw) <= MAX_DOCUMENT_BYTES:  # else the cut made it so, and size is the reason
            line = raw.count(b"\n", 0, failure.start) + 1
            raise error("is not UTF-8 text", file=str(path), line=line) from None
        text = raw.decode("utf-8-sig", "replace")
    return parse_document(text, error=error, file=str(path))


def parse_document(text: str, *, error: type[DocumentInvalid], file: str = "") -> Document:
    """Parse the text of one document.

    Raises:
        DocumentInvalid: As ``error``, with the line of the first thing that cannot be read.
    """
    if len(text) > MAX_DOCUMENT_BYTES or len(text.encode("utf-8", "replace")) > MAX_DOCUMENT_BYTES:
        raise error(f"is larger than {MAX_DOCUMENT_BYTES // 1024} KiB", file=file)
    builder = _Builder()
    try:
        data = builder.root(_compose(_without_json_tabs(text)))
    except _Unusable as failure:
        raise error(failure.reason, file=file, line=failure.line) from None
    return Document(data, error, file, builder.lines)


def document_from_data(data: object, *, error: type[DocumentInvalid], file: str = "") -> Document:
    """Wrap data that is already plain, with the same bounds and without lines.

    Raises:
        DocumentInvalid: As ``error``, when ``data`` is not a mapping of JSON values.
    """
    if not isinstance(data, Mapping):
        raise error("must be a mapping of keys to values", file=file)
    try:
        text = json.dumps(_text_keys(data, 0), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise error("holds something that JSON cannot express", file=file) from None
    if len(text) > MAX_DOCUMENT_BYTES:
        raise error(f"is larger than {MAX_DOCUMENT_BYTES // 1024} KiB", file=file)
    plain: dict[str, object] = json.loads(text)
    return Document(plain, error, file)


def _text_keys(value: object, depth: int) -> object:
    if depth > MAX_DEPTH:
        raise ValueError("too deep")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a key is not text")
        return {_whole_characters(key): _text_keys(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_text_keys(item, depth + 1) for item in value]
    return _whole_characters(value) if isinstance(value, str) else value


class _Unusable(Exception):
    """Why a text cannot be read, and its one-based line (0: nowhere in particular)."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


class _BoundedLoader(yaml.SafeLoader):
    """Composes nodes and refuses what could cost more than its text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._aliases = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs lag here
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            self._aliases += 1
            if self._aliases > MAX_ALIASES:
                raise _Unusable(f"uses more than {MAX_ALIASES} aliases", line)
        elif getattr(event, "tag", None) is not None:
            raise _Unusable("uses a YAML tag (!...), which is not allowed", line)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _Unusable(f"nests deeper than {MAX_DEPTH} levels", line)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _compose(text: str) -> yaml.Node | None:
    try:
        loader = _BoundedLoader(text)
        return loader.get_single_node()
    except yaml.MarkedYAMLError as failure:
        mark = failure.problem_mark or failure.context_mark
        detail = " ".join((failure.problem or failure.context or "malformed").split())
        line = mark.line if mark else -1
        hint = _QUOTES_HINT if _LOOKS_UNQUOTED.search(_line_at(text, line)) else ""
        raise _Unusable(f"is not valid YAML: {detail}{hint}", line + 1) from None
    except yaml.reader.ReaderError as failure:
        line = text.count("\n", 0, failure.position) + 1
        raise _Unusable("holds a character that YAML does not allow", line) from None
    except (yaml.YAMLError, ValueError, OverflowError, IndexError):
        # PyYAML lets some scanner slips out as built-in errors, e.g. `\\Uffffffff` or `%YAML 9`.
        raise _Unusable("is not valid YAML", 0) from None


def _line_at(text: str, line: int) -> str:
    lines = text.split("\n")
    return lines[line] if 0 <= line < len(lines) else ""


def _without_json_tabs(text: str) -> str:
    """Let JSON be indented with tabs, which YAML forbids and JSON never holds inside text."""
    if "\t" not in text or not text.lstrip().startswith("{"):
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text.replace("\t", " ")


@dataclass(slots=True)
class _Builder:
    """Turns nodes into plain data and remembers the line of every path."""

    lines: dict[Path, int] = field(default_factory=dict)
    values: int = 0

    def root(self, node: yaml.Node | None) -> dict[str, object]:
        if node is None:
            raise _Unusable("is empty", 0)
        if not isinstance(node, yaml.MappingNode):
            raise _Unusable("must be a mapping of keys to values", node.start_mark.line + 1)
        return self.mapping(node, (), 0)

    def mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, object]:
        self._enter(node, depth)
        self.lines.setdefault(path, node.start_mark.line + 1)
        data: dict[str, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = _key(key_node)
            if key in data:
                raise _Unusable(f'has the key "{_short(key)}" twice; keep one', line)
            self.lines[(*path, key)] = line
            data[key] = self._value(value_node, (*path, key), depth + 1)
        return data

    def _value(self, node: yaml.Node, path: Path, depth: int) -> object:
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path, depth)
        self._enter(node, depth)
        if isinstance(node, yaml.SequenceNode):
            items: list[object] = []
            for position, item in enumerate(node.value):
                self.lines[(*path, position)] = item.start_mark.line + 1
                items.append(self._value(item, (*path, position), depth + 1))
            return items
        return _scalar(node)

    def _enter(self, node: yaml.Node, depth: int) -> None:
        self.values += 1
        line = node.start_mark.line + 1
        if self.values > MAX_VALUES:
            raise _Unusable(f"holds more than {MAX_VALUES} values once aliases are applied", line)
        if depth > MAX_DEPTH:
            raise _Unusable(f"nests deeper than {MAX_DEPTH} levels once aliases are applied", line)


def _key(node: yaml.Node) -> str:
    line = node.start_mark.line + 1
    value = _scalar(node) if isinstance(node, yaml.ScalarNode) else None
    if not isinstance(value, str):
        raise _Unusable("has a key that is not text; put it in quotes", line)
    if value == "<<":
        raise _Unusable("uses a merge key (<<); write the values out", line)
    return value


def _scalar(node: yaml.Node) -> object:
    text, line = str(node.value), node.start_mark.line + 1
    if getattr(node, "style", None) is not None:
        try:
            return _whole_characters(text)
        except ValueError:
            raise _Unusable("holds half of a character (a lone surrogate)", line) from None
    if text in _NULLS:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _NUMBER.fullmatch(text):
        return _number(text, line)
    return text


def _number(text: str, line: int) -> int | float:
    if len(text) > _LONGEST_NUMBER:
        raise _Unusable("holds a number with too many digits", line)
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text)
    if not math.isfinite(number):
        raise _Unusable("holds a number that is too large", line)
    return number


def _whole_characters(text: str) -> str:
    """Join the surrogate pairs that JSON's escapes leave; ``ValueError`` for half a pair."""
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16")


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."
