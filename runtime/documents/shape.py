"""Check a document's shape with pydantic and say what is wrong in plain sentences.

Knows pydantic's error catalogue; knows no particular document.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from runtime.documents.document import Document, Path, Problem
from runtime.documents.names import PATTERN_SENTENCES
from runtime.documents.suggest import did_you_mean, listed

__all__ = ["Shape", "read_shape", "schema_of"]

ShapeT = TypeVar("ShapeT", bound="Shape")


class Shape(BaseModel):
    """Base of document models: unknown keys are refused, docstrings become the schema's texts."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_by_alias=True,
        validate_by_name=True,
    )


def read_shape(document: Document, shape: type[ShapeT], *, version: str) -> ShapeT:
    """Return ``document`` as ``shape``.

    Args:
        document: The parsed document.
        shape: The model it should fit.
        version: What its ``leeward`` key must say, such as ``graph/v1``.

    Raises:
        DocumentInvalid: As ``document.error``, for the first problem by line.
    """
    stated = document.data.get("leeward")
    if stated is None:
        raise document.invalid(f"must say what it is: add the line `leeward: {version}`")
    if stated != version:
        said = f'"{stated[:40]}"' if isinstance(stated, str) else "something else"
        raise document.invalid(f'must be "{version}" here, not {said}', ("leeward",))
    try:
        # JSON mode: strict about types, yet dates and enumerations may be written as text.
        return shape.model_validate_json(json.dumps(document.data), strict=True)
    except ValidationError as failure:
        schema = schema_of(shape)
        details = _without_echoes(failure.errors(include_url=False))
        # On one line, an unknown key goes before what else is wrong there.
        details.sort(key=lambda detail: detail["type"] != "extra_forbidden")
        document.refuse(_problem(detail, document, schema) for detail in details)
        raise document.invalid("has an unknown problem") from None


def schema_of(shape: type[Shape]) -> dict[str, Any]:
    """Return the JSON schema (2020-12) of a document, for editors."""
    schema = shape.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _without_echoes(details: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out a missing key where its misspelling stands: the unknown key says it better."""
    unknown: dict[tuple[str | int, ...], list[str]] = {}
    for detail in details:
        if detail["type"] == "extra_forbidden":
            unknown.setdefault(detail["loc"][:-1], []).append(str(detail["loc"][-1]))
    return [
        detail
        for detail in details
        if detail["type"] != "missing"
        or not did_you_mean(str(detail["loc"][-1]), unknown.get(detail["loc"][:-1], []))
    ]


def _problem(detail: ErrorDetails, document: Document, schema: Mapping[str, Any]) -> Problem:
    path, value = _locate(detail, document.data)
    kind, context = detail["type"], dict(detail.get("ctx", {}))
    if kind == "extra_forbidden":
        known = sorted(_keys_at(schema, path[:-1]))
        reason = f"is not a known key{did_you_mean(str(path[-1]), known)}"
        if not reason.endswith("?"):
            reason += f"; known here: {listed(known)}"
        return Problem(path, reason)
    if kind in {"enum", "literal_error"}:
        return Problem(path, _not_one_of(value, str(context["expected"])))
    sentence = _SENTENCES.get(kind)
    if sentence is None:
        return Problem(path, detail["msg"][:1].lower() + detail["msg"][1:])
    return Problem(path, sentence(context))


def _locate(detail: ErrorDetails, data: object) -> tuple[Path, object]:
    """Return the document path of an error and the value there.

    Pydantic's location also holds names of union members and ``[key]``; these are no places in
    the document and fall out, except a last part that names a missing key.
    """
    path: list[str | int] = []
    value = data
    parts = detail["loc"]
    for position, part in enumerate(parts):
        is_key = isinstance(value, Mapping) and part in value
        is_entry = isinstance(value, list) and isinstance(part, int) and part < len(value)
        if is_key or is_entry:
            value = value[part]  # type: ignore[index]  # one of the two lines above
        elif detail["type"] == "missing" and position == len(parts) - 1:
            value = None
        else:
            continue
        path.append(part)
    if parts and parts[-1] == "[key]":
        value = path[-1]
    return tuple(path), value


def _keys_at(schema: Mapping[str, Any], path: Path) -> set[str]:
    """Return the keys that some alternative of ``schema`` allows in the mapping at ``path``."""
    places = list(_alternatives(schema, schema))
    for part in path:
        below = [child for place in places for child in _children(place, part)]
        places = [option for child in below for option in _alternatives(child, schema)]
    return {key for place in places for key in place.get("properties", {})}


def _alternatives(place: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "$ref" in place:
        name = str(place["$ref"]).rsplit("/", 1)[-1]
        yield from _alternatives(root["$defs"][name], root)
        return
    options = [*place.get("anyOf", ()), *place.get("oneOf", ())]
    if not options:
        yield place
    for option in options:
        yield from _alternatives(option, root)


def _children(place: Mapping[str, Any], part: str | int) -> Iterator[Mapping[str, Any]]:
    properties = place.get("properties", {})
    if part in properties:
        yield properties[part]
    patterns = place.get("patternProperties", {})
    for child in (*patterns.values(), place.get("additionalProperties"), place.get("items")):
        if isinstance(child, Mapping):
            yield child


def _not_one_of(value: object, expected: str) -> str:
    # pydantic writes the choices as 'a', 'b' or 'c'
    choices = [part.strip().strip("'") for part in expected.replace(" or ", ", ").split(", ")]
    if not isinstance(value, str):
        return f"must be one of {listed(choices)}"
    return f'"{value[:40]}" is not one of {listed(choices)}{did_you_mean(value, choices)}'


def _text(sentence: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda context: sentence.format(**context)


_SENTENCES: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "missing": _text("is required"),
    "string_type": _text("must be text; put it in quotes"),
    "int_type": _text("must be a whole number"),
    "int_from_float": _text("must be a whole number"),
    "int_parsing_size": _text("is too large a number"),
    "float_type": _text("must be a number"),
    "finite_number": _text("must be a finite number"),
    "bool_type": _text("must be true or false"),
    "dict_type": _text("must be a mapping of keys to values"),
    "model_type": _text("must be a mapping of keys to values"),
    "model_attributes_type": _text("must be a mapping of keys to values"),
    "list_type": _text("must be a list"),
    "greater_than": _text("must be more than {gt}"),
    "greater_than_equal": _text("must be at least {ge}"),
    "less_than": _text("must be less than {lt}"),
    "less_than_equal": _text("must be at most {le}"),
    "string_too_short": _text("must not be shorter than {min_length} characters"),
    "string_too_long": _text("must not be longer than {max_length} characters"),
    "string_pattern_mismatch": lambda context: PATTERN_SENTENCES.get(
        str(context["pattern"]), f"must fit the pattern {context['pattern']}"
    ),
    "too_short": _text("needs at least {min_length} entries, has {actual_length}"),
    "too_long": _text("may have at most {max_length} entries, has {actual_length}"),
    "date_type": _text("must be a date such as 2026-01-31"),
    "date_from_datetime_parsing": _text("must be a date such as 2026-01-31"),
    "date_parsing": _text("must be a date such as 2026-01-31"),
    "union_tag_invalid": _text("has the wrong form"),
}
