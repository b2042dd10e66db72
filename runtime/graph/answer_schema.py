"""Whether a JSON value fits a schema, for the keywords that are quick to check whatever the value.

``type``, ``enum``, ``properties``, ``required``, ``additionalProperties: false``, ``items``,
lengths, item counts and bounds of numbers. Regular expressions and references are left out: a
schema may come with a request, and neither has a bound on its time or on what it reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["fits_schema", "schema_problem"]

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_ANNOTATIONS: Final = frozenset({"$schema", "title", "description", "default", "examples"})
_BOUNDS: Final = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")
_KNOWN: Final = _ANNOTATIONS.union(
    _BOUNDS, ("type", "enum", "properties", "required", "additionalProperties", "items")
)
_DEEPEST: Final = 32


def schema_problem(text: str) -> str | None:
    """Say why a schema's text cannot be checked against, or ``None`` when it can."""
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError):
        return "is not JSON"
    return _problem(schema, _DEEPEST)


def fits_schema(value: object, schema: Mapping[str, Any]) -> bool:
    """Whether a JSON value fits a schema in which ``schema_problem`` found nothing."""
    kinds = schema.get("type")
    if kinds is not None and not any(_is_of(value, kind) for kind in _listed(kinds)):
        return False
    if "enum" in schema and not any(_is_same(value, allowed) for allowed in schema["enum"]):
        return False
    if isinstance(value, dict):
        return _fits_object(value, schema)
    if isinstance(value, list):
        items = schema.get("items", {})
        return _is_within(len(value), schema, "minItems", "maxItems") and all(
            fits_schema(item, items) for item in value
        )
    if isinstance(value, str):
        return _is_within(len(value), schema, "minLength", "maxLength")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _is_within(value, schema, "minimum", "maximum")
    return True


def _fits_object(value: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
    properties = schema.get("properties", {})
    if any(name not in value for name in schema.get("required", ())):
        return False
    if schema.get("additionalProperties") is False and not set(value) <= set(properties):
        return False
    return all(fits_schema(value[name], properties[name]) for name in value if name in properties)


def _is_of(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])


def _is_same(value: object, allowed: object) -> bool:
    return isinstance(value, bool) == isinstance(allowed, bool) and value == allowed


def _is_within(size: float, schema: Mapping[str, Any], least: str, most: str) -> bool:
    return bool(schema.get(least, size) <= size <= schema.get(most, size))


def _listed(kinds: object) -> list[str]:
    return [kinds] if isinstance(kinds, str) else list(kinds) if isinstance(kinds, list) else []


def _problem(schema: object, depth: int) -> str | None:
    if not isinstance(schema, dict):
        return "must be an object, inside too"
    if not depth:
        return f"is nested deeper than {_DEEPEST}"
    unknown = sorted(set(schema) - _KNOWN)
    if unknown:
        return f'uses "{unknown[0]}", which the rule cannot check; leave it out'
    return _wrong_keyword(schema) or _problem_inside(schema, depth)


def _wrong_keyword(schema: Mapping[str, Any]) -> str | None:
    kinds = _listed(schema.get("type", []))
    if ("type" in schema and not kinds) or any(kind not in _TYPES for kind in kinds):
        return "names a type that JSON does not have"
    if not isinstance(schema.get("enum", []), list):
        return "needs a list as enum"
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        return "needs a list of names as required"
    if schema.get("additionalProperties", True) not in (True, False):
        return "may say only true or false of additionalProperties"
    for name in _BOUNDS:
        bound = schema.get(name, 0)
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            return f"needs a number as {name}"
    return None


def _problem_inside(schema: Mapping[str, Any], depth: int) -> str | None:
    properties = schema.get("properties", {})
    if not isinstance(properties, dict):
        return "needs an object as properties"
    inside = [*properties.values(), *([schema["items"]] if "items" in schema else [])]
    return next((found for one in inside if (found := _problem(one, depth - 1))), None)
