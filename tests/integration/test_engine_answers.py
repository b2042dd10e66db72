"""The real engine on the smaller reference model, GGUF and ONNX: what it answers, and how."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from runtime.errors import (
    CapacityExhausted,
    ContextOverflow,
    DeadlineExceeded,
    NotFound,
    RequestInvalid,
)
from runtime.ids import ModelName
from runtime.ports import (
    FinishReason,
    GenerateRequest,
)
from tests.integration.engine_calls import ask_of, collect, finish, serving_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODEL = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
NAME = ModelName("tern-s")
OPTIONS = EngineOptions(threads=1, queue_limit=3)
QUESTION = "A ward has 4 beds. Each bed needs 3 sheets. How many sheets are needed?"
RAMBLE = "Hello"
"""Not what the model was trained on: it goes on until the limit."""
ENDLESS = "root ::= [a-z] root"
"""A model that is good at its task would stop too soon for what is tested here."""


@pytest_asyncio.fixture(
    loop_scope="module",
    scope="module",
    params=[(MODEL, False), (MODEL, True), (MODEL.with_suffix(".onnx"), False)],
    ids=["shared", "deterministic", "onnx"],
)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[NodeEngine]:
    model, is_deterministic = request.param
    options = replace(OPTIONS, is_deterministic=is_deterministic)
    async with serving_model(NAME, model, options) as engine:
        yield engine


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def single() -> AsyncIterator[NodeEngine]:
    """An engine with one slot, whose second caller waits."""
    async with serving_model(NAME, MODEL, replace(OPTIONS, slots=1)) as engine:
        yield engine


def ask(content: str = QUESTION, *, timeout_s: float = 30.0, **sampling: Any) -> GenerateRequest:
    return ask_of(NAME, content, timeout_s=timeout_s, **sampling)


async def wait_idle(engine: NodeEngine, limit_s: float = 5.0) -> None:
    async with asyncio.timeout(limit_s):
        while engine.models()[0].open_calls:  # noqa: ASYNC110 - a process gives no event
            await asyncio.sleep(0.005)


async def test_an_answer_streams_and_ends_with_one_completion(engine: NodeEngine) -> None:
    text, completion, deltas = await collect(engine, ask())

    assert "Answer:" in text
    assert len(deltas) > 1  # how many depends on how busy the machine is: waiting ones are joined
    assert completion.finish_reason is FinishReason.STOP
    assert completion.usage.completion_tokens == sum(delta.tokens for delta in deltas)
    assert completion.usage.prompt_tokens > 10
    assert 0 < completion.timings.first_token_s <= completion.timings.total_s
    assert (completion.model, completion.node) == (NAME, "edge-1")


async def test_greedy_answers_repeat_whatever_was_asked_in_between(engine: NodeEngine) -> None:
    first, _, _ = await collect(engine, ask())
    await collect(engine, ask("Something else entirely", temperature=1.0, max_tokens=30))

    again, completion, _ = await collect(engine, ask())

    assert again == first
    assert completion.usage.cached_tokens == 0


async def test_a_seed_repeats_an_answer_and_another_seed_changes_it(engine: NodeEngine) -> None:
    hot = {"temperature": 1.5, "max_tokens": 60}

    one, _, _ = await collect(engine, ask(RAMBLE, seed=1, **hot))
    same, _, _ = await collect(engine, ask(RAMBLE, seed=1, **hot))
    other, _, _ = await collect(engine, ask(RAMBLE, seed=2, **hot))
    free = [(await collect(engine, ask(RAMBLE, **hot)))[0] for _ in range(8)]

    assert one == same
    assert one != other
    # Two may well be alike where the model is sure; eight are not.
    assert len(set(free)) > 1


async def test_sampling_settings_reach_the_sampler(engine: NodeEngine) -> None:
    greedy, _, _ = await collect(engine, ask(RAMBLE, max_tokens=40))

    for cut in ({"top_k": 1}, {"top_p": 1e-6}, {"min_p": 0.999}):
        text, _, _ = await collect(engine, ask(RAMBLE, max_tokens=40, temperature=1.0, **cut))
        assert text == greedy
    penalised, _, _ = await collect(engine, ask(RAMBLE, max_tokens=40, repeat_penalty=1.8))
    assert penalised != greedy


async def test_penalties_on_the_answer_spread_its_tokens(engine: NodeEngine) -> None:
    plain, _, _ = await collect(engine, ask(RAMBLE, grammar="root ::= [a-z]{40}"))

    for penalty in ({"frequency_penalty": 30.0}, {"presence_penalty": 30.0}):
        text, _, _ = await collect(engine, ask(RAMBLE, grammar="root ::= [a-z]{40}", **penalty))
        assert len(set(text)) > len(set(plain))
    _, completion, _ = await collect(engine, ask(RAMBLE, frequency_penalty=-100.0, max_tokens=60))
    assert completion.finish_reason is FinishReason.LENGTH  # the first token, over and over


async def test_a_biased_token_is_forced_or_forbidden(engine: NodeEngine) -> None:
    (status,) = engine.models()
    assert status.facts is not None
    others = tuple((one, -100.0) for one in range(status.facts.vocabulary_size) if one != 90)

    plain, _, _ = await collect(engine, ask(max_tokens=1))
    forced, _, _ = await collect(engine, ask(max_tokens=1, logit_bias=((90, 100.0),)))
    left, _, _ = await collect(engine, ask(max_tokens=1, logit_bias=others))

    assert forced == left != plain


async def test_a_bias_for_no_token_is_refused(engine: NodeEngine) -> None:
    with pytest.raises(RequestInvalid, match="logit_bias"):
        await collect(engine, ask(logit_bias=((10_000_000, 1.0),)))


async def test_max_tokens_ends_an_answer_with_length(engine: NodeEngine) -> None:
    _, completion, _ = await collect(engine, ask(RAMBLE, max_tokens=7))

    assert completion.finish_reason is FinishReason.LENGTH
    assert completion.usage.completion_tokens == 7


async def test_a_stop_string_across_tokens_is_cut_and_not_shown(engine: NodeEngine) -> None:
    whole, _, _ = await collect(engine, ask())
    at = whole.index("Answer")
    stop = whole[at - 2 : at + 3]

    text, completion, deltas = await collect(engine, ask(stop=(stop, "never")))

    assert text == whole[: whole.index(stop)]
    assert completion.finish_reason is FinishReason.STOP
    assert not any("Answ" in delta.text for delta in deltas)


async def test_every_piece_is_whole_characters(engine: NodeEngine) -> None:
    grammar = 'root ::= "é€𝄞é€𝄞é"'

    text, completion, deltas = await collect(engine, ask(grammar=grammar))

    assert text == "é€𝄞é€𝄞é"
    assert "\ufffd" not in text
    assert sum(delta.tokens for delta in deltas) == completion.usage.completion_tokens
    assert completion.usage.completion_tokens > len(text)  # the vocabulary spells them in bytes


async def test_an_answer_cut_inside_a_character_ends_in_a_replacement(engine: NodeEngine) -> None:
    text, _, _ = await collect(engine, ask(grammar='root ::= "𝄞"', max_tokens=2))

    assert text == "\ufffd"


async def test_a_grammar_restricts_the_answer(engine: NodeEngine) -> None:
    for temperature in (0.0, 1.5):
        request = ask(grammar="root ::= [0-9]{5}", temperature=temperature, seed=4)

        text, completion, _ = await collect(engine, request)

        assert text.isdecimal()
        assert len(text) == 5
        assert completion.finish_reason is FinishReason.STOP


NODE = {
    "type": "object",
    "properties": {"v": {"type": "boolean"}, "next": {"$ref": "#/$defs/node"}},
    "required": ["v"],
}
SCHEMAS: list[tuple[dict[str, Any], Callable[[Any], bool]]] = [
    (
        {
            "type": "object",
            "properties": {
                "dose": {"type": "integer", "minimum": 1},
                "unit": {"type": "string", "enum": ["mg", 'm"l', "a\\b\n"]},
                "notes": {"type": "array", "items": {"type": "boolean"}, "minItems": 2,
                          "maxItems": 3},
                "drug": {"type": "string", "maxLength": 20},
            },
            "required": ["dose", "unit", "notes", "drug"],
            "additionalProperties": False,
        },
        lambda it: list(it) == ["dose", "unit", "notes", "drug"]
        and it["dose"] >= 1
        and it["unit"] in {"mg", 'm"l', "a\\b\n"}
        and len(it["notes"]) in {2, 3}
        and len(it["drug"]) <= 20,
    ),
    (
        {"properties": {name: {"type": "null"} for name in "abc"}, "required": ["b"]},
        lambda it: "b" in it and list(it) == sorted(it) and set(it) <= set("abc"),
    ),
    ({"$ref": "#/$defs/node", "$defs": {"node": NODE}}, lambda it: isinstance(it["v"], bool)),
    ({"type": "string", "pattern": "^[A-C]{2}-\\d{3}(x|y\\.)?$"}, lambda it: it[2] == "-"),
    ({"type": "string", "pattern": '^"[^a-z]{2}.$'}, lambda it: it[0] == '"' and len(it) == 4),
    ({"type": "string", "pattern": r"^[\^\-\]\[]{3}\\$"}, lambda it: set(it) <= set("^-[]\\")),
    ({"type": "string", "format": "date"}, lambda it: len(it) == 10),
    ({"type": "integer", "minimum": -3, "maximum": 3}, lambda it: it in range(-3, 4)),
    ({"type": ["number", "null"]}, lambda it: it is None or it == it + 0),
    ({"anyOf": [{"const": 1.5}, {"enum": [None, "é"]}]}, lambda it: it in {1.5, None, "é"}),
    ({"type": "array", "items": {"type": "null"}, "maxItems": 0}, lambda it: it == []),
    ({"type": "array", "prefixItems": [{"type": "null"}, True]}, lambda it: len(it) == 2),
    ({"type": "object", "additionalProperties": False}, lambda it: it == {}),
    ({"type": "number", "exclusiveMinimum": -2, "maximum": 5000}, lambda it: -2 < it <= 5000),
    ({"type": "integer", "minimum": 40, "maximum": 123456}, lambda it: 40 <= it <= 123456),
    ({"type": "string", "format": "duration"}, lambda it: it.startswith("P")),
    (
        {"properties": {"a]": {"type": "null"}}, "required": ["a]"],
         "additionalProperties": {"const": 1}},
        lambda it: it["a]"] is None and set(it.values()) <= {None, 1},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "holds"), SCHEMAS)
async def test_a_json_schema_holds_for_every_answer(
    engine: NodeEngine, schema: dict[str, Any], holds: Callable[[Any], bool]
) -> None:
    for seed in range(4):
        request = ask(
            json_schema=json.dumps(schema), temperature=1.5 * (seed > 0), seed=seed, max_tokens=400
        )

        text, completion, _ = await collect(engine, request)

        if completion.finish_reason is FinishReason.STOP:
            assert holds(json.loads(text)), text


@pytest.mark.parametrize(
    "sampling",
    [
        {"grammar": "root ::= " + "(" * 20_000 + '"a"' + ")" * 20_000},
        {"grammar": 'root ::= "a'},
        {"grammar": 'other ::= "a"'},
        {"grammar": 'root ::= root "a"'},
        {"grammar": "root ::= missing"},
        {"json_schema": '{"type": "unknown"}'},
        {"json_schema": '{"$ref": "https://example.com/schema"}'},
        {"json_schema": '{"$ref": "#/missing"}'},
        {"json_schema": '{"pattern": "(((", "type": "string"}'},
    ],
)
async def test_a_hostile_grammar_or_schema_is_refused_and_nothing_dies(
    engine: NodeEngine, sampling: dict[str, str]
) -> None:
    with pytest.raises(RequestInvalid):
        await collect(engine, ask(**sampling))

    assert engine.models()[0].restarts == 0


async def test_logprobs_are_the_models_own(engine: NodeEngine) -> None:
    text, completion, deltas = await collect(engine, ask(logprobs=3, max_tokens=12))

    entries = [entry for delta in deltas for entry in delta.logprobs]
    assert len(entries) == completion.usage.completion_tokens
    assert "".join(entry.token for entry in entries) == text
    for entry in entries:
        values = [logprob for _, logprob in entry.top]
        assert values == sorted(values, reverse=True)
        assert entry.top[0] == (entry.token, entry.logprob)  # greedy takes the best
        assert entry.logprob <= 0


async def test_a_control_token_in_a_message_is_read_as_text(engine: NodeEngine) -> None:
    _, plain, _ = await collect(engine, ask("x", max_tokens=1))

    _, spelled, _ = await collect(engine, ask("x<|end|>", max_tokens=1))

    assert spelled.usage.prompt_tokens > plain.usage.prompt_tokens + 1


async def test_a_prompt_beyond_the_context_is_refused_with_numbers(engine: NodeEngine) -> None:
    with pytest.raises(ContextOverflow, match=r"prompt of \d{4,} tokens .* context of 1024"):
        await collect(engine, ask("seven " * 2000))


async def test_an_answer_ends_where_the_context_does(engine: NodeEngine) -> None:
    _, completion, _ = await collect(engine, ask(RAMBLE, grammar=ENDLESS, max_tokens=100_000))

    assert completion.finish_reason is FinishReason.LENGTH
    assert completion.usage.prompt_tokens + completion.usage.completion_tokens == 1024


async def test_a_deadline_ends_a_running_answer(engine: NodeEngine) -> None:
    with pytest.raises(DeadlineExceeded):
        await collect(engine, ask(RAMBLE, grammar=ENDLESS, max_tokens=100_000, timeout_s=0.05))

    await wait_idle(engine)


async def test_a_deadline_ends_a_waiting_call(single: NodeEngine) -> None:
    async with aclosing(
        single.generate(ask(RAMBLE, grammar=ENDLESS, max_tokens=100_000))
    ) as running:
        await anext(running)

        with pytest.raises(DeadlineExceeded):
            await collect(single, ask(timeout_s=0.1))

    await wait_idle(single)


async def test_closing_a_stream_frees_the_slot_at_once(single: NodeEngine) -> None:
    engine = single
    _, whole, _ = await collect(engine, ask(RAMBLE, grammar=ENDLESS, max_tokens=100_000))
    async with aclosing(
        engine.generate(ask(RAMBLE, grammar=ENDLESS, max_tokens=100_000))
    ) as running:
        await anext(running)
        waiting = asyncio.create_task(collect(engine, ask(max_tokens=1)))
        await asyncio.sleep(0)

    _, next_one, _ = await waiting

    assert next_one.timings.queued_s < whole.timings.total_s / 3
    await wait_idle(engine)


async def test_cancelling_a_task_frees_the_slot(engine: NodeEngine) -> None:
    task = asyncio.create_task(collect(engine, ask(RAMBLE, grammar=ENDLESS, max_tokens=100_000)))
    await asyncio.sleep(0)  # lets the call begin
    assert engine.models()[0].open_calls == 1

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    await wait_idle(engine)


async def test_more_calls_than_allowed_are_refused(engine: NodeEngine) -> None:
    requests = [ask(RAMBLE, max_tokens=20) for _ in range(OPTIONS.queue_limit + 2)]

    results = await asyncio.gather(
        *(collect(engine, request) for request in requests), return_exceptions=True
    )

    refused = [result for result in results if isinstance(result, CapacityExhausted)]
    assert len(refused) == 2
    assert refused[0].retry_after_s > 0
    assert sum(isinstance(result, tuple) for result in results) == OPTIONS.queue_limit


async def test_concurrent_callers_get_their_own_answers(engine: NodeEngine) -> None:
    alone = [(await collect(engine, ask(text, max_tokens=25)))[0] for text in (QUESTION, RAMBLE)]

    together = await asyncio.gather(
        *(collect(engine, ask(text, max_tokens=25)) for text in (QUESTION, RAMBLE))
    )

    assert [text for text, _, _ in together] == alone


async def test_names_are_known_or_not(engine: NodeEngine) -> None:
    with pytest.raises(NotFound, match="other"):
        await collect(engine, replace(ask(), model=ModelName("other")))
    with pytest.raises(NotFound):
        await engine.unload(ModelName("other"))
    with pytest.raises(RequestInvalid, match="loaded already"):
        await engine.load(NAME, MODEL)
    with pytest.raises(RequestInvalid, match="makes no embeddings"):
        await engine.embed(NAME, ["x"])


async def test_the_status_says_what_is_loaded(engine: NodeEngine) -> None:
    (status,) = engine.models()

    assert (status.name, status.state, status.restarts) == (NAME, "ready", 0)
    assert status.facts is not None
    assert status.facts.context_tokens == 1024
    assert status.facts.has_chat_template
    assert status.facts.parameters > 100_000 or status.path.suffix == ".onnx"


PEER = """
import json, sys
from llama_cpp import Llama
model = Llama(sys.argv[1], n_ctx=1024, n_batch=256, n_threads=1, seed=0, verbose=False)
for content in json.loads(sys.argv[2]):
    reply = model.create_chat_completion(
        [{"role": "user", "content": content}], temperature=0.0, max_tokens=80)
    print(json.dumps(reply["choices"][0]["message"]["content"]))
"""


async def test_greedy_answers_equal_those_of_the_packaged_llama(engine: NodeEngine) -> None:
    questions = [QUESTION, RAMBLE, "Kari López has phone +46 70 174 06 99. What is the phone?"]
    command = [sys.executable, "-W", "ignore", "-c", PEER, str(MODEL), json.dumps(questions)]
    peer = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, check=True, timeout=60
    )

    ours = [(await collect(engine, ask(text, max_tokens=80)))[0] for text in questions]

    assert ours == [json.loads(line) for line in peer.stdout.splitlines()]


async def test_a_begun_answer_goes_on_as_it_would_have(engine: NodeEngine) -> None:
    whole, _, deltas = await collect(engine, ask_of(NAME, QUESTION, max_tokens=24))
    begun = "".join(delta.text for delta in deltas[: len(deltas) // 2])

    rest, last, _ = await collect(
        engine, replace(ask_of(NAME, QUESTION, max_tokens=24), begun=begun)
    )

    assert begun
    assert (begun + rest).startswith(whole)
    assert last.continued


async def test_control_tokens_in_a_begun_answer_are_text(engine: NodeEngine) -> None:
    plain = await finish(engine, ask_of(NAME, QUESTION, max_tokens=1))

    spelt = await finish(engine, replace(ask_of(NAME, QUESTION, max_tokens=1), begun="<|end|>"))

    assert spelt.usage.prompt_tokens > plain.usage.prompt_tokens + 1


async def test_a_draft_is_not_checked_on_a_device(engine: NodeEngine) -> None:
    with pytest.raises(RequestInvalid, match="draft"):
        await collect(engine, replace(ask_of(NAME, QUESTION), draft="A ward"))
