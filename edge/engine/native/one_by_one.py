"""The loop of models that compute one call at a time: vectors and tensors."""

from collections.abc import Callable
from typing import NoReturn

from edge.engine.frames import Failed, Frame
from edge.engine.inbox import Inbox, Ticket
from edge.engine.native.endings import ENDINGS, failure
from runtime.errors import EngineCrashed

__all__ = ["answer_each"]


def answer_each(
    inbox: Inbox, answer: Callable[[Ticket], Frame], *, send: Callable[[Frame], None]
) -> NoReturn:
    """Answer the calls of an inbox in their turn, for ever.

    Args:
        inbox: Where calls come from.
        answer: Computes one; raises what a call may end with.
        send: Tells the daemon what came of it.

    Raises:
        EngineCrashed: What computes failed; the open call was told.
    """
    while True:
        inbox.wait()
        inbox.note_step()
        inbox.expire()
        ticket = inbox.next()
        if ticket is None:
            continue
        try:
            send(answer(ticket))
        except ENDINGS as error:
            send(failure(ticket, error))
        except EngineCrashed as error:
            send(Failed(ticket.call, "EngineCrashed", str(error)))
            raise
        finally:
            inbox.done(ticket)
