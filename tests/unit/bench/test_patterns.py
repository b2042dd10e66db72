"""The headline figures of the patterns' benchmark are made of the right arms."""

from bench.patterns import summary
from bench.patterns_figures import difference
from bench.patterns_leak import entity_leak, mapping_leak
from bench.patterns_run import Ran
from bench.patterns_world import Arm, Task, arms_of, tasks_of

ARMS = arms_of("tern-m", "gannet-m", "gannet-s")


def ran(right: int, usd: float, *, spans: int = 0, has_asked: bool = False) -> list[Ran]:
    """Ten tasks of one question."""
    return [
        Ran(int(place < right), 1, cost_usd=usd, spans_out=spans, has_asked=has_asked)
        for place in range(10)
    ]


def results(**told: list[Ran]) -> dict[Arm, list[Ran]]:
    return {arm: told.get(arm.name.replace("-", "_"), ran(0, 9.0, spans=1)) for arm in ARMS}


TASKS = tasks_of(32, seed=3)


def test_the_best_at_half_cost_is_cheap_and_the_one_kept_leaks_nothing() -> None:
    figures = summary(
        results(
            all_cloud=ran(8, 1.0, spans=2),
            draft_then_refine=ran(10, 0.9, spans=1),
            cascade_confidence=ran(9, 0.5, spans=1),
            redact_and_restore=ran(8, 1.0),
            escalate=ran(10, 0.1, has_asked=True),
        ),
        TASKS,
    )

    assert figures["patterns"] == 14
    assert figures["best_at_half_cost"] == "cascade-confidence"
    assert figures["best_at_half_cost_minus_all_cloud"] == 0.1
    assert (figures["kept_by"], figures["accuracy_kept_without_leak"]) == (
        "redact-and-restore",
        1.0,
    )


def test_patterns_that_divide_are_no_headline() -> None:
    figures = summary(results(all_cloud=ran(5, 1.0), split=ran(10, 0.1)), TASKS)

    assert figures["best_at_half_cost"] is None
    assert figures["accuracy_kept_without_leak"] is None


def test_each_answer_of_a_double_task_counts_once() -> None:
    _, doubles = tasks_of(16, seed=3)
    task = doubles[0]
    first, second = task.questions

    both = f"Answer: {second.answer}\n\nSo.\nAnswer: {first.answer}."
    assert task.right(both) == 2
    assert task.right(f"Answer: {first.answer}") == 1
    assert task.right("Answer: nothing") == 0


def test_the_spans_of_a_double_task_stand_where_they_stood() -> None:
    _, doubles = tasks_of(64, seed=3)
    for task in doubles:
        spans = [q.text[s.start : s.end] for q in task.questions for s in q.spans]
        asked = task.asked

        assert [asked.text[span.start : span.end] for span in asked.spans] == spans


def test_a_single_task_is_judged_by_its_last_answer() -> None:
    task = Task(tasks_of(16, seed=3)[0][0].questions)
    wanted = task.questions[0].answer

    assert task.right(f"Answer: {wanted}\nAnswer: no") == 0
    assert task.right(f"Answer: no\nAnswer: {wanted}") == 1


def test_the_best_of_many_needs_more_to_be_shown_than_one() -> None:
    one, other = 2 * ran(9, 1.0), 2 * ran(4, 1.0)
    alone, chosen = difference(one, other), difference(one, other, chosen_of=20)

    assert alone["difference"] == chosen["difference"] == 0.5
    assert alone["interval"][0] > chosen["interval"][0]


SINGLES = [task for task in tasks_of(64, seed=5)[0] if task.asked.spans]


def test_what_is_sent_as_it_was_asked_leaks_every_entity_and_which_request_it_was() -> None:
    sent = [Ran(0, 1, sent=(task.asked.text,)) for task in SINGLES]

    assert entity_leak(SINGLES, sent) == 1.0
    assert mapping_leak(SINGLES, sent) == 1.0


def test_redaction_hides_who_and_not_which() -> None:
    sent = [Ran(0, 1, sent=(task.asked.redacted.text,)) for task in SINGLES]

    assert entity_leak(SINGLES, sent) < 0.2  # health words are not redacted here
    assert mapping_leak(SINGLES, sent) > 0.9


def test_what_says_nothing_of_the_request_tells_no_more_than_chance_and_silence_nothing() -> None:
    vague = [Ran(0, 1, sent=("How does one go about it?",)) for _ in SINGLES]

    assert entity_leak(SINGLES, vague) == 0.0
    assert mapping_leak(SINGLES, vague) < 3 / len(SINGLES)
    assert mapping_leak(SINGLES, [Ran(0, 1) for _ in SINGLES]) == 0.0


def test_a_few_questions_tell_nothing_of_a_difference() -> None:
    few, more = [Ran(1, 1)] * 19, [Ran(1, 1)] * 20

    assert difference(few, few)["interval"] == [-1.0, 1.0]
    assert difference(more, more)["interval"] == [0.0, 0.0]
