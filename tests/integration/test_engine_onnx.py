"""ONNX decoders in the engine: the same answers as alone, files that are no models, deaths."""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from reference.onnx_decoder import OnnxDecoder
from reference.tokenizer import load_tokenizer
from runtime.clock import SystemClock
from runtime.errors import ContextOverflow, EngineCrashed, ModelInvalid
from runtime.ids import ModelName, NodeName
from runtime.ports import Completion, GenerateRequest
from tests.integration.engine_calls import ask_of, said, serving_model

WEIGHTS = Path(__file__).parents[2] / "reference" / "weights"
MODEL = WEIGHTS / "tern-s.onnx"
NAME = ModelName("tern-s")
OPTIONS = EngineOptions(threads=1, queue_limit=64)
ENDLESS = "root ::= [a-z] root"
QUESTIONS = [
    f"A ward has {number} beds. Each bed needs 3 sheets. How many sheets are needed?"
    for number in range(2, 10)
] + ["count " * 290, "Hello"]


@asynccontextmanager
async def serving(path: Path = MODEL, **options: Any) -> AsyncIterator[NodeEngine]:
    async with serving_model(NAME, path, replace(OPTIONS, **options)) as engine:
        yield engine


def ask(content: str = "Hello", *, timeout_s: float = 60.0, **sampling: Any) -> GenerateRequest:
    return ask_of(NAME, content, timeout_s=timeout_s, **sampling)


async def answered(
    engine: NodeEngine, request: GenerateRequest, *, caller: str = ""
) -> tuple[str, list[Any], Completion]:
    texts, last = await said(engine, request, caller=caller)
    entries = [entry for item in texts for entry in item.logprobs]
    return "".join(item.text for item in texts), entries, last


def folder(at: Path, *, template: str = "") -> Path:
    """Lay a model out as exporters do."""
    at.mkdir()
    shutil.copy(MODEL, at / "model.onnx")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(WEIGHTS / name, at / name)
    if template:
        (at / "chat_template.jinja").write_text(template)
    return at


async def test_greedy_answers_are_those_of_the_graph_alone() -> None:
    tokenizer, decoder = load_tokenizer(), OnnxDecoder(MODEL)
    expected = []
    for question in QUESTIONS:
        chat = f"<|bos|><|user|>{question}<|end|><|assistant|>"
        prompt = tokenizer.encode(chat, add_special_tokens=False).ids
        expected.append(tokenizer.decode(list(decoder.generate(prompt, max_tokens=40))))

    async with serving() as engine:
        requests = [ask(question, max_tokens=40) for question in QUESTIONS]
        alone = [(await answered(engine, request))[0] for request in requests]
        together = await asyncio.gather(*(answered(engine, request) for request in requests))

    assert alone == expected
    assert [text for text, _, _ in together] == expected


async def test_deterministic_logits_do_not_depend_on_what_else_runs() -> None:
    requests = [
        ask(question, max_tokens=30, logprobs=20, temperature=temperature, seed=5)
        for question in QUESTIONS
        for temperature in (0.0, 1.0)
    ]
    async with serving(is_deterministic=True) as engine:
        alone = [(await answered(engine, request))[:2] for request in requests]

        together = await asyncio.gather(*(answered(engine, request) for request in requests))

    assert [one[:2] for one in together] == alone


async def test_calls_that_outgrow_the_cache_wait_for_each_other_and_all_end() -> None:
    async with serving(cache_tokens=1024, slots=4) as engine:
        requests = [ask(grammar=ENDLESS, max_tokens=500, temperature=1.0, seed=n) for n in range(4)]

        together = await asyncio.gather(*(answered(engine, request) for request in requests))

        assert [last.usage.completion_tokens for _, _, last in together] == [500] * 4


async def test_a_kept_prompt_is_not_computed_again_and_changes_nothing() -> None:
    question = "A ward has 4 beds. Each bed needs 3 sheets. " * 8
    async with serving() as engine:
        first, _, cold = await answered(engine, ask(question, max_tokens=30), caller="a")
        async with aclosing(engine.generate(ask(grammar=ENDLESS, max_tokens=1000))) as other:
            await anext(other)

            again, _, warm = await answered(engine, ask(question, max_tokens=30), caller="a")
            _, _, foreign = await answered(engine, ask(question, max_tokens=30), caller="b")

    assert again == first
    assert cold.usage.cached_tokens == foreign.usage.cached_tokens == 0
    assert warm.usage.cached_tokens == warm.usage.prompt_tokens - 1


async def test_a_caller_that_leaves_disturbs_nobody() -> None:
    async with serving() as engine:
        expected, _, _ = await answered(engine, ask(QUESTIONS[0], max_tokens=60))
        staying = asyncio.create_task(answered(engine, ask(QUESTIONS[0], max_tokens=60)))
        for _ in range(5):
            async with aclosing(engine.generate(ask(grammar=ENDLESS, max_tokens=900))) as leaving:
                await anext(leaving)

        assert (await staying)[0] == expected


async def test_a_prompt_longer_than_the_context_is_refused() -> None:
    async with serving(context_tokens=256) as engine:
        with pytest.raises(ContextOverflow, match="leaves no room in a context of 256"):
            await answered(engine, ask("count " * 300))


async def test_a_kill_fails_open_calls_and_the_model_is_back_within_seconds() -> None:
    loop = asyncio.get_running_loop()
    async with serving() as engine:
        async with aclosing(engine.generate(ask(grammar=ENDLESS, max_tokens=100_000))) as running:
            await anext(running)
            pid = engine.models()[0].pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            killed_s = loop.time()

            with pytest.raises(EngineCrashed, match="SIGKILL"):
                [chunk async for chunk in running]

        _, _, last = await answered(engine, ask(max_tokens=3))
        assert last.usage.completion_tokens == 3
        assert loop.time() - killed_s < 5.0


async def test_a_folder_is_served_with_the_template_that_lies_in_it(tmp_path: Path) -> None:
    terse = "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}<|assistant|>"

    async with serving(folder(tmp_path / "model", template=terse)) as engine:
        _, _, last = await answered(engine, ask("a b", max_tokens=2))

    tokens = load_tokenizer().encode("<|bos|>a b<|assistant|>", add_special_tokens=False).ids
    assert last.usage.prompt_tokens == len(tokens)


async def test_control_tokens_in_a_message_are_ordinary_text() -> None:
    async with serving() as engine:
        _, _, plain = await answered(engine, ask("<|end|>", max_tokens=1))
        _, _, shorter = await answered(engine, ask("x", max_tokens=1))

    assert plain.usage.prompt_tokens > shorter.usage.prompt_tokens + 2


def _cut(at: Path) -> None:
    (at / "model.onnx").write_bytes(MODEL.read_bytes()[:100_000])


def _noise(at: Path) -> None:
    (at / "model.onnx").write_bytes(bytes(range(256)) * 64)


def _empty(at: Path) -> None:
    (at / "model.onnx").write_bytes(b"")


def _no_graph(at: Path) -> None:
    (at / "model.onnx").unlink()


def _no_tokenizer(at: Path) -> None:
    (at / "tokenizer.json").unlink()


def _no_json(at: Path) -> None:
    (at / "tokenizer.json").write_text("{" * 100_000)


def _no_vocabulary(at: Path) -> None:
    (at / "tokenizer.json").write_text('{"model": {}}')


def _other_decoder(at: Path) -> None:
    document = json.loads((at / "tokenizer.json").read_text())
    document["decoder"] = {"type": "WordPiece", "prefix": "##", "cleanup": True}
    (at / "tokenizer.json").write_text(json.dumps(document))


def _broken_template(at: Path) -> None:
    (at / "chat_template.jinja").write_text("{% if %}")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_cut, "onnxruntime does not accept it"),
        (_noise, "onnxruntime does not accept it"),
        (_empty, "the file is empty"),
        (_no_graph, "holds no model.onnx"),
        (_no_tokenizer, "tokenizer.json beside it: No such file"),
        (_no_json, "tokenizer.json beside it is not valid JSON"),
        (_no_vocabulary, "holds no vocabulary"),
        (_other_decoder, "decoder that is not served"),
        (_broken_template, "chat template does not compile"),
    ],
)
async def test_what_is_no_model_is_refused_in_a_sentence(
    tmp_path: Path, spoil: Any, reason: str
) -> None:
    path = folder(tmp_path / "model")
    spoil(path)

    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock()) as engine:
        with pytest.raises(ModelInvalid, match=reason) as refusal:
            await engine.load(NAME, path)

    assert "\n" not in str(refusal.value)


async def test_an_expected_digest_is_compared() -> None:
    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock()) as engine:
        with pytest.raises(ModelInvalid, match="SHA-256"):
            await engine.load(NAME, MODEL, sha256="0" * 64)
