"""The benchmark of non-interference counts what it says: broken releases are violations."""

import json
from collections.abc import Iterable

import pytest

from bench import noninterference
from bench.noninterference_apart import leak_bits
from bench.noninterference_graphs import shipped_cases, told_releases
from bench.noninterference_secrets import SESSIONS, look_alike
from edge.privacy.book import Book
from edge.privacy.redact import Naming, Redacted, Redactor
from runtime.ids import Category
from runtime.labels import Label
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.scan import Sentinel
from runtime.sentinel.span import Span

ONE = {"name": "Anna Kowalska", "phone": "+48 601 234 567"}


def figures(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, object]]:
    code = noninterference.main(["--json", "--quick", *options])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.slow
def test_no_two_secrets_make_a_difference_and_the_meter_moves(capsys) -> None:
    code, values = figures(capsys, "--pairs", "30")

    assert code == 0
    assert values["violations"] == 0
    assert values["pairs"] == 30
    assert values["swayed_pairs"]
    assert all(one["leak_bits"] >= 1 for one in values["graphs_apart"])


@pytest.mark.slow
def test_surrogates_make_no_difference_either(capsys) -> None:
    code, values = figures(capsys, "--pairs", "30", "--placeholders", "surrogates")

    assert (code, values["violations"], values["quoted_passages"]) == (0, 0, 0)
    assert values["placeholders"] == "surrogates"
    assert values["swayed_pairs"]


@pytest.mark.slow
def test_a_placeholder_that_counts_the_letters_of_what_it_hides_is_a_violation(
    capsys, monkeypatch
) -> None:
    ordinal_of = Book._ordinal_of

    def of_value(book: Book, name: str, value: str) -> int:
        return ordinal_of(book, name, value) or len(value)

    monkeypatch.setattr(Book, "_ordinal_of", of_value)

    code, values = figures(capsys, "--pairs", "6")

    assert code == 3
    assert values["violations"]
    assert values["violated"]


@pytest.mark.slow
def test_padding_by_the_length_of_what_was_removed_is_a_violation(capsys, monkeypatch) -> None:
    redact = Redactor.redact

    def padded(
        redactor: Redactor,
        text: str,
        spans: Iterable[Span],
        categories: frozenset[Category],
        naming: Naming,
    ) -> Redacted:
        done = redact(redactor, text, spans, categories, naming)
        return Redacted(done.text + " " * len(text), done.released, done.pieces, done.spans)

    monkeypatch.setattr(Redactor, "redact", padded)

    code, values = figures(capsys, "--pairs", "6")

    assert code == 3
    assert values["violations"] >= 5


def test_a_pair_counts_only_when_the_detectors_see_both_secrets_whole_and_alike() -> None:
    sentinel = Sentinel(default_detectors())

    assert look_alike(SESSIONS[1], ONE, {**ONE, "name": "Omar Featherstone"}, sentinel)
    assert not look_alike(SESSIONS[1], ONE, {**ONE, "phone": "nobody knows"}, sentinel)
    assert not look_alike(SESSIONS[1], {**ONE, "phone": "1"}, {**ONE, "phone": "2"}, sentinel)


def test_the_meter_reads_nothing_when_all_look_alike_and_everything_when_each_shows() -> None:
    assert leak_bits([(b"a",)] * 8) == 0
    assert leak_bits([(bytes([number]),) for number in range(8)]) == 3
    assert leak_bits([(), (b"a",), (), ()]) == 1


def test_the_planner_covers_every_shipped_graph_by_the_promise() -> None:
    cases = shipped_cases()

    assert {"graphs/ask-cloud", "examples/graphs/ask-far-when-unsure"} <= {
        case.name for case in cases
    }
    assert not any(told_releases(case, Label.of("person", "contact")) for case in cases)
