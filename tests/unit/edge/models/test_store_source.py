"""How a person may write where a model comes from."""

from pathlib import Path

import pytest

from edge.models.source import (
    FileSource,
    HubSource,
    Source,
    UrlSource,
    check_model_name,
    name_for,
    parse_source,
)
from runtime.errors import RequestInvalid


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("owner/repo/file.gguf", HubSource("owner/repo", "file.gguf")),
        ("owner/repo/sub/dir/file.gguf", HubSource("owner/repo", "sub/dir/file.gguf")),
        ("hf:owner/repo:file.gguf", HubSource("owner/repo", "file.gguf")),
        ("hf:o.w/r-e_p:q4/file.Q4_K_M.gguf", HubSource("o.w/r-e_p", "q4/file.Q4_K_M.gguf")),
        ("https://host.example/a/b.gguf", UrlSource("https://host.example/a/b.gguf")),
        ("/srv/models/b.gguf", FileSource(Path("/srv/models/b.gguf"))),
        ("./a/b/c.gguf", FileSource(Path("a/b/c.gguf"))),
        ("../a/b/c.gguf", FileSource(Path("../a/b/c.gguf"))),
        ("b.gguf", FileSource(Path("b.gguf"))),
        ("a/b.gguf", FileSource(Path("a/b.gguf"))),
        ("a/b/../c.gguf", FileSource(Path("a/b/../c.gguf"))),
    ],
)
def test_every_spelling_has_one_meaning(text: str, source: Source) -> None:
    assert parse_source(text) == source


def test_a_path_that_exists_is_never_sent_to_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "patients" / "2026").mkdir(parents=True)
    (tmp_path / "patients" / "2026" / "model.gguf").write_bytes(b"")

    source = parse_source("patients/2026/model.gguf")

    assert source == FileSource(Path("patients/2026/model.gguf"))


@pytest.mark.parametrize(
    "text",
    [
        "hf:owner/repo",
        "hf:owner:file.gguf",
        "hf:owner/repo:../../file.gguf",
        "hf:owner/repo:file.bin",
        "https://host.example",
        "https://user:password@host.example/a.gguf",
        "https://host.example/a b.gguf",
        "hf:owner/repo:big-00001-of-00003.gguf",
        "/srv/big-00001-of-00003.gguf",
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        parse_source(text)

    assert "\n" not in str(caught.value)
    assert "password" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("owner/repo/sub/Tern.Q4_K_M.gguf", "Tern.Q4_K_M"),
        ("https://host.example/a/tern-s.GGUF?key=1", "tern-s"),
        ("/srv/tern", "tern"),
    ],
)
def test_a_model_is_named_after_its_file(text: str, name: str) -> None:
    assert name_for(parse_source(text)) == name


def test_a_url_is_shown_without_its_query() -> None:
    assert str(UrlSource("https://h.example/m.gguf?signature=s#x")) == "https://h.example/m.gguf"


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "a.gguf", "A.GGUF", "x" * 101, "ä"])
def test_a_name_that_cannot_be_a_file_is_refused(name: str) -> None:
    with pytest.raises(RequestInvalid, match="no name for a model"):
        check_model_name(name)


def test_a_file_in_place_of_a_name_is_told_from_one() -> None:
    with pytest.raises(RequestInvalid, match=r"it names no file; leave \.gguf out"):
        check_model_name("tern-xs.gguf")
