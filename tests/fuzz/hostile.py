"""Hostile input, from a seed: the same seed makes the same inputs on every machine.

Bytes that are nearly messages, messages that are nearly sensible, JSON that is nearly a request,
grammars and schemas that are nearly harmless, and files that are nearly models.
"""

import json
import random
import struct
from collections.abc import Callable, Iterator
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

__all__ = [
    "bodies",
    "gguf_files",
    "grammars",
    "message",
    "mutated",
    "schemas",
]

_NAMES: Final = (
    *("tern-s", "gannet-m", "leeward/auto", "leeward/ask-cloud", "edge", "cloud", "", "scale"),
    *("input_ids", "attention_mask", "INT64", "FP32", "BYTES", "1"),
)
_TEXTS: Final = (
    *("", "\0", "a" * 70_000, "\u202e\u0000\uffff", "é" * 300, "../../etc/passwd", "%n%s%x"),
    *("<PERSON_1>", "person", '{"type": "object"}', 'root ::= "a"', "🦀", "-1", "NaN", "sk-1234"),
)
_WHOLE: Final = (0, 1, 2, 7, 255, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
_FRACTIONS: Final = (0.0, -0.0, 1.0, 0.5, -1.0, 1e-320, 1e308, float("nan"), float("inf"))
_MAX_DEPTH: Final = 6


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return bytes near ``data``: cut, doubled, flipped, spliced, or with a length that lies."""
    changed = bytearray(data or b"\n\x03abc")
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(changed) + 1)
        match rng.randrange(7):
            case 0:
                del changed[at:]
            case 1:
                changed[at:at] = changed[:at]
            case 2 if at < len(changed):
                changed[at] ^= 1 << rng.randrange(8)
            case 3:
                changed[at:at] = rng.randbytes(rng.randint(1, 40))
            case 4:
                changed[at:at] = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
            case 5:
                changed[at:at] = b"\n" * rng.choice((1, 90, 5_000))
            case _:
                changed[at : at + 8] = struct.pack("<Q", rng.choice(_WHOLE) & (2**64 - 1))
        del changed[1_000_000:]
    return bytes(changed)


def message(kind: type[Message], rng: random.Random, *, depth: int = 0) -> Message:
    """Return a well-formed message with nonsense in its fields, extremes above all."""
    made = kind()
    for field in made.DESCRIPTOR.fields:
        if rng.random() < 0.35:
            continue
        if _is_repeated(field):
            _fill_repeated(made, field, rng, depth)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            if depth < _MAX_DEPTH:
                part = getattr(made, field.name)
                part.CopyFrom(message(type(part), rng, depth=depth + 1))
        else:
            setattr(made, field.name, _scalar(field, rng))
    return made


def _is_repeated(field: Any) -> bool:
    return bool(field.is_repeated)


def _fill_repeated(made: Message, field: Any, rng: random.Random, depth: int) -> None:
    items = getattr(made, field.name)
    count = rng.choice((0, 1, 2, 3, 40))
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return
    if field.type != FieldDescriptor.TYPE_MESSAGE:
        items.extend(_scalar(field, rng) for _ in range(count))
    elif depth < _MAX_DEPTH:
        for _ in range(min(count, 3)):
            part = items.add()
            part.CopyFrom(message(type(part), rng, depth=depth + 1))


def _scalar(field: Any, rng: random.Random) -> Any:
    kind = FieldDescriptor
    match field.cpp_type:
        case kind.CPPTYPE_STRING if field.type == kind.TYPE_BYTES:
            return rng.randbytes(rng.choice((0, 1, 32, 5_000)))
        case kind.CPPTYPE_STRING:
            return rng.choice(_NAMES) if rng.random() < 0.6 else rng.choice(_TEXTS)
        case kind.CPPTYPE_BOOL:
            return rng.random() < 0.5
        case kind.CPPTYPE_DOUBLE | kind.CPPTYPE_FLOAT:
            return rng.choice(_FRACTIONS)
        case kind.CPPTYPE_ENUM:
            return rng.choice((0, 1, 2, 3, 99, 2**31 - 1, -1))
        case kind.CPPTYPE_UINT32:
            return rng.choice(_WHOLE) & (2**32 - 1)
        case kind.CPPTYPE_UINT64:
            return rng.choice(_WHOLE) & (2**64 - 1)
        case kind.CPPTYPE_INT32:
            return (rng.choice(_WHOLE) & (2**32 - 1)) - 2**31
        case _:
            return (rng.choice(_WHOLE) & (2**64 - 1)) - 2**63


def bodies(path: str, rng: random.Random) -> Iterator[bytes]:
    """Yield bodies of HTTP requests to a path of the OpenAI API, without end."""
    yield from _known_bodies()
    while True:
        asked = dict(_GOOD[path])
        for _ in range(rng.randint(1, 2)):
            asked[rng.choice((*asked, *_PARAMETERS))] = _json_value(rng, 0)
        text = json.dumps(asked).encode()
        yield mutated(text, rng) if rng.random() < 0.3 else text


_GOOD: Final[dict[str, dict[str, Any]]] = {
    "/v1/chat/completions": {
        "model": "tern-s",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 2,
    },
    "/v1/completions": {"model": "tern-s", "prompt": "Hello", "max_tokens": 2},
    "/v1/embeddings": {"model": "tern-s", "input": ["a", "b"]},
}
_PARAMETERS: Final = (
    *("temperature", "top_p", "n", "stop", "stream", "stream_options", "response_format", "tools"),
    *("tool_choice", "logprobs", "top_logprobs", "logit_bias", "seed", "leeward", "user", "echo"),
    *("presence_penalty", "encoding_format", "dimensions", "suffix", "metadata", "best_of"),
)


def _known_bodies() -> Iterator[bytes]:
    chat = b'{"model": "tern-s", "max_tokens": 2, "messages": [{"role": "user", "content": %s}]}'
    yield b""
    yield b"null"
    yield b"[" * 100_000
    yield b'{"a":' * 100_000
    yield b'{"model": "tern-s", "messages": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"
    yield b'{"model": "tern-s", "messages": [], "temperature": 1e99999}'
    yield b'{"model": "tern-s", "messages": [], "max_tokens": ' + b"9" * 10_000 + b"}"
    yield b'{"model": "tern-s", "messages": [], "seed": -' + b"9" * 400 + b"}"
    yield b'{"model": "tern-s", "messages": NaN, "top_p": Infinity}'
    yield chat % b'"\\ud800"'
    yield chat % b'"\\u0000"'
    yield chat % b'"\xff\xfe"'
    yield chat % b'[{"type": "text", "text": "\\udfff"}]'
    yield chat % b'[{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]'
    yield b'{"model": "\\ud800", "messages": [{"role": "user", "content": "a"}]}'
    yield b'{"model": "tern-s", "model": "x", "messages": [{"role": "\\udc00"}]}'
    yield b"\xef\xbb\xbf{}"
    yield b"\x1f\x8b\x08\x00" + bytes(100)
    yield b"{" + b'"k": 1, ' * 20_000 + b'"z": 2}'


def _json_value(rng: random.Random, depth: int) -> Any:
    kind = rng.randrange(9 if depth < 4 else 6)
    if kind == 0:
        return rng.choice(_TEXTS)
    if kind == 1:
        return rng.choice(_WHOLE) * rng.choice((1, -1))
    if kind == 2:
        return rng.choice((0.1, -1e308, 1e-9))
    if kind in (3, 4):
        return rng.choice((None, True, False, [], {}))
    if kind == 5:
        return rng.choice(_NAMES)
    if kind == 6:
        return [_json_value(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    return {
        rng.choice((*_PARAMETERS, "type", "function", "json_schema", "name", "role", "content")):
        _json_value(rng, depth + 1)
        for _ in range(rng.randint(0, 3))
    }  # fmt: skip


def grammars(rng: random.Random) -> Iterator[str]:
    """Yield GBNF grammars, without end; first those that are known to have killed somebody."""
    yield "root ::= " + "(" * 20_000 + '"a"' + ")" * 20_000
    yield "root ::= " + "(" * 250 + '"a"' + ")" * 250
    yield "root ::= root"
    yield 'root ::= root "a" | "a"'
    yield 'root ::= a\na ::= b\nb ::= a | "x"'
    yield 'root ::= "a"?? root*+'
    yield 'root ::= (("a"{0,30}){0,30}){0,30}'
    yield 'root ::= "a"{1000}{1000}'
    yield 'root ::= "a"{5,2}'
    yield 'root ::= "a"{99999999999999999999}'
    yield "root ::= undefined-rule"
    yield 'other ::= "a"'
    yield "root ::= [\\x"
    yield "root ::= [z-a]"
    yield 'root ::= "\\x'
    yield 'root ::= "\\U00110000"'
    yield "root ::= []"
    yield "root ::="
    yield "::= ::="
    yield 'root ::= ""*'
    yield 'root ::= ("")*'
    yield "\n".join(f'r{i} ::= r{i + 1} r{i + 1} | "x"' for i in range(40)).replace("r0 ", "root ")
    yield "\n".join(["root ::= r0", *(f"r{i} ::= r{i + 1}" for i in range(3_000)), 'r3000 ::= "a"'])
    pieces = ('"a"', "[a-z]", "root", "(", ")", "|", "*", "+", "?", "{2,}", "{,3}", "\n", "::=",
              "x ::= ", '"', "[", "]", "\\", "#", ".", "[^\\n]", "\0", "é", "{", "}")  # fmt: skip
    while True:
        count = rng.randint(1, 40)
        yield "root ::= " + " ".join(rng.choice(pieces) for _ in range(count))


def schemas(rng: random.Random) -> Iterator[str]:
    """Yield JSON schemas, without end; first those with a history."""
    yield '{"$ref": "#"}'
    yield '{"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}'
    yield '{"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}'
    yield '{"$ref": "http://192.0.2.1/schema.json"}'
    yield '{"$ref": "#/' + "a/" * 5_000 + '"}'
    yield json.dumps({"enum": [f"value-{i}" for i in range(50_000)]})
    yield json.dumps({"enum": ["x" * 60_000]})
    yield json.dumps({"type": "string", "pattern": "(" * 200 + "a" + ")" * 200})
    yield json.dumps({"type": "string", "pattern": "^((a{0,99}){0,99}){0,99}$"})
    yield json.dumps({"type": "string", "pattern": "(a+)+$"})
    yield json.dumps({"type": "string", "pattern": "\\"})
    yield json.dumps({"type": "array", "items": {}, "minItems": 10**12})
    yield json.dumps({"type": "array", "minItems": 10**308})
    yield json.dumps({"type": "integer", "minimum": -(10**400), "maximum": 10**400})
    yield json.dumps({"type": "number", "minimum": 1e308, "maximum": -1e308})
    yield '{"anyOf": ' * 500 + "[]" + "}" * 500
    yield "{" * 60_000
    yield json.dumps({"type": ["object"] * 2_000})
    yield json.dumps(
        {"type": "object", "properties": {f"p{i}": {"type": "string"} for i in range(1_500)}}
    )
    words = (*_SCHEMA_WORDS, "unknown")
    while True:
        yield json.dumps(
            {rng.choice(words): _schema(rng, words, 1) for _ in range(rng.randint(1, 3))}
            | {"type": rng.choice(_SCHEMA_VALUES[1:7])}
        )


_SCHEMA_WORDS: Final = (
    *("type", "properties", "items", "enum", "const", "anyOf", "oneOf", "allOf", "not", "$ref"),
    *("required", "additionalProperties", "minItems", "maxItems", "minLength", "maxLength"),
    *("pattern", "format", "minimum", "maximum", "prefixItems", "$defs", "title"),
)
_SCHEMA_VALUES: Final = (
    *("object", "array", "string", "integer", "number", "boolean", "null", "#", "#/$defs/a"),
    *("^a*$", "[", "date-time", "uuid", -1, 0, 3, 10**9, 1.5, True, None, "\ud800"),
)


def _schema(rng: random.Random, words: tuple[str, ...], depth: int) -> Any:
    if depth > 5 or rng.random() < 0.3:
        return rng.choice(_SCHEMA_VALUES)
    if rng.random() < 0.25:
        return [_schema(rng, words, depth + 1) for _ in range(rng.randint(0, 4))]
    return {rng.choice(words): _schema(rng, words, depth + 1) for _ in range(rng.randint(1, 4))}


def gguf_files(good: bytes, header_bytes: int, rng: random.Random) -> Iterator[bytes]:
    """Yield files near a good one, without end: cut, lengthened, with numbers that lie.

    Args:
        good: A model that can be loaded.
        header_bytes: How long its header is; most changes are made there.
    """
    changes: tuple[Callable[[bytearray], None], ...] = (
        lambda file: file.__delitem__(slice(rng.randrange(len(file)), None)),
        lambda file: file.__delitem__(slice(rng.randrange(header_bytes), None)),
        lambda file: _put(file, 4, "<I", rng.choice((0, 1, 4, 2**31, 2**32 - 1))),
        lambda file: _put(file, 8, "<Q", rng.choice(_WHOLE)),
        lambda file: _put(file, 16, "<Q", rng.choice(_WHOLE)),
        lambda file: _put(file, rng.randrange(24, header_bytes), "<Q", rng.choice(_WHOLE)),
        lambda file: _put(file, rng.randrange(24, header_bytes), "<I", rng.choice(_WHOLE)),
        lambda file: _put(file, rng.randrange(24, header_bytes), "<I", rng.randrange(45)),
        lambda file: _put(file, rng.randrange(24, header_bytes), "<Q", rng.randrange(0, 4096, 32)),
        lambda file: file.__setitem__(rng.randrange(header_bytes), rng.randrange(256)),
        lambda file: file.__setitem__(slice(header_bytes, None), rng.randbytes(len(file))),
    )
    while True:
        file = bytearray(good)
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            rng.choice(changes)(file)
            if len(file) < header_bytes:
                break
        yield bytes(file)


def _put(file: bytearray, at: int, layout: str, value: int) -> None:
    size = struct.calcsize(layout)
    if at + size <= len(file):
        struct.pack_into(layout, file, at, value & (256**size - 1))
