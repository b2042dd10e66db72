"""A small table over made-up models, built by the same code as the real one."""

import asyncio
import random
import shutil
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from optimizer.replay.graph_table import GraphTable
from optimizer.replay.table_file import TableData
from reference.tabulated.assembling import assemble
from reference.tabulated.build import answer_all, plan_space
from reference.tabulated.cache import CallCache
from reference.tabulated.node_calls import NodeCalls
from reference.tabulated.plans import Moves
from reference.tabulated.questions import draw_questions
from reference.tabulated.space import Space, enumerate_space
from reference.tabulated.sweep import Answered
from reference.tabulated.world import label_of, zone_of
from reference.tasks import Question, split_of
from runtime.ids import NodeName
from runtime.ports import (
    Chunk,
    Completion,
    FinishReason,
    GenerateRequest,
    TextDelta,
    Timings,
    Usage,
)

POOL = ("tern-s", "gannet-m")


class ParrotModels:
    """A node whose answers follow from what it reads, and repeat a name that they read."""

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        prompt = request.messages[-1].content
        seed = request.sampling.seed if request.sampling.temperature else 0
        rng = random.Random(f"{request.model}/{prompt}/{seed}")
        name = next((word for word in prompt.split() if word.startswith("<PERSON")), "nobody")
        yield TextDelta(f"{name} has {rng.randrange(3)}.\n")
        yield TextDelta(f"Answer: {rng.randrange(4)}")
        usage = Usage(len(prompt) // 4, 10 + rng.randrange(9))
        seconds = rng.randrange(1, 50) / 1000
        yield Completion(FinishReason.STOP, usage, Timings(0.0, seconds, seconds))


@pytest.fixture
def bar() -> Iterator[Progress]:
    with Progress(console=Console(quiet=True)) as progress:
        yield progress


@pytest.fixture(scope="session")
def small_space() -> Space:
    return enumerate_space(POOL)


@pytest.fixture(scope="session")
def some_questions() -> tuple[Question, ...]:
    """One question per label, and one of each task and half."""
    drawn = draw_questions(64)
    by_label = {label_of(question).names(): question for question in drawn}
    by_task = {(question.task, split_of(question)): question for question in reversed(drawn)}
    return tuple({one.id: one for one in [*by_label.values(), *by_task.values()]}.values())


@dataclass(frozen=True, slots=True)
class Small:
    """A build over parrots, made once for all tests."""

    moves: Moves
    answers: list[Answered]
    data: TableData
    cache: Path


@pytest.fixture(scope="session")
def small(
    small_space: Space,
    some_questions: tuple[Question, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Small:
    path = tmp_path_factory.mktemp("small") / "calls.sqlite"
    header = {
        "built_on": "2026-01-01",
        "checked": {"compared": 1, "same_right": 1, "same_text": 1, "same_account": 1},
        "counts": small_space.describe(),
        "fingerprint": {
            "cpu": "a processor",
            "llama_cpp_python": "0",
            "llama_libraries_sha256": "0" * 64,
        },
    }
    with Progress(console=Console(quiet=True)) as bar, calls_over(path) as calls:
        moves = plan_space(small_space, some_questions, bar)
        answers = asyncio.run(answer_all(some_questions, moves, calls, bar))
    data = assemble(small_space, moves, some_questions, answers, header=header)
    return Small(moves, answers, data, path)


@contextmanager
def calls_over(path: Path) -> Iterator[NodeCalls]:
    nodes = {NodeName("edge"): ParrotModels(), NodeName("cloud"): ParrotModels()}
    with CallCache(path) as cache:
        yield NodeCalls(
            nodes,
            {model: NodeName(zone_of(model)) for model in POOL},
            weights={model: f"weights of {model}" for model in POOL},
            cache=cache,
        )


@pytest.fixture
def parrot_calls(small: Small, tmp_path: Path) -> Iterator[NodeCalls]:
    """Calls over a cache that has everything that the small build made."""
    shutil.copy(small.cache, tmp_path / "calls.sqlite")
    with calls_over(tmp_path / "calls.sqlite") as calls:
        yield calls


@pytest.fixture(scope="session")
def small_cache(small: Small) -> Path:
    return small.cache


@pytest.fixture(scope="session")
def small_moves(small: Small) -> Moves:
    return small.moves


@pytest.fixture(scope="session")
def small_answers(small: Small) -> list[Answered]:
    return small.answers


@pytest.fixture(scope="session")
def small_data(small: Small) -> TableData:
    return small.data


@pytest.fixture(scope="session")
def small_table(small_data: TableData) -> GraphTable:
    return GraphTable(small_data)
