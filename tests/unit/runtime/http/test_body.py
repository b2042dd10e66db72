"""A body that is wrong is told the place and the rule, and never quoted."""

import json
from typing import Any

import pytest

from runtime.errors import RequestInvalid
from runtime.http.body import parse_shape
from runtime.http.wire import ChatRequest

SECRET = "Ann Smith, 12 Elm Road"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"max_tokens": -1}, "max_tokens: must be greater than or equal to 1"),
        ({"temperature": SECRET}, "temperature: must be a valid number"),
        ({"stream": SECRET}, "stream: must be a valid boolean"),
        ({"messages": []}, "messages: must have at least 1 item, not 0"),
        ({"messages": [{"content": "x"}]}, "messages.0.role: must be given"),
        (
            {"messages": [{"role": SECRET, "content": "x"}]},
            "messages.0.role: must be 'system', 'developer', 'user', 'assistant' or 'tool'",
        ),
        ({"leeward": SECRET}, "leeward: must be an object"),
        (
            {"leeward": {"labels": [SECRET]}},
            "leeward.labels.0: must match pattern '^[a-z][a-z0-9_]{0,63}$'",
        ),
    ],
)
def test_the_rule_is_told_and_the_value_is_not(change: dict[str, Any], says: str) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], **change}
    with pytest.raises(RequestInvalid) as refused:
        parse_shape(json.dumps(body).encode(), ChatRequest)
    assert str(refused.value) == says


@pytest.mark.parametrize("body", [b"{", b"", b"\xff", b'{"model": "%b' % SECRET.encode()])
def test_what_is_no_json_is_not_quoted(body: bytes) -> None:
    with pytest.raises(RequestInvalid) as refused:
        parse_shape(body, ChatRequest)
    assert str(refused.value) == "body: json invalid"
