"""A text that comes again is known by its digest alone, and only for a while."""

from runtime.ids import Category
from runtime.sentinel.span import Span
from runtime.sentinel.tagger.memory import SpanMemory

SPANS = [Span(0, 3, "person", Category("person"))]


def test_what_was_found_is_recalled_and_can_be_changed_by_whoever_asks() -> None:
    memory = SpanMemory(2)
    digest = memory.digest("Ann sails")
    assert memory.recall(digest) is None

    memory.keep(digest, SPANS)
    recalled = memory.recall(digest)
    assert recalled == SPANS
    recalled.clear()

    assert memory.recall(digest) == SPANS
    assert memory.recall(memory.digest("Ann sailed")) is None


def test_the_least_recently_used_is_forgotten_first() -> None:
    memory = SpanMemory(2)
    first, second, third = map(memory.digest, "abc")
    memory.keep(first, SPANS)
    memory.keep(second, [])
    memory.recall(first)

    memory.keep(third, [])

    assert memory.recall(second) is None
    assert memory.recall(first) == SPANS
    assert memory.recall(third) == []


def test_none_are_remembered_unless_asked_for() -> None:
    memory = SpanMemory(0)
    memory.keep(memory.digest("a"), SPANS)
    assert memory.recall(memory.digest("a")) is None


def test_a_digest_means_nothing_to_another_process() -> None:
    assert SpanMemory(1).digest("a") != SpanMemory(1).digest("a")
