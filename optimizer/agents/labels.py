"""The only way in which a name gets into a prompt: as one short word, or as its position.

A space may call its decisions what it likes. What is not one word of letters, digits and a few
marks could be a sentence, so then every name of that kind is replaced by a number.
"""

import re
from collections.abc import Sequence
from typing import Final

from optimizer.agents.model import Ground

__all__ = ["Labels", "plain_words"]

_WORD: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/@+#>=<-]{0,79}")


class Labels:
    """What a brief's decisions, options and models are called towards an LLM."""

    def __init__(self, ground: Ground) -> None:
        # An arrow written with spaces around it is still one word.
        names = [item.name.replace(" -> ", "->") for item in ground.decisions]
        self.decisions = plain_words(names, prefix="d")
        self.options = tuple(plain_words(item.options, prefix="o") for item in ground.decisions)
        self.models = plain_words([model.name for model in ground.pool], prefix="m")
        (self.task,) = plain_words([ground.task], prefix="task")
        self._decision_at = {name: index for index, name in enumerate(self.decisions)}
        self._option_at = [
            {name: index for index, name in enumerate(names)} for names in self.options
        ]

    def decision(self, label: str) -> int | None:
        """Return the position of the decision called so."""
        return self._decision_at.get(label)

    def option(self, decision: int, label: str) -> int | None:
        """Return the position of a decision's option called so."""
        return self._option_at[decision].get(label)


def plain_words(names: Sequence[str], *, prefix: str) -> tuple[str, ...]:
    """Return the names if all are distinct single words, otherwise ``prefix`` and a number each."""
    if len(set(names)) == len(names) and all(_WORD.fullmatch(name) for name in names):
        return tuple(names)
    return tuple(f"{prefix}{number}" for number in range(len(names)))
