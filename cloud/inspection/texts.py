"""Everything in a call that could hold content. Knows calls; judges nothing."""

import re
from collections.abc import Iterable, Iterator
from typing import Final, assert_never

from cloud.calls import Call, EmbedCall, GenerateCall
from runtime.ids import is_minted
from runtime.ports import GenerateRequest, Provenance, texts_of

__all__ = ["texts_of_call"]

_TOOL_CALL_ID: Final = re.compile(r"(?:call|toolu|fc)[_-][A-Za-z0-9]{8,64}", re.ASCII)
"""How providers name calls of tools. At random, so nine in ten would pass for a secret key."""


def texts_of_call(call: Call) -> tuple[str, ...]:
    """Return every text of ``call``, each once.

    Names count, too: a graph, a session or an idempotency key is kept in records here, and may
    have been named after what it is about. Ids of the forms that edges and
    providers draw at random do not.
    """
    match call:
        case GenerateCall(request=request):
            texts: Iterable[str] = _of_generate(request)
        case EmbedCall(request=request):
            texts = (*request.texts, *_of_provenance(request.provenance))
        case _:
            assert_never(call)
    return tuple(dict.fromkeys(text for text in texts if text))


def _of_generate(request: GenerateRequest) -> Iterator[str]:
    yield from (text for text in texts_of(request) if not _TOOL_CALL_ID.fullmatch(text))
    yield from _of_provenance(request.provenance)
    if not is_minted(request.idempotency_key):
        yield request.idempotency_key


def _of_provenance(where: Provenance | None) -> Iterator[str]:
    if where is None:
        return
    for name in (where.graph, where.request_id, where.session_id, where.plan_id, where.step_id):
        if not is_minted(name):
            yield name
