"""Fronts that would be open to everybody, or absurd, are refused with the field."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloud.config import parse_config
from runtime.errors import ConfigInvalid

FIELDS = {
    "leeward": "cloud/v1",
    "upstreams": {"p": {"base_url": "https://p.example/v1", "api_key_env": "KEY"}},
    "models": {"m": {"targets": [{"upstream": "p", "model": "m"}]}},
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"http": {"listen": "0.0.0.0:7445"}}, "in clear"),
        ({"http": {"listen": "gateway.example.org:7445"}}, "in clear"),
        ({"http": {"certificate_file": "a.pem"}}, "give both"),
        ({"http": {"timeout_s": 0}}, "http.timeout_s"),
        ({"http": {"max_calls": -1}}, "http.max_calls"),
        ({"http": {"lisen": "127.0.0.1:1"}}, "lisen"),
        ({"metrics": {"listen": "0.0.0.0:7446"}}, "anybody on the network"),
        ({"graphs": {}}, "graphs.directory"),
        ({"drain_s": -1}, "drain_s"),
    ],
)
def test_it_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigInvalid, match=re.escape(said)):
        parse_config(yaml.safe_dump({**FIELDS, **change}), base=Path())


def test_a_front_is_there_only_when_it_is_asked_for() -> None:
    plain = parse_config(yaml.safe_dump(FIELDS), base=Path())
    tls = {"listen": "0.0.0.0:7445", "certificate_file": "c.pem", "private_key_file": "k.pem"}
    asked = parse_config(yaml.safe_dump({**FIELDS, "http": tls}), base=Path("/etc/leeward"))

    assert (plain.http, plain.metrics, plain.graphs) == (None, None, None)
    assert asked.http is not None
    assert asked.http.certificate == Path("/etc/leeward/c.pem")
