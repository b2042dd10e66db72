"""From a JSON schema to a GBNF grammar whose every text is JSON that the schema accepts.

llama-cpp-python ships a converter; it lets raw control characters into strings, forgets to
escape backslashes and fails on recursive schemas, so this one is our own. A keyword that a
grammar cannot enforce is refused: better no answer than one that breaks its schema unseen.
Properties come in the order in which the schema lists them, and no others do unless it says
``additionalProperties``.
"""

import json
from typing import Any, Final

from edge.engine.patterns import literal, pattern_body
from runtime.errors import RequestInvalid

__all__ = ["grammar_from_schema"]

_MAX_GRAMMAR_BYTES: Final = 512 << 10
_MAX_ENUMERATED: Final = 1000
_SPACE: Final = '" "?'
_CHARACTER: Final = r'[^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt/] | "u" [0-9a-fA-F]{4})'
_PRIMITIVES: Final = {
    "space": _SPACE,
    "char": _CHARACTER,
    "string": r'"\"" char* "\"" space',
    "boolean": '("true" | "false") space',
    "null": '"null" space',
    "integer": '"-"? natural space',
    "natural": '"0" | [1-9] [0-9]{0,15}',
    "number": '"-"? natural ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})? space',
    "value": "object | array | string | number | boolean | null",
    "object": '"{" space (string ":" space value ("," space string ":" space value)*)? "}" space',
    "array": '"[" space (value ("," space value)*)? "]" space',
    "date": '[0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [12] [0-9] | "3" [01])',
    "time": '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})? zone',
    "zone": '"Z" | [-+] ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9]',
    "uuid": '[0-9a-f]{8} ("-" [0-9a-f]{4}){3} "-" [0-9a-f]{12}',
}
_FORMATS: Final = {"date": "date", "time": "time", "date-time": 'date "T" time', "uuid": "uuid"}
_ANNOTATIONS: Final = frozenset(
    {"$comment", "$defs", "$id", "$schema", "default", "definitions", "deprecated", "description",
     "examples", "format", "readOnly", "title", "writeOnly"}
)  # fmt: skip
_CONSTRAINTS: Final = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength", "pattern"}),
    "integer": frozenset({"minimum", "maximum"}),
    "number": frozenset(),
    "boolean": frozenset(),
    "null": frozenset(),
}
_PYTHON_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_TYPE_OF: Final = {keyword: name for name, keywords in _CONSTRAINTS.items() for keyword in keywords}


def grammar_from_schema(schema: str) -> str:
    """Convert a schema that passed ``limits.check_schema``.

    Raises:
        RequestInvalid: It is malformed, or says what a grammar cannot enforce.
    """
    try:
        grammar = _Converter(json.loads(schema)).convert()
        size_bytes = len(grammar.encode())
    except (RecursionError, ValueError):  # a chain of references; half a surrogate pair, NaN
        raise RequestInvalid("json_schema cannot be turned into a grammar") from None
    if size_bytes > _MAX_GRAMMAR_BYTES:
        raise RequestInvalid("json_schema makes a grammar that is too large")
    return grammar


class _Converter:
    """Writes one rule per schema; rules refer to each other by number."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._rules: dict[str, str] = {}
        self._references: dict[str, str] = {}

    def convert(self) -> str:
        root = self._visit(self._document)
        rules = {"root": root, **self._rules, **_PRIMITIVES}
        return "\n".join(f"{name} ::= {body}" for name, body in rules.items()) + "\n"

    def _add(self, body: str) -> str:
        name = f"r{len(self._rules)}"
        self._rules[name] = body
        return name

    def _visit(self, schema: Any) -> str:
        """Return the name of a rule for a schema."""
        if schema is True:
            return "value"
        if not isinstance(schema, dict):
            raise RequestInvalid("json_schema: a schema is neither an object nor true")
        schema = _without_implied_type(schema)
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

    def _reference(self, reference: Any) -> str:
        if not isinstance(reference, str) or not (reference + "/").startswith("#/"):
            raise RequestInvalid("json_schema: $ref must point into the same document")
        if reference not in self._references:
            name = self._references[reference] = self._add("")  # first, so that it may recur
            self._rules[name] = self._visit(self._target(reference))
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
            _refuse_beside(schema, set(_TYPE_OF))
            if not implied:
                return "value"
            kinds = sorted(implied)
        kinds = _filled_list(kinds if isinstance(kinds, list) else [kinds])
        if not all(isinstance(kind, str) and kind in _CONSTRAINTS for kind in kinds):
            raise RequestInvalid("json_schema: a type does not exist")
        allowed = {"type"}.union(*(_CONSTRAINTS[kind] for kind in kinds))
        _refuse_beside(schema, allowed)
        names = [self._of_type(kind, schema) for kind in kinds]
        return names[0] if len(names) == 1 else self._add(" | ".join(names))

    def _of_type(self, kind: str, schema: dict[str, Any]) -> str:
        if not any(keyword in schema for keyword in (*_CONSTRAINTS[kind], "format")):
            return kind
        if kind == "object":
            return self._object(schema)
        if kind == "array":
            return self._array(schema)
        if kind == "string":
            return self._string(schema)
        return self._integer(schema) if kind == "integer" else kind

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
            pair = f'string ":" space {self._visit(more)}'
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
            _refuse_beside(schema, {"type", "prefixItems"})
            items = ' "," space '.join(map(self._visit, _filled_list(schema["prefixItems"])))
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
        pattern, layout = schema.get("pattern"), schema.get("format")
        if pattern is not None:
            _refuse_beside(schema, {"type", "pattern"})
            if not isinstance(pattern, str):
                raise RequestInvalid("json_schema: a pattern is no text")
            body = pattern_body(pattern)
        elif isinstance(layout, str) and layout in _FORMATS:
            body = _FORMATS[layout]
        return self._add(f'"\\"" {body} "\\"" space')

    def _integer(self, schema: dict[str, Any]) -> str:
        least, most = schema.get("minimum"), schema.get("maximum")
        if least is None and most is None:
            return "integer"
        if most is None and least in (0, 1):
            return self._add("natural space" if least == 0 else "[1-9] [0-9]{0,15} space")
        if not isinstance(least, int) or not isinstance(most, int):
            raise RequestInvalid("json_schema: these bounds of an integer cannot be enforced")
        if not 0 <= most - least < _MAX_ENUMERATED:
            raise RequestInvalid(
                f"json_schema: more than {_MAX_ENUMERATED} integers to choose from"
            )
        return self._constants(list(range(least, most + 1)))


def _without_implied_type(schema: dict[str, Any]) -> dict[str, Any]:
    """Drop a ``type`` that every value of ``enum`` or ``const`` has anyway."""
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    kind = schema.get("type")
    if isinstance(values, list) and isinstance(kind, str):
        python_types = _PYTHON_TYPES.get(kind, ())
        if all(type(value) in python_types for value in values):
            return {keyword: value for keyword, value in schema.items() if keyword != "type"}
    return schema


def _refuse_beside(schema: dict[str, Any], allowed: set[str]) -> None:
    """Refuse keywords that would be ignored."""
    if not schema.keys() <= _ANNOTATIONS | allowed:
        raise RequestInvalid("json_schema uses a keyword that cannot be enforced here")


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
