"""Secrets that are not where the configuration says are told in one sentence, never shown."""

from pathlib import Path

import pytest

from cloud.config_secrets import read_secret
from runtime.errors import ConfigInvalid


def read(file: Path | None = None, variable: str | None = None) -> str | None:
    environment = {"GOOD": " s3cret\n", "BLANK": "  "}
    return read_secret(
        "key", variable=variable, file=file, environment=environment, field="upstreams.llm"
    )


def test_a_secret_is_read_from_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from-file\n")
    assert read(variable="GOOD") == "s3cret"
    assert read(file) == "from-file"
    assert read() is None


@pytest.mark.parametrize("variable", ["BLANK", "ABSENT"])
def test_a_variable_without_one_is_named(variable: str) -> None:
    with pytest.raises(ConfigInvalid, match=f"variable {variable} holds no key"):
        read(variable=variable)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b" \n", "holds no key"),
        (b"s3cret\xff", "not UTF-8"),
    ],
)
def test_a_file_without_one_is_named(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigInvalid, match=words) as refused:
        read(file)
    assert refused.value.file == str(file)
    assert "s3cret" not in str(refused.value)
