"""The kinds of names that documents hold, as types with one pattern and one sentence each."""

import re
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

__all__ = [
    "PATTERN_SENTENCES",
    "CategoryName",
    "ModelText",
    "Name",
    "OutputName",
    "Word",
    "is_model_name",
]

_NAME: Final = r"^[a-z][a-z0-9_-]*$"
_OUTPUT: Final = r"^[a-z][a-z0-9_]*$"
_MODEL: Final = r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$"
_MAX_MODEL_CHARACTERS: Final = 120
_WORD: Final = r"^[\w-]+$"
_MODEL_NAME: Final = re.compile(_MODEL, re.ASCII)

PATTERN_SENTENCES: Final[Mapping[str, str]] = {
    _NAME: "must start with a-z and hold only a-z, 0-9, - and _",
    _OUTPUT: "must start with a-z and hold only a-z, 0-9 and _",
    _MODEL: "must start with a letter or digit and hold only letters, digits and . _ : / @ + -",
    _WORD: "must be one word of letters, digits, - and _",
}
"""What each pattern means, for error messages."""

Name = Annotated[str, Field(pattern=_NAME, max_length=40)]
"""Of a step, node or zone."""
OutputName = Annotated[str, Field(pattern=_OUTPUT, max_length=40)]
"""Of a named output."""
CategoryName = Annotated[str, Field(pattern=_OUTPUT, max_length=40)]
"""Of a category of sensitivity."""
ModelText = Annotated[str, Field(pattern=_MODEL, max_length=_MAX_MODEL_CHARACTERS)]
"""Of a model."""
Word = Annotated[str, Field(pattern=_WORD, max_length=40)]
"""A value of an enumeration."""


def is_model_name(text: str) -> bool:
    """Whether a document could call a model by ``text``; prose is none."""
    return len(text) <= _MAX_MODEL_CHARACTERS and _MODEL_NAME.fullmatch(text) is not None
