"""From a JSON schema to a GBNF grammar whose every text is JSON that the schema accepts.

llama-cpp-python ships a converter; it lets raw control characters into strings, forgets to
escape backslashes and fails on recursive schemas, so this one is our own. A keyword that a
grammar cannot enforce is refused: better no answer than one that breaks its schema unseen.
Properties come in the order in which the schema lists them, and no others do unless it says
``additionalProperties``.
"""

import json
from typing import Any, Final

from edge.engine.formats import FORMATS, FREE_FORMATS, LEAST_CHARACTERS, MOST_CHARACTERS
from edge.engine.numbers import Bounds, integer_body, number_body
from edge.engine.patterns import literal, pattern_body
from edge.engine.rules import RuleBook
from runtime.errors import RequestInvalid

__all__ = ["MAX_GRAMMAR_BYTES", "add_schema", "grammar_from_schema"]

MAX_GRAMMAR_BYTES: Final = 512 << 10
_ANNOTATIONS: Final = frozenset(
    {"$comment", "$defs", "$id", "$schema", "contentEncoding", "contentMediaType", "default",
     "definitions", "deprecated", "description", "discriminator", "example", "examples",
     "readOnly", "title", "writeOnly"}
)  # fmt: skip
_BOUNDS: Final = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_CONSTRAINTS: Final = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "integer": _BOUNDS | {"format"},
    "number": _BOUNDS | {"format"},
    "boolean": frozenset[str](),
    "null": frozenset[str](),
}
_NUMBER_FORMATS: Final = frozenset({"double", "float", "int32", "int64"})
_INT32: Final = (-(2**31), 2**31 - 1)
_NAMEABLE: Final = frozenset(
    {"$anchor", "$dynamicRef", "allOf", "anyOf", "const", "contains", "dependentRequired",
     "dependentSchemas", "else", "enum", "if", "maxContains", "maxProperties", "minContains",
     "minProperties", "multipleOf", "not", "oneOf", "patternProperties", "propertyNames", "then",
     "unevaluatedItems", "unevaluatedProperties", "uniqueItems"}
).union(*_CONSTRAINTS.values())  # fmt: skip
"""Keywords that a refusal may quote; any other may be content."""
_PYTHON_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_TYPE_OF: Final = {
    keyword: name
    for name, keywords in _CONSTRAINTS.items()
    for keyword in keywords - _BOUNDS - {"format"}
} | dict.fromkeys(_BOUNDS, "number")


def grammar_from_schema(schema: str) -> str:
    """Convert a schema that passed ``limits.check_schema``.

    Raises:
        RequestInvalid: It is malformed, or says what a grammar cannot enforce.
    """
    try:
        book = RuleBook()
        grammar = book.grammar(add_schema(book, json.loads(schema)))
        size_bytes = len(grammar.encode())
    except (RecursionError, ValueError):  # a chain of references; half a surrogate pair, NaN
        raise RequestInvalid("json_schema cannot be turned into a grammar") from None
    if size_bytes > MAX_GRAMMAR_BYTES:
        raise RequestInvalid("json_schema makes a grammar that is too large")
    return grammar


def add_schema(book: RuleBook, document: dict[str, Any]) -> str:
    """Add the rules of a schema; return the name of the one that its values follow.

    Raises:
        RequestInvalid: It is malformed, or says what a grammar cannot enforce.
        RecursionError: Its references nest too deeply.
        ValueError: It holds what JSON cannot say.
    """
    return _Converter(document, book).convert()


class _Converter:
    """Writes one rule per schema of a document."""

    def __init__(self, document: dict[str, Any], book: RuleBook) -> None:
        self._document = document
        self._book = book
        self._add = book.add
        self._references: dict[str, str] = {}

    def convert(self) -> str:
        return self._visit(self._document)

    def _visit(self, schema: Any) -> str:
        """Return the name of a rule for a schema."""
        if schema is True:
            return "value"
        if not isinstance(schema, dict):
            raise RequestInvalid("json_schema: a schema is neither an object nor true")
        schema = _without_implied_type(_without_extensions(schema))
        if "nullable" in schema:
            return self._nullable(dict(schema))
        for keyword, convert in (
            ("$ref", self._reference),
            ("anyOf", self._union),
            ("oneOf", self._union),
            ("allOf", self._single),
            ("enum", self._constants),
        ):
            if keyword in schema:
                _refuse_beside(schema, {keyword})
                return convert(schema[keyword])
        if "const" in schema:
            _refuse_beside(schema, {"const"})
            return self._constants([schema["const"]])
        return self._typed(schema)

    def _nullable(self, schema: dict[str, Any]) -> str:
        takes_null = schema.pop("nullable") is True
        name = self._visit(schema)
        return self._add(f"{name} | null") if takes_null else name

    def _reference(self, reference: Any) -> str:
        if not isinstance(reference, str) or not (reference + "/").startswith("#/"):
            raise RequestInvalid("json_schema: $ref must point into the same document")
        if reference not in self._references:
            name = self._references[reference] = self._book.reserve()
            self._book.fill(name, self._visit(self._target(reference)))
        return self._references[reference]

    def _target(self, reference: str) -> Any:
        node: Any = self._document
        for part in reference.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, dict) or key not in node:
                raise RequestInvalid("json_schema: a $ref points nowhere")
            node = node[key]
        if isinstance(node, dict) and node.get("$ref") == reference:
            raise RequestInvalid("json_schema: a $ref points at itself")
        return node

    def _union(self, schemas: Any) -> str:
        return self._add(" | ".join(map(self._visit, _filled_list(schemas))))

    def _single(self, schemas: Any) -> str:
        if len(_filled_list(schemas)) > 1:
            raise RequestInvalid("json_schema: allOf of several schemas cannot be enforced")
        return self._visit(schemas[0])

    def _constants(self, values: Any) -> str:
        texts = [
            json.dumps(value, ensure_ascii=False, allow_nan=False) for value in _filled_list(values)
        ]
        return self._add(f"({' | '.join(map(literal, texts))}) space")

    def _typed(self, schema: dict[str, Any]) -> str:
        kinds = schema.get("type")
        if kinds is None:
            implied = {_TYPE_OF[keyword] for keyword in schema if keyword in _TYPE_OF}
            _refuse_beside(schema, {*_TYPE_OF, "format"})
            if not implied:
                return "value" if "format" not in schema else self._string(schema)
            kinds = sorted(implied)
        kinds = _filled_list(kinds if isinstance(kinds, list) else [kinds])
        if not all(isinstance(kind, str) and kind in _CONSTRAINTS for kind in kinds):
            raise RequestInvalid("json_schema: a type does not exist")
        allowed = {"type"}.union(*(_CONSTRAINTS[kind] for kind in kinds))
        _refuse_beside(schema, allowed)
        names = [self._of_type(kind, schema) for kind in kinds]
        return names[0] if len(names) == 1 else self._add(" | ".join(names))

    def _of_type(self, kind: str, schema: dict[str, Any]) -> str:
        if not any(keyword in schema for keyword in _CONSTRAINTS[kind]):
            return kind
        if kind == "object":
            return self._object(schema)
        if kind == "array":
            return self._array(schema)
        if kind == "string":
            return self._string(schema)
        return self._number(schema, is_whole=kind == "integer")

    def _object(self, schema: dict[str, Any]) -> str:
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        if not isinstance(properties, dict) or not isinstance(required, list):
            raise RequestInvalid("json_schema: properties or required is malformed")
        if not all(isinstance(name, str) and name in properties for name in required):
            raise RequestInvalid("json_schema: required names a property that is not listed")
        more = schema.get("additionalProperties", not properties)
        rest = begin = '""'
        if more is not False:
            key = self._book.key_except(frozenset(properties)) if properties else "string"
            pair = f'{key} space ":" space {self._visit(more)}'
            rest = self._add(f'("," space {pair})*')
            begin = self._add(f"({pair} {rest})?")
        for name, child in reversed(properties.items()):
            key = literal(json.dumps(name, ensure_ascii=False))
            pair = self._add(f'{key} space ":" space {self._visit(child)}')
            if name in required:
                begin, rest = self._add(f"{pair} {rest}"), self._add(f'"," space {pair} {rest}')
            else:
                begin = self._add(f"{pair} {rest} | {begin}")
                rest = self._add(f'("," space {pair})? {rest}')
        return self._add(f'"{{" space {begin} "}}" space')

    def _array(self, schema: dict[str, Any]) -> str:
        least, most = _counts(schema, "minItems", "maxItems")
        if "prefixItems" in schema:
            parts = _filled_list(schema["prefixItems"])
            if least > len(parts) or (most is not None and most < len(parts)):
                raise RequestInvalid("json_schema: prefixItems fit neither minItems nor maxItems")
            items = ' "," space '.join(map(self._visit, parts))
            return self._add(f'"[" space {items} "]" space')
        if most == 0:
            return self._add('"[" space "]" space')
        item = self._visit(schema.get("items", True))
        upper = "" if most is None else str(most - 1)
        items = f'{item} ("," space {item}){{{max(least - 1, 0)},{upper}}}'
        return self._add(f'"[" space ({items}){"" if least else "?"} "]" space')

    def _string(self, schema: dict[str, Any]) -> str:
        least, most = _counts(schema, "minLength", "maxLength")
        body = f"char{{{least},{'' if most is None else most}}}"
        pattern, layout = schema.get("pattern"), _format_of(schema)
        if layout in FREE_FORMATS:
            layout = None
        if pattern is not None:
            _refuse_beside(schema, {"type", "pattern"} | ({"format"} if layout is None else set()))
            if not isinstance(pattern, str):
                raise RequestInvalid("json_schema: a pattern is no text")
            body = pattern_body(pattern)
        elif layout is not None:
            _refuse_beside(schema, {"type", "format", "minLength", "maxLength"})
            if least > LEAST_CHARACTERS or (most is not None and most < MOST_CHARACTERS):
                raise RequestInvalid("json_schema: a length that a format does not keep")
            if layout not in FORMATS:
                known = ", ".join(sorted(FORMATS))
                raise RequestInvalid(f"json_schema: a format that is none of {known}")
            body = FORMATS[layout]
        return self._add(f'"\\"" {body} "\\"" space')

    def _number(self, schema: dict[str, Any], *, is_whole: bool) -> str:
        layout = _format_of(schema)
        if layout is not None and layout not in _NUMBER_FORMATS:
            raise RequestInvalid("json_schema: a format of numbers that is not known")
        low, is_low_open = _bound(schema, "minimum", "exclusiveMinimum")
        high, is_high_open = _bound(schema, "maximum", "exclusiveMaximum")
        if is_whole:
            low = None if low is None else low + is_low_open
            high = None if high is None else high - is_high_open
            is_low_open = is_high_open = False
            if layout == "int32":
                low = _INT32[0] if low is None else max(low, _INT32[0])
                high = _INT32[1] if high is None else min(high, _INT32[1])
        bounds = Bounds(low, high, is_low_open=is_low_open, is_high_open=is_high_open)
        body = ""
        if bounds.are_usable:
            body = integer_body(low, high) if is_whole else number_body(bounds)
        if not body:
            raise RequestInvalid("json_schema: these bounds of a number cannot be enforced")
        return self._add(f"({body}) space")


def _format_of(schema: dict[str, Any]) -> str | None:
    layout = schema.get("format")
    if layout is not None and not isinstance(layout, str):
        raise RequestInvalid("json_schema: a format is no text")
    return layout


def _without_implied_type(schema: dict[str, Any]) -> dict[str, Any]:
    """Drop a ``type`` that every value of ``enum`` or ``const`` has anyway."""
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    kind = schema.get("type")
    if isinstance(values, list) and isinstance(kind, str):
        python_types = _PYTHON_TYPES.get(kind, ())
        if all(type(value) in python_types for value in values):
            return {keyword: value for keyword, value in schema.items() if keyword != "type"}
    return schema


def _without_extensions(schema: dict[str, Any]) -> dict[str, Any]:
    """Drop what tools note in schemas for each other."""
    if not any(keyword.startswith("x-") for keyword in schema):
        return schema
    return {keyword: value for keyword, value in schema.items() if not keyword.startswith("x-")}


def _refuse_beside(schema: dict[str, Any], allowed: set[str]) -> None:
    """Refuse keywords that would be ignored."""
    ignored = sorted(schema.keys() - _ANNOTATIONS - allowed)
    if not ignored:
        return
    named = [keyword for keyword in ignored if keyword in _NAMEABLE]
    what = f"{named[0]} here" if named else "a keyword that is not known"
    raise RequestInvalid(f"json_schema uses {what}, which cannot be enforced")


def _bound(schema: dict[str, Any], closed: str, opened: str) -> tuple[int | None, bool]:
    """Return a bound, and whether it is itself left out."""
    if closed in schema and opened in schema:
        raise RequestInvalid(f"json_schema: {closed} and {opened} exclude each other")
    value = schema.get(closed, schema.get(opened))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise RequestInvalid(f"json_schema: only whole numbers can be a {closed}")
    return value, opened in schema


def _filled_list(values: Any) -> list[Any]:
    if not isinstance(values, list) or not values:
        raise RequestInvalid("json_schema: a list is missing or empty")
    return values


def _counts(schema: dict[str, Any], low: str, high: str) -> tuple[int, int | None]:
    least, most = schema.get(low, 0), schema.get(high)
    if not isinstance(least, int) or not isinstance(most, int | None):
        raise RequestInvalid(f"json_schema: {low} or {high} is no whole number")
    if most is not None and most < least:
        raise RequestInvalid(f"json_schema: {low} exceeds {high}")
    return least, most
