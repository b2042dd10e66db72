"""Checking drafts: against a toy model that answers as OpenAI's completions do, and liars."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.upstreams.checking import NoEcho, check_draft
from cloud.upstreams.drafts import Drafts
from cloud.upstreams.failures import Fault, UpstreamFailed
from cloud.upstreams.model import UpstreamSpec
from cloud.upstreams.prompt_text import PromptTemplate
from runtime.errors import UpstreamUnavailable

PIECES = ("ab", "abc", "a", "b", "c", "d", "cd", " ")
SPEC = UpstreamSpec("p", "http://127.0.0.1:1/v1", None)


def tokens_of(text: str) -> list[str]:
    """Cut a text as a greedy tokenizer does: the longest piece first, single characters else."""
    found = []
    while text:
        piece = max((one for one in PIECES if text.startswith(one)), key=len, default=text[0])
        found.append(piece)
        text = text[len(piece) :]
    return found


def next_token(before: list[str]) -> str:
    """Return what the toy model writes next, which depends on all that stands before."""
    return PIECES[sum(map(len, before)) * 7 % len(PIECES)]


def echo(tokens: list[str], written: int) -> dict[str, Any]:
    own: list[float | None] = [None]
    tops: list[dict[str, float] | None] = [None]
    for place in range(1, len(tokens)):
        best, token = next_token(tokens[:place]), tokens[place]
        own.append(-0.5 if token == best else -3.0)
        tops.append({best: -0.5, token: -0.5 if token == best else -3.0})
    del written
    return {"tokens": list(tokens), "token_logprobs": own, "top_logprobs": tops}


def complete(body: dict[str, Any], change: Callable[[dict[str, Any]], None] | None = None) -> bytes:
    """Answer as ``/v1/completions`` does."""
    tokens = tokens_of(body["prompt"])
    count = len(tokens)
    for _ in range(body["max_tokens"]):
        tokens.append(next_token(tokens))
    written = "".join(tokens[count:])
    choice: dict[str, Any] = {"text": written, "index": 0, "finish_reason": "length"}
    usage = {"prompt_tokens": count, "completion_tokens": len(tokens) - count}
    if body.get("echo"):
        choice |= {"text": body["prompt"] + written, "logprobs": echo(tokens, len(tokens) - count)}
    answer = {"choices": [choice], "usage": usage}
    if change is not None:
        change(answer)
    return json.dumps(answer).encode()


@given(st.text("abcd ", max_size=12), st.text("abcd ", max_size=12), st.text("abcd ", min_size=1))
def test_what_is_accepted_is_what_greedy_decoding_says(prompt: str, begun: str, draft: str) -> None:
    tokens = tokens_of("#" + prompt + begun + draft)

    checked = check_draft(echo(tokens, 0), begun, draft, written_tokens=0)

    assert draft.startswith(checked.accepted)
    assert checked.is_whole == (checked.accepted == draft)
    # Walk the draft's own tokens: each that was accepted is the one that the model says there.
    at, place = 0, 0
    end = len("#" + prompt + begun + checked.accepted)
    while at < end:
        if at >= len("#" + prompt + begun):
            assert tokens[place] == next_token(tokens[:place])
        at += len(tokens[place])
        place += 1
    if checked.correction:
        assert at == end
        assert checked.correction == next_token(tokens[:place])


def test_a_token_that_spells_a_mark_is_no_correction() -> None:
    logprobs = {
        "tokens": ["#", "a"],
        "token_logprobs": [None, -4.0],
        "top_logprobs": [None, {"<|end|>": -0.1, "a": -4.0}],
    }

    checked = check_draft(logprobs, "", "a", written_tokens=0)

    assert (checked.accepted, checked.correction) == ("", "")


@pytest.mark.parametrize("piece", ["", "\N{REPLACEMENT CHARACTER}"])
def test_pieces_of_characters_are_never_accepted(piece: str) -> None:
    logprobs = {
        "tokens": ["#", "a", piece],
        "token_logprobs": [None, -0.1, -0.1],
        "top_logprobs": [None, {"a": -0.1}, {piece: -0.1}],
    }

    assert check_draft(logprobs, "", "aé", written_tokens=0).accepted == ""


@pytest.mark.parametrize(
    "logprobs",
    [
        None,
        [],
        {"tokens": ["a"], "token_logprobs": [None]},
        {"tokens": ["a"], "token_logprobs": [None], "top_logprobs": [None, None]},
        {"tokens": [1], "token_logprobs": [None], "top_logprobs": [None]},
        {"tokens": ["a"], "token_logprobs": [-1.0], "top_logprobs": [{"a": "much"}]},
    ],
)
def test_what_is_no_echo_is_said_so(logprobs: Any) -> None:
    with pytest.raises(NoEcho):
        check_draft(logprobs, "", "a", written_tokens=0)


def without_likelihoods(answer: dict[str, Any]) -> None:
    answer["choices"][0].pop("logprobs", None)


def of_the_token_before(answer: dict[str, Any]) -> None:
    if logprobs := answer["choices"][0].get("logprobs"):
        for name in ("token_logprobs", "top_logprobs"):
            logprobs[name] = [None, *logprobs[name][:-1]]


def of_what_was_said_alone(answer: dict[str, Any]) -> None:
    if logprobs := answer["choices"][0].get("logprobs"):
        own = zip(logprobs["tokens"], logprobs["token_logprobs"], strict=True)
        logprobs["top_logprobs"] = [None if one is None else {text: one} for text, one in own]


def without_the_prompt(answer: dict[str, Any]) -> None:
    choice = answer["choices"][0]
    if "logprobs" in choice:
        choice["text"] = choice["text"][-1:]


def without_usage(answer: dict[str, Any]) -> None:
    del answer["usage"]


async def is_able(change: Callable[[dict[str, Any]], None] | None) -> bool:
    async def posted(body: dict[str, Any]) -> bytes:
        return complete(body, change)

    return await Drafts(SPEC, posted).is_able("m", PromptTemplate("#{{ messages[0]['content'] }}"))


async def test_a_provider_that_echoes_likelihoods_is_believed() -> None:
    assert await is_able(None)


@pytest.mark.parametrize(
    "change",
    [
        without_likelihoods,
        of_the_token_before,
        of_what_was_said_alone,
        without_the_prompt,
        without_usage,
    ],
)
async def test_a_provider_that_echoes_something_else_is_not(
    change: Callable[[dict[str, Any]], None],
) -> None:
    assert not await is_able(change)


async def test_a_provider_that_is_away_is_asked_again() -> None:
    answers: list[bytes | None] = [None]

    async def posted(body: dict[str, Any]) -> bytes:
        if answers:
            answers.pop()
            raise UpstreamFailed(Fault.UNREACHABLE, UpstreamUnavailable("away"))
        return complete(body)

    drafts = Drafts(SPEC, posted)
    with pytest.raises(UpstreamFailed):
        await drafts.is_able("m", PromptTemplate(""))

    assert await drafts.is_able("m", PromptTemplate(""))
