"""A chat as the text that a model reads: what ``/v1/completions`` takes in place of turns.

The template is the model's own, named by the operator; the marks that begin a text are left to the
provider, which puts them before every prompt.
"""

from dataclasses import dataclass
from functools import lru_cache

import jinja2

from runtime.chat_template import REFUSALS, compile_template
from runtime.errors import RequestInvalid
from runtime.ports import ChatMessage

__all__ = ["PromptTemplate"]


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """How a model's chats are written."""

    source: str
    """Jinja text; empty for a model that only completes text: it reads contents, one per line."""

    def check(self) -> None:
        """Raise ``ModelInvalid`` unless the template compiles."""
        if self.source:
            _compiled(self.source)

    def text(self, messages: tuple[ChatMessage, ...]) -> str:
        """Return a chat up to where the assistant's answer begins.

        Raises:
            RequestInvalid: The template refuses these messages.
        """
        if not self.source:
            return "\n".join(turn.content for turn in messages)
        turns = [{"role": turn.role, "content": turn.content} for turn in messages]
        try:
            return _compiled(self.source).render(
                messages=turns, tools=None, add_generation_prompt=True, bos_token="", eos_token=""
            )
        except REFUSALS:
            raise RequestInvalid("the model's chat template refuses these messages") from None


def _no_date(layout: str) -> str:
    """Leave dates out: two gateways, or two days, must not make two prompts of one chat."""
    del layout
    return ""


@lru_cache(maxsize=64)
def _compiled(source: str) -> jinja2.Template:
    return compile_template(source, strftime=_no_date)
