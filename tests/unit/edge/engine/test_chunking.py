"""How much of a prompt is computed beside running answers, from measured times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.chunking import ChunkSizer
from edge.engine.step_times import StepTimes

MOST = 256


def learnt(*, step_s: float, token_s: float) -> ChunkSizer:
    times = StepTimes()
    chunks = ChunkSizer(MOST, times)
    for _ in range(50):
        times.note(8, step_s)
        chunks.note(answers=8, prompt_tokens=40, took_s=step_s + 40 * token_s)
    return chunks


def test_a_prompt_that_disturbs_nobody_gets_the_whole_batch() -> None:
    assert ChunkSizer(MOST, StepTimes()).tokens(answers=0) == MOST
    assert learnt(step_s=0.02, token_s=0.001).tokens(answers=0) == MOST


@pytest.mark.parametrize(("token_s", "tokens"), [(0.001, 15), (0.000_3, 50), (0.01, 8)])
def test_running_answers_wait_less_than_two_steps_unless_a_prompt_would_starve(
    token_s: float, tokens: int
) -> None:
    assert learnt(step_s=0.02, token_s=token_s).tokens(answers=8) == pytest.approx(tokens, abs=1)


@pytest.mark.parametrize(
    ("answers", "prompts", "tokens"),
    [(8, 1, 15), (8, 4, 15), (8, 5, 62), (4, 4, 62), (2, 7, 62), (1, 7, 80)],
)
def test_while_many_wait_for_few_that_read_a_step_may_take_a_quarter_of_a_second_longer(
    answers: int, prompts: int, tokens: int
) -> None:
    chunks = learnt(step_s=0.08, token_s=0.004)

    assert chunks.tokens(answers=answers, prompts=prompts) == pytest.approx(tokens, abs=1)


@pytest.mark.parametrize(("prompts", "tokens"), [(1, 37), (2, 75), (4, 150), (7, 200), (15, 200)])
def test_where_steps_are_long_prompts_get_more_of_them_the_more_callers_wait(
    prompts: int, tokens: int
) -> None:
    chunks = learnt(step_s=1.0, token_s=0.02)

    assert chunks.tokens(answers=1, prompts=prompts) == pytest.approx(tokens, abs=1)


def test_prompts_computed_alone_teach_the_cost_of_a_token_too() -> None:
    times = StepTimes()
    chunks = ChunkSizer(MOST, times)
    chunks.note(answers=0, prompt_tokens=200, took_s=0.2)
    times.note(4, 0.05)

    assert chunks.tokens(answers=4) == 37


@given(
    st.lists(st.tuples(st.integers(0, 64), st.integers(0, MOST), st.floats(0, 10)), max_size=30),
    st.integers(0, MOST + 10),
    st.integers(0, 64),
)
def test_a_batch_never_overflows_and_a_prompt_never_starves(
    steps: list[tuple[int, int, float]], answers: int, prompts: int
) -> None:
    times = StepTimes()
    chunks = ChunkSizer(MOST, times)
    for running, prompt_tokens, took_s in steps:
        if prompt_tokens:
            chunks.note(answers=running, prompt_tokens=prompt_tokens, took_s=took_s)
        elif running:
            times.note(running, took_s)

    tokens = chunks.tokens(answers=answers, prompts=prompts)

    assert tokens >= 0
    assert answers + tokens <= max(MOST, answers)
    assert tokens > 0 or answers >= MOST
