"""Nothing said is lost or reordered, and texts that piled up come as one."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from edge.engine.mailbox import Mailbox
from runtime.ports import TextDelta, TokenLogprob

DELTAS = st.builds(
    lambda text: TextDelta(text, len(text), tuple(TokenLogprob(one, -1.0) for one in text)),
    st.text(min_size=1, max_size=3),
)


@given(st.lists(st.lists(DELTAS, max_size=4), max_size=6))
async def test_texts_tokens_and_order_survive_any_pace(bursts: list[list[TextDelta]]) -> None:
    mailbox = Mailbox[int]()
    taken: list[TextDelta | int] = []
    for number, burst in enumerate(bursts):
        for delta in burst:
            mailbox.put(delta)
        mailbox.put(number)
        while not isinstance(taken[-1] if taken else None, int) or taken[-1] != number:
            taken.append(await mailbox.take())

    texts = [one for one in taken if isinstance(one, TextDelta)]
    sent = [delta for burst in bursts for delta in burst]
    assert "".join(one.text for one in texts) == "".join(one.text for one in sent)
    assert sum(one.tokens for one in texts) == sum(one.tokens for one in sent)
    assert [e for one in texts for e in one.logprobs] == [e for one in sent for e in one.logprobs]
    assert len(texts) == sum(bool(burst) for burst in bursts)  # each burst came as one
    assert [one for one in taken if isinstance(one, int)] == list(range(len(bursts)))


async def test_a_reader_that_waits_gets_each_item_when_it_comes() -> None:
    mailbox = Mailbox[int]()
    waiting = asyncio.create_task(mailbox.take())
    await asyncio.sleep(0)

    mailbox.put(TextDelta("x"))

    assert await waiting == TextDelta("x")
    mailbox.put(7)
    assert await mailbox.take() == 7
