"""A call that is sent again under its key: the same answer, charged once, on one gateway or two."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import pytest
from sqlalchemy import text

from cloud.absent import NoCache, NoInspection
from cloud.admission.admission import BudgetedAdmission
from cloud.admission.periods import Period
from cloud.admission.rules import Budget
from cloud.admission.scopes import Scope
from cloud.calls import Caller, GenerateCall
from cloud.charges import Tally, WorstCase
from cloud.idempotency.names import Namer
from cloud.idempotency.refusals import KEPT
from cloud.idempotency.repeats import Repeats
from cloud.serving import Serving
from cloud.stages import Embedded
from cloud.stores.database import Database
from cloud.stores.replicas import ReplicaStore
from cloud.upstreams.model import Route
from runtime.errors import (
    AlreadyAnswered,
    BudgetExhausted,
    CallInFlight,
    LeewardError,
    RequestInvalid,
    StreamBroken,
    UpstreamUnavailable,
)
from runtime.ports import (
    ChatMessage,
    Chunk,
    Completion,
    FinishReason,
    GenerateRequest,
    TextDelta,
    Usage,
)
from runtime.testing.fakes import ManualClock
from tests.unit.cloud.conftest import DriverFactory
from tests.unit.cloud.money_house import NOON, House, call

SECRET = "the patient's name is Anna"


class CountingModel:
    """Answers with its own count of calls, at the pace of ``go``; fails as told."""

    routes: tuple[Route, ...] = ()

    def __init__(self) -> None:
        self.calls = 0
        self.began = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()
        self.failures: list[LeewardError | None] = []
        self.fails_after_text = False

    def worst_case(self, request: object) -> WorstCase:
        return WorstCase(10, 10, 10)

    async def generate(self, request: GenerateRequest, tally: Tally) -> AsyncGenerator[Chunk, None]:
        self.calls += 1
        number = self.calls
        self.began.set()
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None and not self.fails_after_text:
            await self.go.wait()
            raise failure
        usage = Usage(3, 2, cost_usd=7e-6)
        tally.add(usage)
        yield TextDelta(f"{SECRET}: answer ")
        await self.go.wait()
        if failure is not None:
            raise failure
        yield TextDelta(f"{number}")
        yield Completion(FinishReason.STOP, usage=usage)

    async def embed(self, request: object) -> Embedded:
        raise NotImplementedError


class Gateway:
    """One replica's core."""

    def __init__(
        self, admission: BudgetedAdmission, model: CountingModel, clock: ManualClock, **bounds: int
    ) -> None:
        repeats = Repeats(NoCache(), namer=Namer(bytes(32)), clock=clock, **bounds)
        self.serving = Serving(
            models=model, admission=admission, inspector=NoInspection(), cache=repeats, clock=clock
        )

    async def ask(self, asked: GenerateCall) -> str:
        answer = ""
        async with self.serving.answering(asked) as opened, aclosing(opened.chunks) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, TextDelta):
                    answer += chunk.text
        return answer.removeprefix(f"{SECRET}: answer ")


def keyed(key: str = "k", prompt: str = "?", caller: Caller | None = None) -> GenerateCall:
    plain = call()
    request = replace(
        plain.request, idempotency_key=key, messages=(ChatMessage("user", prompt),), timeout_s=30
    )
    return GenerateCall(caller or plain.caller, request)


@pytest.fixture
def model() -> CountingModel:
    return CountingModel()


async def budgeted(house: House, micros: int = 1000) -> None:
    await house.set(Budget("all", Scope(), Period.TOTAL, micros, None))


async def spent(house: House) -> int:
    (account,) = await house.accounts("all")
    assert account.reserved.micros == 0
    return account.spent.micros


async def test_a_repeated_call_gets_the_same_answer_and_is_charged_once(
    house: House, model: CountingModel
) -> None:
    await budgeted(house)
    async with house.admission() as admission:
        gateway = Gateway(admission, model, house.clock)
        answers = [await gateway.ask(keyed()) for _ in range(3)]
        other = await gateway.ask(keyed("another key"))
        unnamed = [await gateway.ask(keyed("")) for _ in range(2)]

    assert (answers, other, unnamed) == (["1"] * 3, "2", ["3", "4"])
    assert await spent(house) == 4 * 7
    usage = await house.usage()
    assert (usage.calls, usage.cached, usage.cost_micros) == (6, 2, 4 * 7)


async def test_a_call_that_is_still_running_is_joined(house: House, model: CountingModel) -> None:
    await budgeted(house)
    async with house.admission() as admission:
        gateway = Gateway(admission, model, house.clock)
        model.go.clear()
        tasks = [asyncio.ensure_future(gateway.ask(keyed())) for _ in range(20)]
        await asyncio.sleep(0.1)
        model.go.set()
        assert set(await asyncio.gather(*tasks)) == {"1"}

    assert model.calls == 1
    assert await spent(house) == 7


async def test_the_same_key_of_another_caller_or_tenant_is_another_call(
    house: House, model: CountingModel
) -> None:
    callers = [
        Caller("acme", "device", "one"),
        Caller("acme", "device", "two"),
        Caller("acme", "key", "one"),
        Caller("beta", "device", "one"),
    ]
    async with house.admission() as admission:
        gateway = Gateway(admission, model, house.clock)
        answers = [await gateway.ask(keyed(caller=caller)) for caller in callers]

    assert answers == ["1", "2", "3", "4"]


async def test_another_request_under_the_same_key_is_refused_here_and_on_another_replica(
    house: House, model: CountingModel
) -> None:
    async with house.admission() as one, house.admission() as two:
        first, second = (Gateway(admission, model, house.clock) for admission in (one, two))
        await first.ask(keyed(prompt="a"))
        for gateway in (first, second):
            with pytest.raises(RequestInvalid, match="another request") as refused:
                await gateway.ask(keyed(prompt="b"))
            assert refused.value.field == "idempotency_key"

    assert model.calls == 1


async def test_a_second_replica_is_refused_while_the_first_answers_and_afterwards(
    new_driver: DriverFactory, model: CountingModel
) -> None:
    databases = [await Database.open(new_driver()) for _ in range(2)]
    house = House(databases[0], ManualClock(NOON))
    async with house.admission(databases[0]) as one, house.admission(databases[1]) as two:
        first, second = (Gateway(admission, model, house.clock) for admission in (one, two))
        model.go.clear()
        running = asyncio.ensure_future(first.ask(keyed()))
        await model.began.wait()
        with pytest.raises(CallInFlight):
            await second.ask(keyed())
        model.go.set()
        assert await running == "1"
        with pytest.raises(AlreadyAnswered):
            await second.ask(keyed())
        assert await first.ask(keyed()) == "1"
        house.clock.advance(KEPT.total_seconds() + 1)
        assert await second.ask(keyed()) == "2", "a key is remembered for a while"
    for database in databases:
        await database.close()


async def test_a_key_is_free_again_when_its_call_fails(house: House, model: CountingModel) -> None:
    await budgeted(house)
    async with house.admission() as admission:
        gateway = Gateway(admission, model, house.clock)
        model.failures = [UpstreamUnavailable("down")]
        with pytest.raises(UpstreamUnavailable):
            await gateway.ask(keyed())
        assert await gateway.ask(keyed()) == "2"

    assert await spent(house) == 7


async def test_those_who_wait_go_on_when_the_first_fails_before_its_answer_began(
    house: House, model: CountingModel
) -> None:
    async with house.admission() as admission:
        gateway = Gateway(admission, model, house.clock)
        model.failures = [UpstreamUnavailable("down")]
        model.go.clear()
        tasks = [asyncio.ensure_future(gateway.ask(keyed())) for _ in range(5)]
        await asyncio.sleep(0.1)
        model.go.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(results[0], UpstreamUnavailable)
    assert results[1:] == ["2"] * 4


async def test_those_who_have_read_a_part_are_told_that_it_broke(
    house: House, model: CountingModel
) -> None:
    async with house.admission() as admission:
        gateway = Gateway(admission, model, house.clock)
        model.failures, model.fails_after_text = [StreamBroken("cut", received_tokens=1)], True
        model.go.clear()
        tasks = [asyncio.ensure_future(gateway.ask(keyed())) for _ in range(3)]
        await asyncio.sleep(0.1)
        model.go.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert await gateway.ask(keyed()) == "2"

    assert [type(result) for result in results] == [StreamBroken] * 3


async def test_the_first_leaving_lets_the_others_go_on(house: House, model: CountingModel) -> None:
    await budgeted(house)
    async with house.admission() as admission:
        gateway = Gateway(admission, model, house.clock)
        model.go.clear()
        first = asyncio.ensure_future(gateway.ask(keyed()))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(gateway.ask(keyed()))
        first.cancel()
        await asyncio.wait([first])
        model.go.set()
        assert await second in {"1", "2"}
        (account,) = await house.accounts("all")
        assert account.reserved.micros == 0


async def test_a_call_that_no_budget_lets_in_does_not_hold_its_key(
    house: House, model: CountingModel
) -> None:
    await budgeted(house, micros=9)
    async with house.admission() as admission:
        gateway = Gateway(admission, model, house.clock)
        with pytest.raises(BudgetExhausted):
            await gateway.ask(keyed())
        await budgeted(house, micros=10)
        assert await gateway.ask(keyed()) == "1"


async def test_the_key_of_a_call_that_was_given_up_is_taken_over(
    house: House, model: CountingModel
) -> None:
    async with house.admission() as stuck, house.admission() as admission:
        await stuck.reserve(keyed(), WorstCase(1, 1, 1))  # and never settles
        gateway = Gateway(admission, model, house.clock)
        with pytest.raises(CallInFlight):
            await gateway.ask(keyed())
        house.clock.advance(keyed().request.timeout_s + 61)
        await ReplicaStore(house.database, lifetime=KEPT).recover(now=house.clock.now())
        assert await gateway.ask(keyed()) == "1"


async def test_memory_is_bounded_and_what_is_forgotten_is_not_charged_again(
    house: House, model: CountingModel
) -> None:
    async with house.admission() as admission:
        gateway = Gateway(admission, model, house.clock, max_bytes=3_000)
        for number in range(30):
            await gateway.ask(keyed(f"{number}"))
        assert await gateway.ask(keyed("29")) == "30"
        with pytest.raises(AlreadyAnswered):
            await gateway.ask(keyed("0"))

    assert model.calls == 30


async def test_nothing_of_prompt_answer_or_key_is_in_the_store(
    house: House, model: CountingModel
) -> None:
    async with house.admission() as admission:
        await Gateway(admission, model, house.clock).ask(keyed("order-4711", prompt=SECRET))

    def dump(connection: object) -> str:
        tables = ("reservation", "usage_record")
        rows = (connection.execute(text(f"SELECT * FROM {name}")).all() for name in tables)  # type: ignore[attr-defined]
        return repr([list(found) for found in rows])

    stored = await house.database.read(dump)
    assert "stop" in stored, "the call is recorded"
    assert "Anna" not in stored
    assert "4711" not in stored


def test_names_depend_on_the_key_and_on_what_changes_the_answer() -> None:
    one, other = Namer(bytes(32)), Namer(b"1" * 32)
    first, again = one.of(keyed()), one.of(keyed())
    assert first is not None
    assert first == again
    assert first != other.of(keyed())
    later = replace(keyed().request, timeout_s=1.0, provenance=None)
    assert one.of(GenerateCall(keyed().caller, later)) == first
    warmer = replace(keyed().request, sampling=replace(keyed().request.sampling, temperature=1.0))
    renamed = one.of(GenerateCall(keyed().caller, warmer))
    assert renamed is not None
    assert (renamed.claim, renamed.request != first.request) == (first.claim, True)
    assert one.of(call()) is None
