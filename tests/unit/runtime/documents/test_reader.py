"""Reading: lines, refusals and bounds."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.documents.reader import (
    MAX_DOCUMENT_BYTES,
    document_from_data,
    parse_document,
    read_document,
)
from runtime.errors import ConfigInvalid


def refusal(text: str) -> ConfigInvalid:
    with pytest.raises(ConfigInvalid) as refused:
        parse_document(text, error=ConfigInvalid, file="x.yaml")
    return refused.value


def test_every_key_and_entry_knows_its_line() -> None:
    document = parse_document("a: 1\nb:\n  - x\n  - {c: 2,\n     d: 3}\n", error=ConfigInvalid)

    assert document.data == {"a": 1, "b": ["x", {"c": 2, "d": 3}]}
    assert document.line_of(("a",)) == 1
    assert document.line_of(("b", 0)) == 3
    assert document.line_of(("b", 1, "d")) == 5


def test_the_line_of_an_absent_value_is_that_of_its_nearest_ancestor() -> None:
    document = parse_document("a: 1\nb:\n  c: 2\n", error=ConfigInvalid)

    assert document.line_of(("b", "absent", "deeper")) == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("off", "off"),
        ("2026-01-01", "2026-01-01"),
        ("1:30", "1:30"),
        ("1e3", 1000.0),
        ("-2", -2),
        (".5", 0.5),
        ("'7'", "7"),
        ("true", True),
        ("~", None),
        (".nan", ".nan"),
    ],
)
def test_scalars_follow_yaml_1_2_and_quotes_mean_text(text: str, value: object) -> None:
    document = parse_document(f"a: {text}", error=ConfigInvalid)

    assert document.data == {"a": value}
    assert type(document.data["a"]) is type(value)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "empty"),
        ("- a", 1, "mapping"),
        ("a: 1\nb: 2\na: 3", 3, "twice"),
        ("a: 1\n1: 2", 2, "not text"),
        ("a: 1\n? [b]\n: 2", 2, "not text"),
        ("a: &x {b: 1}\nc:\n  <<: *x", 3, "merge key"),
        ("a: !!python/object:os.system {}", 1, "tag"),
        ("a: 1\nb: [1, 2", 2, "not valid YAML"),
        ("a: 1\n---\nb: 2", 2, "not valid YAML"),
        ("a: 1\nb: \x07", 2, "character"),
        ("a: " + "9" * 50, 1, "too many digits"),
        ("a: 1e999", 1, "too large"),
        ('a: "\\ud800"', 1, "surrogate"),
        ("a: &x [*x]", 1, "nests deeper"),
        ("a: " + "[" * 50 + "]" * 50, 1, "nests deeper"),
        ("a: &x 1\nb: [" + "*x, " * 101 + "]", 2, "aliases"),
        ("edges:\n  - [a, b] -> c\n", 2, "put it in quotes"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    error = refusal(text)

    assert error.line == line
    assert words in error.reason


def test_an_alias_bomb_is_refused_at_once() -> None:
    rows = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    started = time.monotonic()

    error = refusal("\n".join(rows))

    assert "once aliases are applied" in error.reason
    assert time.monotonic() - started < 5


def test_a_few_aliases_are_fine() -> None:
    document = parse_document("a: &x {b: 1}\nc: *x", error=ConfigInvalid)

    assert document.data == {"a": {"b": 1}, "c": {"b": 1}}


def test_a_large_document_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_text("a: é" + "x" * MAX_DOCUMENT_BYTES)

    with pytest.raises(ConfigInvalid, match=r"larger than 256 KiB"):
        read_document(path, error=ConfigInvalid)


def test_a_missing_file_says_so_and_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"absent.yaml: cannot be read: no such file"):
        read_document(tmp_path / "absent.yaml", error=ConfigInvalid)


def test_text_in_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: 1\nb: \xe9\n")

    with pytest.raises(ConfigInvalid, match=r"latin.yaml:2: is not UTF-8"):
        read_document(path, error=ConfigInvalid)


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")

    assert read_document(path, error=ConfigInvalid).data == {"a": 1}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4), st.sampled_from([None, 2, "\t"]))
def test_json_is_read_as_json_reads_it(data: dict[str, object], indent: int | str | None) -> None:
    if "<<" in str(data):
        return

    document = parse_document(json.dumps(data, indent=indent), error=ConfigInvalid)

    assert document.data == data


@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>%@`'\"#?, \n\t\\u0~<"), max_size=60))
def test_hostile_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        document = parse_document(text, error=ConfigInvalid)
    except ConfigInvalid:
        return

    assert isinstance(document.data, dict)


@pytest.mark.parametrize(
    "data",
    [[], {"a": float("nan")}, {1: 2}, {"a": {None: 1}}, {"a": object()}, {"a": "\ud800"}],
)
def test_data_that_json_cannot_express_is_refused(data: object) -> None:
    with pytest.raises(ConfigInvalid):
        document_from_data(data, error=ConfigInvalid)


def test_data_that_contains_itself_is_refused() -> None:
    data: dict[str, object] = {}
    data["a"] = data

    with pytest.raises(ConfigInvalid):
        document_from_data(data, error=ConfigInvalid)
