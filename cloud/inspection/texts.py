"""Everything in a call that could hold content. Knows calls; judges nothing."""

from collections.abc import Iterable, Iterator
from typing import assert_never

from cloud.calls import Call, EmbedCall, GenerateCall
from runtime.ids import is_minted
from runtime.ports import GenerateRequest, Provenance, texts_of

__all__ = ["texts_of_call"]


def texts_of_call(call: Call) -> tuple[str, ...]:
    """Return every text of ``call``, each once.

    Names count, too: a graph, a session or an idempotency key is kept in records here, and may
    have been named after what it is about. Ids of the form that edges draw at random do not.
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
    yield from texts_of(request)
    yield from _of_provenance(request.provenance)
    if not is_minted(request.idempotency_key):
        yield request.idempotency_key


def _of_provenance(where: Provenance | None) -> Iterator[str]:
    if where is None:
        return
    for name in (where.graph, where.request_id, where.session_id, where.plan_id, where.step_id):
        if not is_minted(name):
            yield name
