"""Calls that are brought to their end although whoever asked has gone.

Where a sender keeps a call until it is answered, hanging up says that the link broke and not that
the answer is unwanted. The call goes on without it, is settled once, and answers whoever asks again
under the same key (``cloud.idempotency.repeats``).
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from cloud.calls import GenerateCall
from cloud.idempotency.run import Run
from cloud.serving import Answer, Serving
from runtime.errors import LeewardError
from runtime.ports import Chunk

__all__ = ["Finishing"]


class Finishing:
    """Stands before the core: opens answers, and sees some of them through.

    Args:
        serving: The core.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._going: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def answering(self, call: GenerateCall) -> AsyncIterator[Answer]:
        """Open one answer; leaving early cancels it, unless its sender keeps it until the end.

        Raises:
            LeewardError: The call is refused, on entering; or the answer fails, while it streams.
        """
        if call.request.key_terms is None:
            async with self._serving.answering(call) as answer:
                yield answer
            return
        opened: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        run = Run("")
        task = asyncio.create_task(self._see_through(call, opened, run))
        self._going.add(task)
        task.add_done_callback(self._going.discard)
        answer = await asyncio.shield(opened)
        yield Answer(answer.cache, _followed(run, task))

    async def close(self) -> None:
        """Cut off what still goes on."""
        for task in self._going:
            task.cancel()
        await asyncio.gather(*self._going, return_exceptions=True)

    async def _see_through(
        self, call: GenerateCall, opened: asyncio.Future[Answer], run: Run
    ) -> None:
        try:
            async with self._serving.answering(call) as answer:
                if not opened.done():
                    opened.set_result(answer)
                async for chunk in answer.chunks:
                    run.add(chunk)
        except BaseException as error:
            if not opened.done():
                opened.set_exception(error)
                opened.exception()  # nobody may be there to hear it
                return
            raise
        finally:
            run.end()


async def _followed(run: Run, task: asyncio.Task[None]) -> AsyncGenerator[Chunk, None]:
    """Stream what comes of a call; a failure is the call's own."""
    replay = run.replay()
    try:
        async for chunk in replay:
            yield chunk
    except LeewardError:
        await asyncio.wait([task])
        if not task.cancelled() and (failure := task.exception()) is not None:
            raise failure from None
        raise
    finally:
        await replay.aclose()
