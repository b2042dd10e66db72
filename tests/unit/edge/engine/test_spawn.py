"""Starting a model's process on a device that has no room for another one."""

import asyncio
import errno
from pathlib import Path
from typing import NoReturn

import pytest

from edge.engine.options import EngineOptions
from edge.engine.spawn import spawn
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
