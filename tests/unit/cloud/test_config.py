"""The gateway's configuration file: what is read, and how mistakes are told."""

from pathlib import Path

import pytest

from cloud.config import parse_config
from runtime.errors import ConfigInvalid
from runtime.ports import ChatMessage

GOOD = """\
leeward: cloud/v1
upstreams:
  local: {base_url: "http://127.0.0.1:8000/v1", api_key_env: KEY}
models:
  big:
    targets: [{upstream: local, model: real}]
    prices: [{valid_from: 2026-01-01, prompt_usd_per_mtok: 1, completion_usd_per_mtok: 2}]
"""


def test_a_short_file_is_enough() -> None:
    config = parse_config(GOOD, base=Path("/etc/leeward"))

    assert config.state == Path("/etc/leeward/gateway-state")
    assert config.routes[0].targets[0].upstream_model == "real"
    assert config.routes[0].prices[0].completion_usd_per_mtok == 2


@pytest.mark.parametrize(
    ("change", "to", "line", "words"),
    [
        ("api_key_env: KEY", "timeout: 3", 3, "timeout"),
        ('"http://127.0.0.1:8000/v1"', "nowhere", 3, "base_url"),
        ("upstream: local", "upstream: lokal", 6, "known: local"),
        (", api_key_env: KEY", "", 3, "api_key_env"),
        ("prompt_usd_per_mtok: 1", "prompt_usd_per_mtok: -1", 7, "at least 0"),
        ("cloud/v1", "edge/v1", 1, "cloud/v1"),
        ("api_key_env: KEY", "api_key_env: KEY, keyless: true", 3, "give one of"),
        ("127.0.0.1:8000", "10.0.0.9:8000", 3, "clear_text"),
        ("127.0.0.1:8000", "127.0.0.1@evil.example:8000", 3, "must not hold a user"),
        ("127.0.0.1", "me:key@127.0.0.1", 3, "must not hold a user"),
        (
            "{upstream: local, model: real}",
            "{upstream: local, model: real, priority: 1}, {upstream: local, model: b}",
            6,
            "priority",
        ),
    ],
)
def test_a_mistake_is_told_with_file_line_and_reason(
    change: str, to: str, line: int, words: str
) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        parse_config(GOOD.replace(change, to), base=Path(), file="cloud.yaml")

    assert str(refused.value).startswith(f"cloud.yaml:{line}: ")
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "change",
    [
        ("api_key_env: KEY", "keyless: true"),
        ("http://127.0.0.1:8000/v1", "https://api.example/v1"),
        ('"http://127.0.0.1:8000/v1"', '"http://10.0.0.9/v1", clear_text: true'),
    ],
)
def test_what_is_said_outright_is_allowed(change: tuple[str, str]) -> None:
    assert parse_config(GOOD.replace(*change), base=Path()).upstreams[0].name == "local"


def test_targets_are_asked_in_the_files_order_unless_it_says_otherwise() -> None:
    two = "{upstream: local, model: a}, {upstream: local, model: b}"
    equal = "{upstream: local, model: a, priority: 0}, {upstream: local, model: b, priority: 0}"
    plain = parse_config(GOOD.replace("{upstream: local, model: real}", two), base=Path())
    shared = parse_config(GOOD.replace("{upstream: local, model: real}", equal), base=Path())

    assert [target.priority for target in plain.routes[0].targets] == [0, 1]
    assert [target.priority for target in shared.routes[0].targets] == [0, 0]


def test_a_target_that_checks_drafts_names_its_chat_template(tmp_path: Path) -> None:
    (tmp_path / "chat.jinja").write_text("{% for m in messages %}{{ m.content }}{% endfor %}>")
    named = GOOD.replace("model: real", "model: real, draft_template: chat.jinja")

    template = parse_config(named, base=tmp_path).routes[0].targets[0].template

    assert template is not None
    assert template.text((ChatMessage("user", "Hello"),)) == "Hello>"


def test_a_model_without_turns_reads_contents() -> None:
    named = GOOD.replace("model: real", "model: real, draft_template: raw")

    template = parse_config(named, base=Path()).routes[0].targets[0].template

    assert template is not None
    assert template.text((ChatMessage("user", "Hello"),)) == "Hello"


@pytest.mark.parametrize("content", [None, "{% for %}"])
def test_a_chat_template_that_cannot_be_used_is_told(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "chat.jinja").write_text(content)
    named = GOOD.replace("model: real", "model: real, draft_template: chat.jinja")

    with pytest.raises(ConfigInvalid, match=r"chat\.jinja.*models\.big\.targets\.0") as refused:
        parse_config(named, base=tmp_path)

    assert "\n" not in str(refused.value)
