"""What a person is told who asks for a daemon that is not there."""

import pytest

from edge.egress.local import load_model, read_status, unload_model
from runtime.errors import BackendUnavailable

NOBODY = "127.0.0.1:1"


async def test_each_call_says_that_no_daemon_answers_and_what_to_do() -> None:
    for call in (load_model(NOBODY, "small"), unload_model(NOBODY, "small"), read_status(NOBODY)):
        with pytest.raises(BackendUnavailable, match=r"no daemon answers at 127\.0\.0\.1:1; start"):
            await call
