"""Compose what a step's model reads from the request and its predecessors' answers.

Knows the wording of each role; knows nothing of models, nodes or transport. The wording is
part of the contract with the reference models, which are trained on exactly these texts.
"""

from collections.abc import Sequence

from runtime.graph.roles import Role
from runtime.ports import ChatMessage

__all__ = ["ChatMessage", "compose", "compose_part", "with_instruction"]


def compose(
    role: Role, request: Sequence[ChatMessage], answers: Sequence[str]
) -> tuple[ChatMessage, ...]:
    """Build the chat that a step sends to its model.

    Without predecessors the request goes through unchanged. Otherwise the last user turn is
    extended: an assistant refines its predecessors' answers, a fuser merges them.

    Args:
        role: What the step does with its inputs.
        request: The caller's chat, at least one ``user`` turn.
        answers: The predecessors' answers in edge order.

    Returns:
        The chat to send, as long as ``request``.
    """
    if not answers:
        return tuple(request)
    last = _last_user_turn(request)
    question = request[last].content
    turns = list(request)
    turns[last] = ChatMessage("user", _wording(role, question, answers))
    return tuple(turns)


def compose_part(
    role: Role,
    request: Sequence[ChatMessage],
    answers: Sequence[str],
    *,
    part: str,
    number: int,
    total: int,
) -> tuple[ChatMessage, ...]:
    """Build the chat for one item of a mapped list.

    Args:
        role: What the step does with its inputs.
        request: The caller's chat, at least one ``user`` turn.
        answers: Answers of the predecessors other than the one that wrote the list.
        part: The item.
        number: Its place in the list, from one.
        total: How many items are mapped.

    Returns:
        The chat to send, as long as ``request``.
    """
    turns = list(compose(role, request, answers))
    last = _last_user_turn(request)
    wording = f"{turns[last].content}\n\nPart {number} of {total}:\n{part.strip()}"
    turns[last] = ChatMessage("user", f"{wording}\n\nAnswer this part.")
    return tuple(turns)


def with_instruction(instruction: str, chat: tuple[ChatMessage, ...]) -> tuple[ChatMessage, ...]:
    """Put a step's instruction before its chat as a system turn; an empty one changes nothing."""
    return (ChatMessage("system", instruction), *chat) if instruction else chat


def _last_user_turn(request: Sequence[ChatMessage]) -> int:
    return max(index for index, turn in enumerate(request) if turn.role == "user")


def _wording(role: Role, question: str, answers: Sequence[str]) -> str:
    if role is Role.ASSISTANT and len(answers) == 1:
        return f"{question}\n\nEarlier answer:\n{answers[0].strip()}\n\nImprove it."
    numbered = "\n".join(
        f"[{number}] {answer.strip()}" for number, answer in enumerate(answers, start=1)
    )
    ask = "Merge them." if role is Role.FUSER else "Improve them."
    return f"{question}\n\nCandidate answers:\n{numbered}\n\n{ask}"
