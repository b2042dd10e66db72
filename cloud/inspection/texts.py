"""Everything in a call that could hold content. Knows calls; judges nothing."""

import re
from collections.abc import Iterable
from typing import Final, assert_never

from cloud.calls import Call, EmbedCall, GenerateCall
from runtime.ids import is_minted
from runtime.ports import texts_of

__all__ = ["names_of_call", "texts_of_call"]

_TOOL_CALL_ID: Final = re.compile(r"(?:call|toolu|fc)[_-][A-Za-z0-9]{8,64}", re.ASCII)
"""How providers name calls of tools. At random, so nine in ten would pass for a secret key."""


def texts_of_call(call: Call) -> tuple[str, ...]:
    """Return every text of ``call`` that a person or a model may have written, each once.

    Ids that providers draw at random are none.
    """
    match call:
        case GenerateCall(request=request):
            texts: Iterable[str] = (
                text for text in texts_of(request) if not _TOOL_CALL_ID.fullmatch(text)
            )
        case EmbedCall(request=request):
            texts = request.texts
        case _:
            assert_never(call)
    return tuple(dict.fromkeys(text for text in texts if text))


def names_of_call(call: Call) -> tuple[str, ...]:
    """Return every name in ``call``, each once.

    Names count, too: a graph, a session or an idempotency key is kept in records here, and may
    have been named after what it is about. Ids of the forms that edges draw at random do not.
    """
    where = call.request.provenance
    names: list[str] = []
    if where is not None:
        names += (where.graph, where.request_id, where.session_id, where.plan_id, where.step_id)
    match call:
        case GenerateCall(request=request):
            names.append(request.idempotency_key)
        case EmbedCall():
            pass
        case _:
            assert_never(call)
    return tuple(dict.fromkeys(name for name in names if name and not is_minted(name)))
