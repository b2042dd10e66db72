"""A model takes another's place when it keeps as many of the answers that were judged right."""

import pytest

from edge.capture.gate import compared
from edge.capture.store import Example
from runtime.ids import Category, ModelName, RequestId
from runtime.labels import Label
from runtime.ports import ChatMessage

NEW, OLD = ModelName("new"), ModelName("old")
EXAMPLES = [
    Example(
        RequestId(f"r{number}"),
        (ChatMessage("user", f"{number} + 1?"),),
        f"So it is.\nAnswer: {number + 1}",
        (Category("person"),),
        "g",
    )
    for number in range(3)
]


def asking(knows: dict[ModelName, set[int]], labels: list[Label]):
    async def ask(model: ModelName, messages: tuple[ChatMessage, ...], label: Label) -> str:
        labels.append(label)
        number = int(messages[0].content.split()[0])
        return f"answer: {number + 1}." if number in knows[model] else "Answer: none"

    return ask


@pytest.mark.parametrize(
    ("new", "old", "has_passed", "lost"),
    [
        ({0, 1, 2}, {0, 1}, True, ()),
        ({0, 1}, {0, 1}, True, ()),
        ({1, 2}, {0, 1}, True, ("r0",)),
        ({0}, {0, 1}, False, ("r1",)),
    ],
)
async def test_the_candidate_has_to_keep_as_many(new, old, has_passed, lost) -> None:
    labels: list[Label] = []

    result = await compared(EXAMPLES, NEW, OLD, ask=asking({NEW: new, OLD: old}, labels))

    assert (result.has_passed, result.lost) == (has_passed, lost)
    assert (result.candidate_kept, result.current_kept) == (len(new), len(old))
    assert set(labels) == {Label.of("person")}


async def test_without_examples_nothing_passes() -> None:
    result = await compared([], NEW, OLD, ask=asking({}, []))

    assert not result.has_passed
