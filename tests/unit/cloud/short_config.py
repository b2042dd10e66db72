"""A gateway's configuration that says no more than it must, to which a test adds its part."""

from pathlib import Path

import pytest

from cloud.config import CloudConfig, parse_config
from runtime.errors import ConfigInvalid

__all__ = ["configured", "refusal_of"]

_SHORT = """\
leeward: cloud/v1
upstreams:
  local: {base_url: "http://127.0.0.1:8000/v1", api_key_env: KEY}
models:
  big: {targets: [{upstream: local, model: real}]}
  encoder: {embeddings: true, targets: [{upstream: local, model: small}]}
"""


def configured(part: str = "", *, base: Path = Path()) -> CloudConfig:
    """Return the configuration with ``part`` at its end, from line 7 on."""
    return parse_config(_SHORT + part, base=base, file="cloud.yaml")


def refusal_of(part: str) -> str:
    """Return how the configuration with a mistaken ``part`` is refused: file, line and reason."""
    with pytest.raises(ConfigInvalid) as refused:
        configured(part)
    return str(refused.value)
