"""Requests that wait for the cloud: answered once, in order, under the policy of the moment."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from edge.outbox.model import QueuedState
from runtime.errors import (
    AlreadyAnswered,
    BackendUnavailable,
    ContextOverflow,
    LeakFound,
    NotFound,
    OutboxFull,
    PolicyViolation,
    RequestInvalid,
    RequestQueued,
    StreamBroken,
)
from runtime.testing.fakes import Script
from tests.unit.edge.outbox.conftest import KEPT_S, POLICY, STRICTER, TTL_S, OutboxHouse

Harm = Callable[[OutboxHouse], Awaitable[None]]


async def test_a_request_waits_for_the_cloud_and_its_answer_is_fetched_by_its_key(
    house: OutboxHouse,
) -> None:
    async with house.running() as running:
        house.is_linked = False
        with pytest.raises(RequestQueued) as queued:
            await running.ask("hello", key="k")
        assert not await running.sender.turn()
        assert queued.value.idempotency_key == "k"

        house.is_linked = True
        await running.send_all()

        assert await running.ask("hello", key="k") == "far"
        assert len(house.far.requests) == 1


async def test_a_request_without_a_key_gets_one_when_it_is_queued(house: OutboxHouse) -> None:
    async with house.running() as running:
        house.is_linked = False
        with pytest.raises(RequestQueued) as queued:
            await running.ask("hello")
        house.is_linked = True
        await running.send_all()

        item = await running.outbox.get(queued.value.idempotency_key)

    assert item.state is QueuedState.ANSWERED


async def test_what_waits_outlives_the_daemon_and_goes_by_priority_then_by_age(
    house: OutboxHouse,
) -> None:
    async with house.running() as running:
        house.is_linked = False
        for key, priority in (("first", 0), ("second", 0), ("urgent", 5)):
            await running.queue(f"the {key}", key=key, priority=priority)

    async with house.running() as running:
        house.is_linked = True
        await running.send_all()

    asked = [request.messages[-1].content for request in house.far.requests]
    assert asked == ["the urgent", "the first", "the second"]


async def test_the_same_key_for_another_request_is_refused(house: OutboxHouse) -> None:
    async with house.running() as running:
        await running.ask("hello", key="k")

        with pytest.raises(RequestInvalid, match="another request"):
            await running.ask("good bye", key="k")


async def test_a_link_that_breaks_in_the_middle_leaves_a_keyed_request_waiting(
    house: OutboxHouse,
) -> None:
    def cut(_: object) -> Script:
        house.is_linked = False
        return Script(error=BackendUnavailable("cut"), fails_after=0)

    house.far.answer(cut, BackendUnavailable("cut"), "at last")
    async with house.running() as running:
        with pytest.raises(RequestQueued):
            await running.ask("hello", key="k")
        house.is_linked = True
        await running.send_all()

        assert await running.ask("hello", key="k") == "at last"
    keys = {request.idempotency_key for request in house.far.requests}
    assert len(keys) == 1


async def test_an_answer_that_breaks_off_after_its_beginning_is_told_and_delivered_later(
    house: OutboxHouse,
) -> None:
    broken = Script(pieces=("the begin", "ning"), error=BackendUnavailable("cut"), fails_after=1)
    house.far.answer(broken, "whole")
    async with house.running() as running:
        with pytest.raises(StreamBroken):
            await running.ask("hello", key="k")
        house.clock.advance(60)
        await running.send_all()

        assert await running.ask("hello", key="k") == "whole"


async def test_a_caller_that_leaves_is_answered_all_the_same(house: OutboxHouse) -> None:
    never = asyncio.Event()
    house.far.answer(Script("late", wait_for=never), "late")
    async with house.running() as running:
        asking = asyncio.create_task(running.ask("hello", key="k"))
        await house.far.wait_running(1)
        asking.cancel()
        await asyncio.wait([asking])
        house.clock.advance(60)
        await running.send_all()

        assert await running.ask("hello", key="k") == "late"


async def test_a_stricter_policy_of_the_time_of_sending_stops_what_was_queued(
    house: OutboxHouse,
) -> None:
    async with house.running() as running:
        house.is_linked = False
        await running.queue("write to Anna Nowak", key="k")
        await running.queue("write to nobody", key="free")

    house.policy, house.is_linked = STRICTER, True
    async with house.running() as running:
        await running.send_all()

        item = await running.outbox.get("k")
        with pytest.raises(PolicyViolation):
            await running.ask("write to Anna Nowak", key="k")
    assert (item.state, item.error) == (QueuedState.REFUSED, "PolicyViolation")
    assert [request.messages[-1].content for request in house.far.requests] == ["write to nobody"]
    assert not house.near.requests


async def test_a_request_that_may_never_leave_is_refused_when_it_would_be_queued(
    house: OutboxHouse,
) -> None:
    house.policy = STRICTER.replace("edge: restricted", "edge: internal")
    house.is_linked = False
    async with house.running() as running:
        with pytest.raises(LeakFound):
            await running.ask("write to Anna Nowak")

        assert await running.outbox.listed() == []


async def test_an_outbox_is_as_large_as_it_may_be_and_says_so(house: OutboxHouse) -> None:
    house.max_items, house.is_linked = 2, False
    async with house.running() as running:
        await running.queue("one", key="1")
        await running.queue("two", key="2")
        with pytest.raises(OutboxFull, match=r"outbox\.max_items"):
            await running.ask("three", key="3")

    house.max_items, house.max_bytes = 9, 3000
    async with house.running() as running:
        with pytest.raises(OutboxFull, match=r"outbox\.max_mib"):
            await running.ask("x" * 3000, key="4")


async def test_what_waits_too_long_expires_and_is_not_sent(house: OutboxHouse) -> None:
    async with house.running() as running:
        house.is_linked = False
        await running.queue("hello", key="k")
        house.clock.advance(TTL_S + 1)
        house.is_linked = True
        await running.send_all()

        item = await running.outbox.get("k")
    assert (item.state, item.error) == (QueuedState.EXPIRED, "DeadlineExceeded")
    assert not house.far.requests


async def test_what_ended_is_forgotten_after_a_while(house: OutboxHouse) -> None:
    async with house.running() as running:
        await running.ask("hello", key="k")
        house.clock.advance(KEPT_S + 1)
        await running.sender.turn()

        with pytest.raises(NotFound):
            await running.outbox.get("k")


async def test_a_cancelled_request_is_not_sent(house: OutboxHouse) -> None:
    async with house.running() as running:
        house.is_linked = False
        await running.queue("hello", key="k")

        item = await running.sender.cancel("k")

        house.is_linked = True
        await running.send_all()
        assert (await running.outbox.get("k")).state is item.state is QueuedState.CANCELLED
    assert not house.far.requests


async def test_a_request_that_cannot_be_answered_fails_and_holds_nobody_up(
    house: OutboxHouse,
) -> None:
    house.far.answer(ContextOverflow("too long"), "second")
    async with house.running() as running:
        house.is_linked = False
        await running.queue("one", key="1")
        await running.queue("two", key="2")
        house.is_linked = True
        await running.send_all()

        first, second = await running.outbox.get("1"), await running.outbox.get("2")
    assert (first.state, first.error) == (QueuedState.FAILED, "ContextOverflow")
    assert second.state is QueuedState.ANSWERED


async def test_a_lost_answer_is_asked_for_again_and_shown_as_a_repeat(house: OutboxHouse) -> None:
    house.far.answer(AlreadyAnswered("lost"), "again")
    async with house.running() as running:
        assert await running.ask("hello", key="k") == "again"

    first, second = (request.key_terms for request in house.far.requests)
    assert first is not None
    assert second is not None
    assert (first.is_repeat, second.is_repeat) == (False, True)


async def test_a_call_that_may_be_made_once_is_not_asked_for_again(house: OutboxHouse) -> None:
    house.far.answer(AlreadyAnswered("lost"))
    async with house.running() as running:
        with pytest.raises(AlreadyAnswered):
            await running.ask("hello", key="k", no_retry=True)

        item = await running.outbox.get("k")
    assert item.state is QueuedState.FAILED
    assert [bool(one.key_terms and one.key_terms.no_retry) for one in house.far.requests] == [True]


async def test_a_call_that_was_answered_before_a_crash_is_not_made_again(
    house: OutboxHouse,
) -> None:
    async with house.running() as running:
        # The daemon dies between the answer of the call and the end of the request.
        running.outbox.end = _dies  # type: ignore[method-assign]  # as close as one can come
        with pytest.raises(_DeathError):
            await running.ask("hello", key="k")
        running.store.put_back(1, "")

    async with house.running() as running:
        await running.send_all()
        assert await running.ask("hello", key="k") == "far"
    assert len(house.far.requests) == 1


async def test_what_was_sent_is_sent_again_as_it_was_or_not_at_all(house: OutboxHouse) -> None:
    house.far.answer(BackendUnavailable("cut"))
    async with house.running() as running:
        with pytest.raises(RequestQueued):
            await running.ask("write to Anna Nowak", key="k")
        house.releases.__init__({"Anna Nowak": "contact"})  # type: ignore[misc]  # another cut
        house.clock.advance(40)
        await running.sender.turn()

        sent = {request.messages[-1].content for request in house.far.requests}
        assert sent == {"write to <PERSON_1>"}

        house.originals = {"<PERSON_1>": "Eva Nowak"}
        house.clock.advance(40)
        await running.sender.turn()
        item = await running.outbox.get("k")
    assert (item.state, item.error) == (QueuedState.FAILED, "RequestInvalid")


async def test_an_edge_step_alone_is_not_queued(house: OutboxHouse) -> None:
    house.policy = POLICY.replace("cloud: internal", "cloud: public").replace(
        "person: confidential", "person: restricted"
    )
    house.is_linked = False
    async with house.running() as running:
        # Health may not leave, so the step runs here whether or not there is a cloud.
        assert await running.ask("the patient has diabetes") == "near"


class _DeathError(Exception):
    """The process ends here."""


async def _dies(*_: object, **__: object) -> bool:
    raise _DeathError
