"""Starting a model's process: what it is told, and a device that has no room for another one."""

import asyncio
import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from edge.engine.options import EngineOptions
from edge.engine.spawn import _load_frame, spawn
from runtime.errors import BackendUnavailable


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM])
async def test_a_process_that_cannot_be_started_is_a_named_failure(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    async def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(number, "no room for another process")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)

    with pytest.raises(BackendUnavailable, match="no room for another process"):
        await spawn(Path("model.gguf"), EngineOptions())


def test_texts_wait_longer_where_each_message_would_hold_a_decode_up() -> None:
    cores = len(os.sched_getaffinity(0))

    def waits_s(options: EngineOptions) -> float:
        return _load_frame(Path("model.gguf"), options).gather_s

    assert waits_s(EngineOptions()) == 0.03
    assert waits_s(EngineOptions(threads=cores)) == 0.06
    assert waits_s(EngineOptions(threads=cores, gather_s=0.0)) == 0.0
