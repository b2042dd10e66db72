"""Rates between two looks at a daemon."""

import socket
from typing import Any

import pytest

from edge.cli_top import rates
from edge.egress.local import read_status
from runtime.errors import BackendUnavailable


def look(**models: tuple[int, int, int]) -> dict[str, Any]:
    return {
        "models": [
            {
                "model": name,
                "state": "loaded",
                "traffic": {
                    "prompt_tokens": prompt,
                    "cached_tokens": cached,
                    "completion_tokens": completion,
                },
            }
            for name, (prompt, cached, completion) in models.items()
        ]
    }


def test_what_grew_is_shown_per_second_and_cached_tokens_are_not_computed_ones() -> None:
    (model,) = rates(look(m=(100, 10, 50)), look(m=(300, 110, 90)), passed_s=2.0)

    assert model["prompt_tokens_per_s"] == 50.0
    assert model["cached_tokens_per_s"] == 50.0
    assert model["completion_tokens_per_s"] == 20.0
    assert model["state"] == "loaded"


def test_a_new_model_and_a_restarted_daemon_count_from_zero() -> None:
    new, restarted = rates(look(b=(900, 0, 900)), look(a=(10, 0, 4), b=(20, 0, 8)), passed_s=2.0)

    assert (new["prompt_tokens_per_s"], new["completion_tokens_per_s"]) == (5.0, 2.0)
    assert restarted["completion_tokens_per_s"] == 0.0


async def test_a_daemon_that_is_not_there_is_named_with_what_to_do() -> None:
    with socket.socket() as taken:  # bound and not listening: every call is refused
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        with pytest.raises(BackendUnavailable, match=rf"{address}; start it with") as refused:
            await read_status(address)

    assert "--address" in str(refused.value)
