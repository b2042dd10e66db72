"""Chat templates as model files carry them, compiled: Jinja in its immutable sandbox.

A template comes from outside and runs here; it can read what it is given and change nothing. Needs
``jinja2``, which the extras ``edge`` and ``cloud`` bring.
"""

import json
from collections.abc import Callable
from typing import Any, Final, NoReturn

import jinja2
import jinja2.meta
from jinja2.ext import Extension
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from runtime.errors import ModelInvalid

__all__ = ["REFUSALS", "compile_template", "names_tools"]

REFUSALS: Final = (
    jinja2.TemplateError,
    ArithmeticError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What rendering raises when a template refuses a chat; their texts may quote a message."""


def compile_template(source: str, *, strftime: Callable[[str], str]) -> jinja2.Template:
    """Return a template that can be rendered.

    Args:
        source: Jinja text.
        strftime: Gives templates their date.

    Raises:
        ModelInvalid: It does not compile.
    """
    environment = _environment()
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = strftime
    try:
        return environment.from_string(source)
    except (*REFUSALS, SyntaxError):
        raise ModelInvalid("its chat template does not compile") from None


def names_tools(source: str) -> bool:
    """Whether a template that compiles looks at the tools that it is given."""
    return "tools" in jinja2.meta.find_undeclared_variables(_environment().parse(source))


class _GenerationTag(Extension):
    """Passes ``{% generation %}`` blocks through, as Transformers' templates expect."""

    tags = {"generation"}  # noqa: RUF012 - the base class declares it so

    def parse(self, parser: Parser) -> Node | list[Node]:
        parser.stream.skip(1)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=jinja2.BaseLoader(),
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[_GenerationTag, "jinja2.ext.loopcontrols"],
    )


def _to_json(
    value: Any,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    *,
    ensure_ascii: bool = False,
    sort_keys: bool = False,
) -> str:
    """Write JSON as Transformers does for templates: not escaped for HTML."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)
