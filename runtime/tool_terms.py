"""What is said of tools: what a model may ask for, and what it asks."""

from dataclasses import dataclass
from typing import Final

__all__ = ["TOOL_CHOICES", "ToolCall", "ToolCallPiece", "ToolDefinition"]

TOOL_CHOICES: Final = ("auto", "none", "required")
"""What may be said of a call's tools beside the name of one; no tool is called so."""


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """One tool that a model may ask for."""

    name: str
    description: str = ""
    """What it does, for the model to read."""
    parameters: str = ""
    """JSON text of the schema of its arguments; empty when it takes none."""
    is_strict: bool = False
    """Whether no arguments may break the schema."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool, as a model asked for it."""

    id: str
    """Names the call within its chat."""
    name: str
    arguments: str
    """JSON text, exactly as the model wrote it; it need not even be JSON."""


@dataclass(frozen=True, slots=True)
class ToolCallPiece:
    """The next piece of one call, while the model writes it."""

    place: int
    """Of the call, among those of the answer, from 0."""
    arguments: str
    """What is added to the text of its arguments."""
    id: str = ""
    """Only in the call's first piece, as the name."""
    name: str = ""
