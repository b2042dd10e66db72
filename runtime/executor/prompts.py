"""Compose what a step's model reads from the request and its predecessors' answers.

Knows the wording of each role; knows nothing of models, nodes or transport. The wording of
assistants and fusers is part of the contract with the reference models, which are trained on
exactly these texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from runtime.graph.model import Output
from runtime.graph.roles import Role
from runtime.ports import ChatMessage

__all__ = ["ChatMessage", "Notes", "compose", "compose_part", "with_instruction"]


@dataclass(frozen=True, slots=True)
class Notes:
    """What a step reads beside answers."""

    guidance: tuple[tuple[str, float | None], ...] = ()
    """What guides wrote, each with how sure its model was, 0 to 1, where that is known."""
    remarks: tuple[str, ...] = ()
    """What verifiers wrote."""
    outputs: tuple[Output, ...] = ()
    """What the step has to output, for the roles that decide or judge."""
    has_instruction: bool = False
    """Whether the graph says itself what such a step is to do."""


_NONE: Final = Notes()
_ASKED: Final[Mapping[Role, str]] = {
    Role.GUIDE: "Do not answer yet. Write a short plan of how to answer.",
    Role.DIVIDER: (
        "Do not answer yet. Split this into parts that can be answered apart, "
        "each on a line that starts with a dash."
    ),
    Role.VERIFIER: "Do not answer. Check the answer above.",
    Role.GUARD: "Do not answer. Say whether this may pass.",
    Role.ROUTER: "Do not answer. Choose how this is to be answered.",
}
"""What the roles that do not answer are asked to do, where the graph gives no instruction."""


def compose(
    role: Role, request: Sequence[ChatMessage], answers: Sequence[str], notes: Notes = _NONE
) -> tuple[ChatMessage, ...]:
    """Build the chat that a step sends to its model.

    Without predecessors the request of an assistant goes through unchanged. Otherwise the last
    user turn is extended: an assistant refines its predecessors' answers, a fuser merges them,
    both follow what guides wrote and heed what verifiers remarked; the other roles are asked not
    to answer, and for the values that they have to output.

    Args:
        role: What the step does with its inputs.
        request: The caller's chat, at least one ``user`` turn.
        answers: The predecessors' answers in edge order.
        notes: What else it reads, and what it has to output.

    Returns:
        The chat to send, as long as ``request``.
    """
    is_answering = role in (Role.ASSISTANT, Role.FUSER)
    if is_answering and not (answers or notes.guidance or notes.remarks):
        return tuple(request)
    last = _last_user_turn(request)
    question = request[last].content
    turns = list(request)
    parts = [*_guidance(notes), *_earlier(role, answers)]
    parts += [f"Remarks:\n{remark.strip()}" for remark in notes.remarks]
    parts += [_asked(role, len(answers), notes)]
    turns[last] = ChatMessage("user", "\n\n".join([question, *filter(None, parts)]))
    return tuple(turns)


def compose_part(
    role: Role,
    request: Sequence[ChatMessage],
    answers: Sequence[str],
    *,
    part: str,
    number: int,
    total: int,
    notes: Notes = _NONE,
    is_alone: bool = False,
) -> tuple[ChatMessage, ...]:
    """Build the chat for one item of a mapped list.

    Args:
        role: What the step does with its inputs.
        request: The caller's chat, at least one ``user`` turn.
        answers: Answers of the predecessors other than the one that wrote the list.
        part: The item.
        number: Its place in the list, from one.
        total: How many items are mapped.
        notes: What else the step reads, and what it has to output.
        is_alone: Whether the item stands in place of the request.

    Returns:
        The chat to send: as long as ``request``, or one turn for an item that is alone.
    """
    if is_alone:
        return compose(role, (ChatMessage("user", part.strip()),), answers, notes)
    turns = list(compose(role, request, answers, notes))
    last = _last_user_turn(request)
    wording = f"{turns[last].content}\n\nPart {number} of {total}:\n{part.strip()}"
    turns[last] = ChatMessage("user", f"{wording}\n\nAnswer this part.")
    return tuple(turns)


def with_instruction(instruction: str, chat: tuple[ChatMessage, ...]) -> tuple[ChatMessage, ...]:
    """Put a step's instruction before its chat as a system turn; an empty one changes nothing."""
    return (ChatMessage("system", instruction), *chat) if instruction else chat


def _last_user_turn(request: Sequence[ChatMessage]) -> int:
    return max(index for index, turn in enumerate(request) if turn.role == "user")


def _guidance(notes: Notes) -> list[str]:
    heads = [
        "Guidance:" if sure is None else f"Guidance, {sure:.0%} sure:" for _, sure in notes.guidance
    ]
    return [
        f"{head}\n{text.strip()}" for head, (text, _) in zip(heads, notes.guidance, strict=True)
    ]


def _earlier(role: Role, answers: Sequence[str]) -> list[str]:
    if not answers:
        return []
    if len(answers) == 1 and role is not Role.FUSER:
        head = "Earlier answer" if role is Role.ASSISTANT else "Proposed answer"
        return [f"{head}:\n{answers[0].strip()}"]
    numbered = "\n".join(
        f"[{number}] {answer.strip()}" for number, answer in enumerate(answers, start=1)
    )
    return [f"Candidate answers:\n{numbered}"]


def _asked(role: Role, answers: int, notes: Notes) -> str:
    if role is Role.FUSER and answers:
        return "Merge them."
    if role in (Role.ASSISTANT, Role.FUSER):
        return "Improve them." if answers > 1 else "Improve it." if answers else "Answer with this."
    wanted = "".join(f"\n{line}" for line in map(_line_of, notes.outputs) if line)
    asked = "" if notes.has_instruction else _ASKED[role]
    return f"{asked} End with:{wanted}".strip() if wanted else asked


def _line_of(output: Output) -> str:
    if output.kind == "enum":
        return f"{output.name}: {' or '.join(output.values)}"
    return f"{output.name}: <a number>" if output.kind == "number" else ""
