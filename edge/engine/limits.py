"""Bounds on what a caller may ask of an engine, checked before anything native sees it.

libllama parses grammars recursively and in-process: 40 kB of nested parentheses end it with
SIGSEGV. A grammar that stays within these bounds and still explodes is stopped by the
engine's step and memory limits.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from runtime.errors import RequestInvalid
from runtime.ports import ChatMessage, GenerateRequest, Sampling

__all__ = ["check_grammar", "check_priority", "check_request", "check_schema", "check_texts"]

_ROLES: Final = frozenset({"system", "user", "assistant", "tool"})
_MAX_MESSAGES: Final = 1024
_MAX_TEXTS: Final = 2048
_LOWEST_PRIORITY: Final = 9
_MAX_TOOLS: Final = 128
_MAX_TOOLS_BYTES: Final = 512 << 10
_JSON_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*("?)', re.DOTALL)
"""Also one that never ends, once: looking again at each quote in it would take hours."""
_TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_TEXT_BYTES: Final = 4 << 20
_MAX_STOPS: Final = 16
_MAX_STOP_CHARACTERS: Final = 256
_MAX_BIASES: Final = 1024
_MAX_LOGPROBS: Final = 20
_MAX_TOP_K: Final = 1 << 20

_MAX_GRAMMAR_BYTES: Final = 64 << 10
_MAX_GRAMMAR_DEPTH: Final = 256
_MAX_REPETITION: Final = 1000

_MAX_SCHEMA_BYTES: Final = 64 << 10
_MAX_SCHEMA_DEPTH: Final = 32
_MAX_SCHEMA_NODES: Final = 2000
_MAX_PATTERN_CHARACTERS: Final = 256
_COUNTS: Final = frozenset({"minItems", "maxItems", "minLength", "maxLength"})


def check_request(request: GenerateRequest) -> None:
    """Refuse a request that no engine should be given.

    Raises:
        RequestInvalid: Naming the field and the bound, never the content.
    """
    messages = request.messages
    if not 1 <= len(messages) <= _MAX_MESSAGES:
        raise RequestInvalid(f"{len(messages)} messages; 1 to {_MAX_MESSAGES} are allowed")
    if any(message.role not in _ROLES for message in messages):
        raise RequestInvalid(f"a message's role is not one of {', '.join(sorted(_ROLES))}")
    if sum(len(_utf8(text, "a message")) for text in _texts_of(messages)) > _MAX_TEXT_BYTES:
        raise RequestInvalid(f"the messages exceed {_MAX_TEXT_BYTES} bytes")
    if request.uses_tools or request.tool_choice != "auto":
        _check_tools(request)
    if request.continues:
        _check_begun(request)
    if not request.timeout_s > 0 or math.isinf(request.timeout_s):
        raise RequestInvalid("timeout_s must be positive and finite")
    _check_sampling(request.sampling)


def _check_begun(request: GenerateRequest) -> None:
    if request.draft:
        raise RequestInvalid("drafts are checked by a gateway's models alone", field="draft")
    if request.uses_tools or request.sampling.grammar or request.sampling.json_schema:
        raise RequestInvalid("only plain text can be gone on with", field="begun")
    if len(_utf8(request.begun, "begun")) > _MAX_TEXT_BYTES:
        raise RequestInvalid(f"exceeds {_MAX_TEXT_BYTES} bytes", field="begun")


def _texts_of(messages: Sequence[ChatMessage]) -> Iterator[str]:
    for message in messages:
        yield from (message.content, message.tool_call_id)
        for call in message.tool_calls:
            yield from (call.id, call.name, call.arguments)


def _check_tools(request: GenerateRequest) -> None:
    tools = request.tools
    if len(tools) > _MAX_TOOLS:
        raise RequestInvalid(f"{len(tools)} tools; {_MAX_TOOLS} are allowed", field="tools")
    names = {tool.name for tool in tools}
    if len(names) < len(tools) or not all(map(_TOOL_NAME.fullmatch, names)):
        raise RequestInvalid("must have names that differ: letters, digits, - and _", field="tools")
    if request.tool_choice not in {"auto", "none"} and (
        not tools or request.tool_choice not in {"required", *names}
    ):
        raise RequestInvalid("is none of the tools", field="tool_choice")
    texts = [text for tool in tools for text in (tool.description, tool.parameters)]
    if sum(len(_utf8(text, "a tool")) for text in texts) > _MAX_TOOLS_BYTES:
        raise RequestInvalid(f"the tools exceed {_MAX_TOOLS_BYTES} bytes", field="tools")
    for tool in tools:
        if tool.parameters:
            check_schema(tool.parameters)
    for message in request.messages:
        for call in message.tool_calls:
            if _depth_of(call.arguments) > _MAX_SCHEMA_DEPTH:
                reason = f"arguments nest more than {_MAX_SCHEMA_DEPTH} deep"
                raise RequestInvalid(reason, field="messages.tool_calls")


def _depth_of(text: str) -> int:
    """Return how deep brackets nest in a JSON text."""
    depth = deepest = 0
    for character in _JSON_STRING.sub(lambda found: "" if found[1] else found[0], text):
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def check_texts(texts: Sequence[str]) -> None:
    """Refuse texts that no embedding model should be given.

    Raises:
        RequestInvalid: Naming the bound, never the content.
    """
    if not 1 <= len(texts) <= _MAX_TEXTS:
        raise RequestInvalid(f"{len(texts)} texts; 1 to {_MAX_TEXTS} are allowed")
    if sum(len(_utf8(text, "a text")) for text in texts) > _MAX_TEXT_BYTES:
        raise RequestInvalid(f"the texts exceed {_MAX_TEXT_BYTES} bytes")


def check_priority(priority: int, *, most: int) -> None:
    """Refuse a place among waiting calls that the device's configuration does not give away.

    Args:
        priority: What a caller asks for; below 0 steps back behind ordinary calls.
        most: The configuration's ``max_priority``.

    Raises:
        RequestInvalid: It is higher, or lower than there is.
    """
    if not -_LOWEST_PRIORITY <= priority <= most:
        reason = f"must be -{_LOWEST_PRIORITY} to {most} on this device"
        raise RequestInvalid(reason, field="priority")


def check_grammar(grammar: str) -> None:
    """Refuse a GBNF grammar that is too large, too deep or repeats too much.

    Raises:
        RequestInvalid: Naming the bound.
    """
    if len(_utf8(grammar, "grammar")) > _MAX_GRAMMAR_BYTES:
        raise RequestInvalid(f"grammar exceeds {_MAX_GRAMMAR_BYTES} bytes")
    if "\0" in grammar:
        raise RequestInvalid("grammar holds a NUL character")
    _GrammarScan(grammar, max_depth=_MAX_GRAMMAR_DEPTH).run()


def check_schema(schema: str) -> None:
    """Refuse a JSON schema that is not JSON, too large, too deep or repeats too much.

    Raises:
        RequestInvalid: Naming the bound.
    """
    if len(_utf8(schema, "json_schema")) > _MAX_SCHEMA_BYTES:
        raise RequestInvalid(f"json_schema exceeds {_MAX_SCHEMA_BYTES} bytes")
    try:
        document = json.loads(schema)
    except (ValueError, RecursionError):
        raise RequestInvalid("json_schema is not valid JSON") from None
    if not isinstance(document, dict):
        raise RequestInvalid("json_schema is not an object")
    _check_schema_nodes(document)


def _check_sampling(sampling: Sampling) -> None:
    checks = (
        ("temperature", 0 <= sampling.temperature <= 100),
        ("top_p", 0 < sampling.top_p <= 1),
        ("top_k", 0 <= sampling.top_k <= _MAX_TOP_K),
        ("min_p", 0 <= sampling.min_p < 1),
        ("repeat_penalty", 0 < sampling.repeat_penalty <= 100),
        ("frequency_penalty", abs(sampling.frequency_penalty) <= 100),
        ("presence_penalty", abs(sampling.presence_penalty) <= 100),
        ("logit_bias", len(sampling.logit_bias) <= _MAX_BIASES),
        ("logit_bias", all(abs(bias) <= 100 for _, bias in sampling.logit_bias)),
        ("max_tokens", sampling.max_tokens >= 1),
        ("logprobs", 0 <= sampling.logprobs <= _MAX_LOGPROBS),
        ("stop", len(sampling.stop) <= _MAX_STOPS),
        ("stop", all(1 <= len(stop) <= _MAX_STOP_CHARACTERS for stop in sampling.stop)),
        ("grammar and json_schema together", not (sampling.grammar and sampling.json_schema)),
    )
    for field, is_good in checks:
        if not is_good:  # every comparison with NaN is false, so NaN is refused too
            raise RequestInvalid(f"{field} out of bounds")
    for stop in sampling.stop:
        _utf8(stop, "stop")
    if sampling.grammar:
        check_grammar(sampling.grammar)
    if sampling.json_schema:
        check_schema(sampling.json_schema)


def _check_schema_nodes(document: dict[str, Any]) -> None:
    waiting: list[tuple[Any, int]] = [(document, 1)]
    nodes = 0
    while waiting:
        node, depth = waiting.pop()
        nodes += 1
        if nodes > _MAX_SCHEMA_NODES:
            raise RequestInvalid(f"json_schema holds more than {_MAX_SCHEMA_NODES} values")
        if depth > _MAX_SCHEMA_DEPTH:
            raise RequestInvalid(f"json_schema is nested more than {_MAX_SCHEMA_DEPTH} deep")
        if isinstance(node, dict):
            _check_schema_keywords(node)
            waiting += [(value, depth + 1) for value in node.values()]
        elif isinstance(node, list):
            waiting += [(value, depth + 1) for value in node]


def _check_schema_keywords(node: dict[str, Any]) -> None:
    for keyword in sorted(_COUNTS & node.keys()):
        count = node[keyword]
        if isinstance(count, int | float) and not 0 <= count <= _MAX_REPETITION:
            raise RequestInvalid(f"json_schema: {keyword} exceeds {_MAX_REPETITION}")
    pattern = node.get("pattern")
    if isinstance(pattern, str):
        if len(pattern) > _MAX_PATTERN_CHARACTERS:
            raise RequestInvalid(f"json_schema: a pattern exceeds {_MAX_PATTERN_CHARACTERS}")
        _GrammarScan(pattern, max_depth=_MAX_SCHEMA_DEPTH, has_strings=False).run()


class _GrammarScan:
    """Walks GBNF (or a regular expression) once, following strings, classes and groups.

    ``_products`` holds, per open group, the largest product of nested repetitions in it.
    """

    def __init__(self, text: str, *, max_depth: int, has_strings: bool = True) -> None:
        self._text = text
        self._max_depth = max_depth
        self._has_strings = has_strings
        self._products = [1]
        self._element = 1
        self._at = 0

    def run(self) -> None:
        while self._at < len(self._text):
            character = self._text[self._at]
            self._at += 1
            if character == "(":
                self._open()
            elif character == ")":
                self._close()
            elif character == "{":
                self._repeat()
            elif not character.isspace():
                self._element = 1
                self._skip_literal(character)

    def _skip_literal(self, character: str) -> None:
        if character == "[":
            self._skip_until("]")
        elif character == '"' and self._has_strings:
            self._skip_until('"')
        elif character == "#" and self._has_strings:
            end = self._text.find("\n", self._at)
            self._at = len(self._text) if end < 0 else end
        elif character == "\\":
            self._at += 1

    def _open(self) -> None:
        self._products.append(1)
        if len(self._products) - 1 > self._max_depth:
            raise RequestInvalid(f"grammar is nested more than {self._max_depth} deep")

    def _close(self) -> None:
        self._element = self._products.pop()
        if not self._products:
            raise RequestInvalid("grammar closes a group that it never opened")
        self._products[-1] = max(self._products[-1], self._element)

    def _repeat(self) -> None:
        end = self._text.find("}", self._at)
        if end < 0:
            raise RequestInvalid("grammar has an unfinished repetition")
        counts = [part.strip() for part in self._text[self._at : end].split(",")]
        self._at = end + 1
        numbers = [int(part) for part in counts if part.isdecimal() and len(part) <= 9]
        if len(numbers) != len([part for part in counts if part]):
            raise RequestInvalid("grammar has a repetition that is not a number")
        if numbers != sorted(numbers):  # libllama would count down from it without end
            raise RequestInvalid("grammar has a repetition that ends before it begins")
        self._element *= max(numbers, default=1)
        if self._element > _MAX_REPETITION:
            raise RequestInvalid(f"grammar repeats more than {_MAX_REPETITION} times")
        self._products[-1] = max(self._products[-1], self._element)

    def _skip_until(self, closing: str) -> None:
        while self._at < len(self._text) and self._text[self._at] != closing:
            self._at += 2 if self._text[self._at] == "\\" else 1
        self._at += 1


def _utf8(text: str, what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise RequestInvalid(f"{what} holds half a surrogate pair") from None
