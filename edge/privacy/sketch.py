"""The edge writes an abstract of a task, to be sent in place of the task itself.

Which categories must not show in it is told to the model, and checked afterwards: by the
detectors, and by a rule against copying, since what no detector knows could be copied too.
"""

import re
from collections.abc import Sequence
from contextlib import aclosing
from typing import Final, Protocol

from runtime.errors import StreamBroken
from runtime.ids import Category, ModelName
from runtime.labels import Label
from runtime.ports import (
    ChatMessage,
    Completion,
    FinishReason,
    GenerateRequest,
    ModelPort,
    Provenance,
    Sampling,
    TextDelta,
)

__all__ = ["ModelSketcher", "Sketcher", "quotes"]

_MAX_TOKENS: Final = 400
_TIMEOUT_S: Final = 60.0
_LONGEST_QUOTE_WORDS: Final = 7
"""Words in a row that an abstract may share with what it abstracts from."""
_WORD: Final = re.compile(r"\w+")
_PLACEHOLDER: Final = re.compile(r"<[A-Z_]{1,40}_\d{1,5}[b-z]?>")
_INSTRUCTION: Final = (
    "Write what is asked for below as one general question that somebody else can answer. Leave"
    " out everything about: {names}. Describe nobody, give no dates, places or other details that"
    " are not needed, and do not copy sentences. Keep words like <PERSON_1> as they are. Write the"
    " question only."
)


class Sketcher(Protocol):
    """Whoever writes abstracts."""

    async def write(
        self,
        messages: Sequence[ChatMessage],
        categories: frozenset[Category],
        provenance: Provenance,
        *,
        attempt: int,
    ) -> str:
        """Return an abstract that should not show ``categories``; another one per attempt."""
        ...


class ModelSketcher:
    """Has a model on this device write them.

    Args:
        port: The device's own models.
        model: Which one.
    """

    def __init__(self, port: ModelPort, model: ModelName) -> None:
        self._port = port
        self._model = model

    async def write(
        self,
        messages: Sequence[ChatMessage],
        categories: frozenset[Category],
        provenance: Provenance,
        *,
        attempt: int,
    ) -> str:
        """Return what the model wrote; nothing where it found no end.

        Half a question asks something else.

        Raises:
            StreamBroken: The model stopped in the middle.
            LeewardError: The model failed.
        """
        names = ", ".join(sorted(name.replace("_", " ") for name in categories))
        asked = "\n\n".join(turn.content for turn in messages if turn.content)
        request = GenerateRequest(
            self._model,
            (
                ChatMessage("system", _INSTRUCTION.format(names=names)),
                ChatMessage("user", asked),
            ),
            sampling=Sampling(
                temperature=0.7 if attempt else 0.0, seed=attempt, max_tokens=_MAX_TOKENS
            ),
            label=Label(categories),
            provenance=provenance,
            timeout_s=_TIMEOUT_S,
        )
        parts: list[str] = []
        ended: Completion | None = None
        async with aclosing(self._port.generate(request)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, TextDelta):
                    parts.append(chunk.text)
                else:
                    ended = chunk
        if ended is None:
            raise StreamBroken("the abstract broke off")
        return "" if ended.finish_reason is FinishReason.LENGTH else "".join(parts).strip()


def quotes(abstract: str, messages: Sequence[ChatMessage]) -> bool:
    """Whether an abstract copies from what it abstracts: too many of its words in a row."""
    size = _LONGEST_QUOTE_WORDS + 1
    runs = {run for turn in messages for run in _runs(turn.content, size)}
    return any(run in runs for run in _runs(abstract, size))


def _runs(text: str, size: int) -> list[tuple[str, ...]]:
    words = [word.casefold() for word in _WORD.findall(_PLACEHOLDER.sub(" ", text))]
    return [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]
