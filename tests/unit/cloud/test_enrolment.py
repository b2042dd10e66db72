"""The enrolment desk: one token, one device."""

import asyncio
from datetime import timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.authorities import Authorities
from cloud.enrolment.desk import EnrolmentDesk
from cloud.enrolment.pace import Pace, Seats
from cloud.stores.audit import Act, AuditStore
from cloud.stores.database import Database
from cloud.stores.devices import DeviceStore
from cloud.stores.join_tokens import JoinTokenStore, NewToken
from cloud.stores.tables import DEFAULT_TENANT
from runtime.errors import CapacityExhausted, CertificateInvalid, TokenRefused
from runtime.identity.authority import CertificateAuthority
from runtime.identity.certificates import device_id_of, load_certificates
from runtime.identity.csr import create_csr, public_key_of_csr
from runtime.identity.keys import create_device_keys
from runtime.testing.fakes import ManualClock

CSR, OTHER_CSR = (create_csr(create_device_keys().tls) for _ in range(2))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def devices(database: Database) -> DeviceStore:
    return DeviceStore(database)


@pytest.fixture
def tokens(database: Database, clock: ManualClock) -> JoinTokenStore:
    return JoinTokenStore(database, clock=clock)


@pytest.fixture
def desk(clock: ManualClock, tokens: JoinTokenStore) -> EnrolmentDesk:
    return EnrolmentDesk(
        authorities=Authorities([CertificateAuthority.create("test", clock=clock, lifetime_s=1e9)]),
        tokens=tokens,
        pace=Pace(60, clock=clock),
        seats=Seats(Random(1), room=8),
        lifetime=timedelta(days=1),
        clock=clock,
    )


async def issue(tokens: JoinTokenStore, *, hours: float = 1) -> NewToken:
    act = Act("operator:test", ManualClock().now())
    return await tokens.create(act, lifetime=timedelta(hours=hours), tenant=DEFAULT_TENANT)


async def test_a_token_buys_a_certificate_for_the_device_that_the_gateway_chose(
    desk: EnrolmentDesk, tokens: JoinTokenStore, devices: DeviceStore
) -> None:
    token = await issue(tokens)

    enrolled = await desk.enrol(token.text, CSR)

    assert device_id_of(load_certificates(enrolled.chain_pem)[0]) == token.device_id
    (device,) = await devices.all()
    assert (device.id, device.tenant) == (token.device_id, DEFAULT_TENANT)


async def test_of_two_devices_with_one_token_exactly_one_wins(
    desk: EnrolmentDesk, tokens: JoinTokenStore
) -> None:
    token = await issue(tokens)

    requests = [create_csr(create_device_keys().tls) for _ in range(8)]
    outcomes = await asyncio.gather(
        *(desk.enrol(token.text, csr) for csr in requests), return_exceptions=True
    )

    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
    assert all(isinstance(o, TokenRefused) for o in outcomes if isinstance(o, Exception))


async def test_who_lost_the_answer_asks_again_with_the_same_key_and_is_answered_again(
    desk: EnrolmentDesk, tokens: JoinTokenStore, devices: DeviceStore, database: Database
) -> None:
    token = await issue(tokens)
    await desk.enrol(token.text, CSR)

    again = await desk.enrol(token.text, CSR)

    leaf = load_certificates(again.chain_pem)[0]
    assert device_id_of(leaf) == token.device_id
    assert leaf.public_key() == public_key_of_csr(CSR)
    (device,) = await devices.all()
    assert device.serial == f"{leaf.serial_number:x}"
    entries = await AuditStore(database).entries(ManualClock().now() - timedelta(hours=1))
    assert sorted(entry.action for entry in entries) == [
        "device_enrolled",
        "device_enrolled_again",
        "join_token_created",
    ]


async def test_of_many_repeats_at_once_each_is_answered_and_one_device_is_made(
    desk: EnrolmentDesk, tokens: JoinTokenStore, devices: DeviceStore
) -> None:
    token = await issue(tokens)

    answers = await asyncio.gather(*(desk.enrol(token.text, CSR) for _ in range(6)))

    assert {answer.device for answer in answers} == {token.device_id}
    assert len(await devices.all()) == 1


async def test_another_key_a_late_repeat_and_a_revoked_device_are_refused(
    desk: EnrolmentDesk, tokens: JoinTokenStore, devices: DeviceStore, clock: ManualClock
) -> None:
    token, revoked = await issue(tokens), await issue(tokens)
    for text in (token.text, revoked.text):
        await desk.enrol(text, CSR)
    await devices.revoke(revoked.device_id, Act("operator:test", clock.now()))

    with pytest.raises(TokenRefused):
        await desk.enrol(token.text, OTHER_CSR)
    with pytest.raises(TokenRefused):
        await desk.enrol(revoked.text, CSR)
    clock.advance(3600)
    with pytest.raises(TokenRefused):
        await desk.enrol(token.text, CSR)


async def test_repeats_count_in_the_pace_like_all_attempts(
    desk: EnrolmentDesk, tokens: JoinTokenStore
) -> None:
    token = await issue(tokens)
    for _ in range(60):
        await desk.enrol(token.text, CSR)

    with pytest.raises(CapacityExhausted):
        await desk.enrol(token.text, CSR)


async def test_an_expired_token_is_refused(
    desk: EnrolmentDesk, tokens: JoinTokenStore, clock: ManualClock
) -> None:
    token = await issue(tokens)
    clock.advance(3601)

    with pytest.raises(TokenRefused):
        await desk.enrol(token.text, CSR)


async def test_a_malformed_request_does_not_use_the_token_up(
    desk: EnrolmentDesk, tokens: JoinTokenStore
) -> None:
    token = await issue(tokens)

    with pytest.raises(CertificateInvalid):
        await desk.enrol(token.text, b"not a request")

    assert await desk.enrol(token.text, CSR)


async def test_unknown_used_and_expired_tokens_are_told_apart_by_nobody(
    desk: EnrolmentDesk, tokens: JoinTokenStore, clock: ManualClock
) -> None:
    used, old = (
        await issue(tokens, hours=9),
        await issue(tokens),
    )
    await desk.enrol(used.text, OTHER_CSR)
    clock.advance(2 * 3600)

    words = set()
    for text in (used.text, old.text, "lwjoin.0.unknown", ""):
        with pytest.raises(TokenRefused) as refused:
            await desk.enrol(text, CSR)
        words.add(str(refused.value))

    assert len(words) == 1


async def test_who_finds_no_seat_is_sent_away_at_once_and_keeps_the_token(
    desk: EnrolmentDesk, tokens: JoinTokenStore
) -> None:
    made = [await issue(tokens) for _ in range(12)]

    outcomes = await asyncio.gather(
        *(desk.enrol(token.text, CSR) for token in made), return_exceptions=True
    )
    refused = [one for one in outcomes if isinstance(one, CapacityExhausted)]
    later = [
        await desk.enrol(token.text, CSR)
        for token, outcome in zip(made, outcomes, strict=True)
        if isinstance(outcome, CapacityExhausted)
    ]

    assert len(refused) == len(later) == 4
    assert len({error.retry_after_s for error in refused}) == 4


async def test_who_might_be_gone_before_the_answer_keeps_the_token(
    desk: EnrolmentDesk, tokens: JoinTokenStore
) -> None:
    token = await issue(tokens)

    with pytest.raises(CapacityExhausted):
        await desk.enrol(token.text, CSR, left_s=1.0)

    assert await desk.enrol(token.text, CSR, left_s=20.0)


def test_attempts_are_paced_and_the_wait_is_told() -> None:
    clock = ManualClock()
    pace = Pace(60, clock=clock)
    for _ in range(60):
        pace.admit()

    with pytest.raises(CapacityExhausted) as full:
        pace.admit()

    assert full.value.retry_after_s == pytest.approx(1.0)
    clock.advance(1.0)
    pace.admit()


@given(
    per_minute=st.integers(1, 6000),
    arrivals=st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
def test_who_is_refused_gets_a_turn_of_its_own_or_the_soonest_after_a_minute(
    per_minute: int, arrivals: list[float]
) -> None:
    clock = ManualClock()
    pace = Pace(per_minute, clock=clock)
    for _ in range(per_minute):
        pace.admit()
    refused: list[tuple[float, float]] = []
    for pause_s in arrivals:
        clock.advance(pause_s)
        try:
            pace.admit()
        except CapacityExhausted as error:
            refused.append((clock.monotonic_s(), error.retry_after_s))

    turn_s = 60.0 / per_minute
    assert all(0 < wait_s <= 60.0 + 1e-6 for _, wait_s in refused)
    for (before_s, former_s), (now_s, wait_s) in pairwise(refused):
        next_s = before_s + former_s + turn_s - now_s
        assert wait_s >= next_s - 1e-6 or next_s > 60.0 - 1e-6


def test_a_fleet_that_comes_at_once_and_keeps_its_turns_is_in_after_one_refusal_each() -> None:
    clock = ManualClock()
    pace = Pace(600, clock=clock)
    waiting = [0.0] * 1000
    refusals = 0
    while waiting:
        due_s = min(waiting)
        waiting.remove(due_s)
        clock.advance(max(due_s - clock.monotonic_s(), 0.0) + 1e-6)
        try:
            pace.admit()
        except CapacityExhausted as error:
            refusals += 1
            waiting.append(clock.monotonic_s() + error.retry_after_s)

    assert refusals <= 410
    assert clock.monotonic_s() == pytest.approx(40.0, abs=1.0)
