"""Which pieces of a model's calls of tools a caller has been told, and which are left to tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runtime.ports import ToolCall, ToolCallPiece

__all__ = ["ToldCalls"]


class ToldCalls:
    """Counts the pieces of one answer."""

    def __init__(self) -> None:
        self._told_characters: dict[int, int] = {}

    def note(self, pieces: Iterable[ToolCallPiece]) -> None:
        """Remember pieces that are being told."""
        for piece in pieces:
            told = self._told_characters.get(piece.place, 0)
            self._told_characters[piece.place] = told + len(piece.arguments)

    def rest(self, calls: Sequence[ToolCall]) -> tuple[ToolCallPiece, ...]:
        """Return what is missing for all pieces together to be ``calls``."""
        rest: list[ToolCallPiece] = []
        for place, call in enumerate(calls):
            told = self._told_characters.get(place)
            if told is None:
                rest.append(ToolCallPiece(place, call.arguments, call.id, call.name))
            elif told < len(call.arguments):
                rest.append(ToolCallPiece(place, call.arguments[told:]))
        return tuple(rest)
