"""Where the store is: read from the environment or a file, never shown."""

from pathlib import Path

import pytest

from cloud.config import CloudConfig, parse_config
from cloud.config_database import read_database_url
from cloud.state import new_driver
from cloud.stores.postgres import PostgresDriver
from cloud.stores.sqlite import SqliteDriver
from runtime.errors import ConfigInvalid

BASE = """
leeward: cloud/v1
upstreams:
  here: {base_url: "http://127.0.0.1:1/v1", api_key_env: NOT_READ}
models:
  small: {targets: [{upstream: here, model: m}]}
"""
URL = "postgresql://leeward:hidden-word@db.internal/leeward"


def config(tmp_path: Path, line: str = "") -> CloudConfig:
    return parse_config(f"{BASE}{line}\n", base=tmp_path)


def test_without_a_word_the_store_is_a_file_in_the_state_directory(tmp_path: Path) -> None:
    driver = new_driver(config(tmp_path), {})

    assert isinstance(driver, SqliteDriver)
    driver.close()


def test_an_address_in_the_environment_or_a_file_is_a_server(tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"{URL}\n")
    for line in ("database: {url_env: STORE}", "database: {url_file: url, lanes: 2}"):
        driver = new_driver(config(tmp_path, line), {"STORE": f" {URL} "})

        assert isinstance(driver, PostgresDriver)
        driver.close()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("database: {url_env: STORE}", "the environment variable STORE holds no address"),
        ("database: {url_file: missing}", "cannot be read"),
        ("database: {url_file: empty}", "is empty"),
        ("database: {url_file: binary}", "cannot be read"),
    ],
)
def test_an_address_that_is_not_there_is_told(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigInvalid, match=words):
        read_database_url(config(tmp_path, line).database, {"STORE": "  "})


@pytest.mark.parametrize(
    "line",
    [
        "database: {url_env: A, url_file: b}",
        "database: {url: 'postgresql://u:p@h/d'}",
        "database: {lanes: 0}",
        "database: {lanes: 1000}",
        "database: {sync_interval_s: 0}",
        "database: {sync_interval_s: .nan}",
        "database: {sync_interval_s: 1.0e+9}",
        "database: {url_env: 'no name'}",
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigInvalid):
        config(tmp_path, line)


@pytest.mark.parametrize("bad", ["mysql://u:hidden-word@h/d", "hidden-word", "sqlite:///x"])
def test_another_kind_of_database_is_refused_without_showing_the_address(
    tmp_path: Path, bad: str
) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        new_driver(config(tmp_path, "database: {url_env: STORE}"), {"STORE": bad})

    assert "hidden-word" not in str(refused.value)
