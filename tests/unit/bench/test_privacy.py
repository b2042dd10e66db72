"""How the privacy benchmark reads files, and what it counts as found and as leaked."""

import json
from pathlib import Path

import pytest

from bench import privacy
from bench.privacy_data import HELD_OUT, DataInvalid, Example, KindMap, load, load_kind_map
from bench.privacy_figures import Extent, judge

TEXT = "Ask Ann Smith at 10 Elm Rd, SSN 078-05-1120."
NAME, STREET, SSN = (4, 13), (17, 26), (32, 43)


def line(*marks: tuple[Extent, str], text: str = TEXT) -> str:
    annotations = [{"start": start, "end": end, "kind": kind} for (start, end), kind in marks]
    return json.dumps({"id": "1", "text": text, "annotations": annotations})


def examples(tmp_path: Path, content: str) -> list[Example]:
    path = tmp_path / "data.jsonl"
    path.write_text(content)
    return load(path)


def test_both_forms_read_alike(tmp_path: Path) -> None:
    ours = examples(tmp_path, line((NAME, "NAME")) + "\n\n")
    span = {"entity_type": "NAME", "start_position": 4, "end_position": 13}
    theirs = examples(tmp_path, json.dumps([{"full_text": TEXT, "spans": [span], "id": 1}]))
    assert ours == theirs


def test_the_texts_that_ship_are_read_from_their_archive() -> None:
    texts = load(HELD_OUT)
    marked = [text.text[mark.start : mark.end] for text in texts for mark in text.annotations]

    assert len(texts) == 900
    assert len(marked) > 2_000
    assert all(piece.strip() for piece in marked)


def test_a_broken_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl.gz"
    path.write_bytes(HELD_OUT.read_bytes()[:1_000])
    with pytest.raises(DataInvalid, match="cannot be read"):
        load(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "data.jsonl:1: is not JSON"),
        ("[1]", r"data.jsonl\[0\]: needs"),
        ('{"text": "a"}', "data.jsonl:1: needs"),
        (line(((0, 99), "NAME")), "data.jsonl:1: a span lies outside"),
        ("", "holds no texts"),
    ],
)
def test_a_file_in_no_form_is_refused_with_its_place(
    tmp_path: Path, content: str, says: str
) -> None:
    with pytest.raises(DataInvalid, match=says):
        examples(tmp_path, content)


def test_kinds_are_mapped_by_usual_names_and_by_options() -> None:
    kinds = load_kind_map(None, ["Staff No=record_number", "EMAIL="])
    assert kinds.kind_of("US_SSN") == "national_id"
    assert kinds.kind_of("B-Phone Number") == "phone"
    assert kinds.kind_of("staff-no") == "record_number"
    assert kinds.kind_of("email") is None
    assert kinds.kind_of("SHOE_SIZE") is None
    with pytest.raises(DataInvalid, match="no kind 'shoes' here"):
        load_kind_map(None, ["x=shoes"])


def judged(tmp_path: Path, reported: list[Extent], *marks: tuple[Extent, str]) -> dict[str, float]:
    figures = judge(examples(tmp_path, line(*marks)), [reported], KindMap())
    return {
        "recall": figures.recall,
        "precision": figures.precision,
        "leak": figures.leak_percent,
        "fixed": figures.leak_percent_fixed_shape,
    }


def test_all_found_nothing_else_is_perfect(tmp_path: Path) -> None:
    marks = ((NAME, "NAME"), (SSN, "SSN"))
    found = judged(tmp_path, [NAME, SSN], *marks)
    assert found == {"recall": 1.0, "precision": 1.0, "leak": 0.0, "fixed": 0.0}


def test_half_a_name_is_found_and_leaks(tmp_path: Path) -> None:
    found = judged(tmp_path, [(8, 13)], (NAME, "NAME"))  # "Smith" of "Ann Smith"
    assert (found["recall"], found["leak"]) == (1.0, 0.0)  # "Ann " is three characters
    found = judged(tmp_path, [(4, 9)], (NAME, "NAME"))  # "Ann S": "mith" survives
    assert (found["recall"], found["leak"]) == (0.5 <= 4 / 8, 100.0)


def test_a_short_span_leaks_only_when_it_survives_whole(tmp_path: Path) -> None:
    assert judged(tmp_path, [], ((4, 7), "NAME"))["leak"] == 100.0
    assert judged(tmp_path, [(4, 5)], ((4, 7), "NAME"))["leak"] == 0.0


def test_unmapped_kinds_count_as_leaks_but_not_for_recall(tmp_path: Path) -> None:
    found = judged(tmp_path, [NAME], (NAME, "NAME"), (STREET, "SHOE_SIZE"))
    assert (found["recall"], found["leak"]) == (1.0, 50.0)


def test_a_span_over_nothing_marked_costs_precision(tmp_path: Path) -> None:
    assert judged(tmp_path, [NAME, STREET], (NAME, "NAME"))["precision"] == 0.5


def test_the_command_prints_its_keys_as_the_last_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join([line((SSN, "SSN"))] * 3))

    assert privacy.main(["--json", "--quick", "--without-peer", "--data", str(path)]) == 0

    values = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert values["leak_percent_fixed_shape"] == 0.0
    assert values["restore_exact_percent"] == 100.0
    assert values["ms_per_1k_chars_patterns_p50"] > 0
    assert set(values["ms_per_1k_chars_patterns_by_length"]) == {"1000", "10000", "100000"}


def test_a_missing_file_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert privacy.main(["--data", str(tmp_path / "none")]) == 2
    assert "cannot be read" in capsys.readouterr().err
