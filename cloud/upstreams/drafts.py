"""What a provider makes of drafts, and whether it can be believed: tried before it is relied on.

Many servers take ``echo`` and return no likelihoods of the prompt, or those of the wrong tokens. So
a model first begins a few answers, must find each beginning right when it comes back as a draft,
and must find another one wrong.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from cloud.upstreams.body import completion_body
from cloud.upstreams.checking import Checked, NoEcho, check_draft
from cloud.upstreams.estimate import token_bound
from cloud.upstreams.failures import Fault, UpstreamFailed
from cloud.upstreams.model import UpstreamSpec
from cloud.upstreams.prompt_text import PromptTemplate
from cloud.upstreams.reported import read_usage
from runtime.errors import UpstreamUnavailable
from runtime.ids import ModelName
from runtime.ports import ChatMessage, FinishReason, GenerateRequest, Sampling, Usage

__all__ = ["Drafts", "Found"]

_QUESTIONS: Final = ("Count from one to ten.", "How many legs has a horse?", "Say hello.")
_PROBE_S: Final = 20.0
_WRONG: Final = (" zebra", " 7 of them", "\n\n---")
"""One of these begins otherwise than whatever a model wrote."""


@dataclass(frozen=True, slots=True)
class Found:
    """What came of checking a draft."""

    text: str
    """What the model says next: what it accepts of the draft, and what it says behind that."""
    tokens: int
    finish: FinishReason | None
    """Whether that ended its answer, or more of it may be asked for; ``None`` when what comes
    behind ``text`` must be asked for before anything else is known."""
    usage: Usage


class Drafts:
    """Checks drafts at one provider.

    Args:
        spec: The provider.
        complete: Posts a body to ``/completions``; returns the answer's bytes, raises
            ``UpstreamFailed``.
    """

    def __init__(
        self, spec: UpstreamSpec, complete: Callable[[dict[str, Any]], Awaitable[bytes]]
    ) -> None:
        self._spec = spec
        self._complete = complete
        self._able: dict[tuple[str, PromptTemplate], bool] = {}
        self._probing = asyncio.Lock()

    def refusal(self, upstream_model: str) -> str:
        """Return what is said of a model that checks no drafts."""
        return (
            f"model {upstream_model} of upstream {self._spec.name} checks no drafts: its"
            " /completions must echo the prompt with the log-probabilities of what it writes itself"
        )

    async def is_able(self, upstream_model: str, template: PromptTemplate) -> bool:
        """Try once whether a model checks drafts, and remember it.

        Raises:
            UpstreamFailed: It cannot be asked now.
        """
        key = (upstream_model, template)
        async with self._probing:
            if key not in self._able:
                try:
                    async with asyncio.timeout(_PROBE_S):
                        self._able[key] = await self._probe(upstream_model, template)
                except TimeoutError as error:
                    raise self._failed(Fault.SILENT, "did not answer in time") from error
            return self._able[key]

    async def check(self, request: GenerateRequest, prompt: str, upstream_model: str) -> Found:
        """Return what a model says behind ``prompt``, given the request's draft.

        Args:
            request: Greedy, with a draft.
            prompt: What the model reads, up to and with the begun answer.
            upstream_model: The provider's own name for the model.

        Raises:
            UpstreamFailed: The provider did not answer, or with something else.
        """
        text = prompt + request.draft
        body = completion_body(
            request, text, upstream_model, self._spec.capabilities, is_echoed=True
        )
        try:
            return self._found(json.loads(await self._complete(body)), request, text)
        except (NoEcho, ValueError, RecursionError) as error:
            raise self._failed(Fault.GARBAGE, "echoed no prompt") from error

    def _found(self, answer: Any, request: GenerateRequest, prompt: str) -> Found:
        choice = _only_choice(answer)
        text, finish = choice.get("text"), choice.get("finish_reason")
        usage = read_usage(answer.get("usage"), token_bound(request), has_text=False)
        if not isinstance(text, str) or not text.startswith(prompt) or usage is None:
            raise NoEcho
        checked = check_draft(
            choice.get("logprobs"),
            request.begun,
            request.draft,
            written_tokens=usage.completion_tokens,
        )
        if checked.is_whole:
            return _whole(checked, text[len(prompt) :], finish, usage)
        tokens = checked.accepted_tokens + bool(checked.correction)
        more = FinishReason.LENGTH if checked.correction else None
        return Found(checked.accepted + checked.correction, tokens, more, usage)

    async def _probe(self, upstream_model: str, template: PromptTemplate) -> bool:
        try:
            found = [
                await self._is_right(question, upstream_model, template) for question in _QUESTIONS
            ]
        except (NoEcho, ValueError, RecursionError):
            return False
        except UpstreamFailed as failure:
            if failure.fault in {Fault.GARBAGE, Fault.REQUEST, Fault.MISSING, Fault.STATUS}:
                return False
            raise
        return False not in found and True in found

    async def _is_right(
        self, question: str, upstream_model: str, template: PromptTemplate
    ) -> bool | None:
        """Whether a model knows its own beginning from another; ``None`` when it begins with none.

        One token: a longer beginning may be cut into other tokens when it comes back.
        """
        turns = (ChatMessage("user", question),)
        prompt = template.text(turns)
        asked = GenerateRequest(ModelName(upstream_model), turns, Sampling(max_tokens=1))
        able = self._spec.capabilities
        body = completion_body(asked, prompt, upstream_model, able, is_echoed=False)
        for streamed in ("stream", "stream_options"):
            body.pop(streamed, None)
        written = _only_choice(json.loads(await self._complete(body))).get("text")
        if not isinstance(written, str) or not written.strip():
            return None
        wrong = next(one for one in _WRONG if one.strip()[0] != written.strip()[0])
        right = await self.check(replace(asked, draft=written), prompt, upstream_model)
        other = await self.check(replace(asked, draft=wrong), prompt, upstream_model)
        return right.text.startswith(written) and not other.text.startswith(wrong)

    def _failed(self, fault: Fault, how: str) -> UpstreamFailed:
        return UpstreamFailed(fault, UpstreamUnavailable(f"upstream {self._spec.name} {how}"))


def _whole(checked: Checked, written: str, finish: Any, usage: Usage) -> Found:
    """Return an accepted draft and what the model wrote behind it."""
    ends = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}
    if finish not in ends:
        raise NoEcho
    tokens = checked.accepted_tokens + usage.completion_tokens
    return Found(checked.accepted + written, tokens, ends[finish], usage)


def _only_choice(answer: Any) -> dict[str, Any]:
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise NoEcho
    return dict(choices[0])
