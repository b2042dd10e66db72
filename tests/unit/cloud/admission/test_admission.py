"""Admission on a real store: what is refused, charged, given back, and never overspent."""

import asyncio
import random
from datetime import timedelta

import pytest

from cloud.admission.accounts import Amount
from cloud.admission.periods import Period
from cloud.admission.rules import Budget, Limit
from cloud.admission.scopes import Scope
from cloud.stages import FREE, Outcome
from cloud.stores.database import Database
from cloud.stores.replicas import ReplicaStore
from runtime.errors import (
    BudgetExhausted,
    CapacityExhausted,
    DatabaseUnavailable,
    PriceMissing,
)
from runtime.ports import Usage
from runtime.testing.fakes import ManualClock
from tests.unit.cloud.conftest import DriverFactory
from tests.unit.cloud.money_house import NOON, House, call, used, worst


def monthly(name: str, micros: int | None, *, tokens: int | None = None, **scope: str) -> Budget:
    return Budget(name, Scope.of(scope), Period.MONTH, micros, tokens)


async def test_what_is_reserved_is_settled_with_what_was_used(house: House) -> None:
    await house.set(monthly("acme", 100, tenant="acme"))
    async with house.admission() as admission:
        reserved = await admission.reserve(call(), worst(60))
        (account,) = await house.accounts("acme")
        assert (account.spent, account.reserved) == (Amount(), Amount(60, 10))

        for _ in range(3):
            await reserved.settle(used(7))

    (account,) = await house.accounts("acme")
    assert (account.spent, account.reserved) == (Amount(7, 5), Amount())
    total = await house.usage()
    assert (total.calls, total.cost_micros) == (1, 7)


async def test_a_used_up_budget_is_named_with_its_renewal_and_no_amount(house: House) -> None:
    await house.set(monthly("acme-monthly", 98765, tenant="acme"), monthly("other", 1, tenant="b"))
    async with house.admission() as admission:
        await admission.reserve(call(), worst(98760))

        with pytest.raises(BudgetExhausted) as refused:
            await admission.reserve(call(), worst(6))

        assert refused.value.budget == "acme-monthly"
        assert refused.value.renews_at == "2026-12-01T00:00:00+00:00"
        assert '"acme-monthly"' in str(refused.value)
        assert "987" not in str(refused.value)
        await admission.reserve(call(), worst(5))


async def test_a_call_that_no_renewal_helps_is_told_so(house: House) -> None:
    forever = Budget("once", Scope.of({"device": "two"}), Period.TOTAL, 10, None)
    await house.set(monthly("small", 10, device="one"), forever)
    async with house.admission() as admission:
        with pytest.raises(BudgetExhausted, match="lower max_tokens") as refused:
            await admission.reserve(call(device="one"), worst(11))
        assert refused.value.renews_at == ""
        await admission.reserve(call(device="two"), worst(10))
        with pytest.raises(BudgetExhausted, match="does not renew"):
            await admission.reserve(call(device="two"), worst(1))


async def test_a_budget_renews(house: House) -> None:
    await house.set(monthly("acme", 10))
    async with house.admission() as admission:
        held = await admission.reserve(call(), worst(10))
        with pytest.raises(BudgetExhausted):
            await admission.reserve(call(), worst(1))
        house.clock.advance(2 * 86_400)  # it is December

        await admission.reserve(call(), worst(10))
        await held.settle(used(9))

    november, december = await house.accounts("acme")
    assert (november.key.period_key, november.spent) == ("month:2026-11", Amount(9, 5))
    assert (december.key.period_key, december.reserved) == ("month:2026-12", Amount(10, 10))


async def test_a_model_without_a_price_is_refused_under_a_budget_of_money_only(
    house: House,
) -> None:
    await house.set(monthly("money", 10, tenant="acme"), monthly("t", None, tokens=50, tenant="b"))
    async with house.admission() as admission:
        with pytest.raises(PriceMissing, match="leeward cloud price set"):
            await admission.reserve(call(tenant="acme"), worst(None))
        await admission.reserve(call(tenant="b"), worst(None, prompt=40, completion=10))
        with pytest.raises(BudgetExhausted):
            await admission.reserve(call(tenant="b"), worst(None, prompt=1, completion=0))
        await admission.reserve(call(tenant="c"), worst(None))


async def test_each_device_has_its_own_amount(house: House) -> None:
    scope = Scope.of({"tenant": "acme"}, ("device",))
    await house.set(Budget("per-device", scope, Period.DAY, 10, None))
    async with house.admission() as admission:
        await admission.reserve(call(device="one"), worst(10))
        await admission.reserve(call(device="two"), worst(10))
        with pytest.raises(BudgetExhausted):
            await admission.reserve(call(device="two"), worst(1))
        await admission.reserve(call(key="k1"), worst(99))
        await admission.reserve(call(device="one", tenant="b"), worst(99))


async def test_an_answer_from_the_cache_is_charged_to_no_budget(house: House) -> None:
    await house.set(monthly("acme", 10))
    async with house.admission() as admission:
        await admission.reserve(call(), worst(10))

        cached = await admission.reserve(call(), FREE)
        await cached.settle(Outcome("stop", Usage(5, 5, cost_usd=1.0), 0.1, cache_hit=True))

    (account,) = await house.accounts("acme")
    assert account.spent == Amount()
    total = await house.usage()
    assert (total.calls, total.cached, total.cost_micros) == (1, 1, 0)


async def test_our_own_estimate_never_passes_what_was_set_aside(house: House) -> None:
    await house.set(monthly("acme", 1000))
    async with house.admission() as admission:
        reserved = await admission.reserve(call(), worst(10, prompt=6, completion=4))
        await reserved.settle(used(500, prompt=90, completion=90, estimated=True))

    (account,) = await house.accounts("acme")
    assert account.spent == Amount(10, 10)
    assert (await house.usage()).cost_micros == 10


async def test_what_a_provider_reports_beyond_the_worst_case_is_charged_logged_and_shown(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await house.set(monthly("acme", 100))
    async with house.admission() as admission:
        reserved = await admission.reserve(call(), worst(10))
        await reserved.settle(used(130))

    (account,) = await house.accounts("acme")
    assert (account.spent.micros, account.excess.micros) == (100, 30)
    assert (await house.usage()).cost_micros == 130
    assert "usage_beyond_reservation" in caplog.messages


async def test_who_is_refused_by_a_budget_keeps_place_and_rate(house: House) -> None:
    limit = Limit("l", Scope(), requests_per_minute=1, tokens_per_minute=10, max_concurrent=1)
    await house.set(monthly("none", 0, device="poor"), limit)
    async with house.admission() as admission:
        for _ in range(5):
            with pytest.raises(BudgetExhausted):
                await admission.reserve(call(device="poor"), worst(1))

        held = await admission.reserve(call(device="rich"), worst(1))
        with pytest.raises(CapacityExhausted):
            await admission.reserve(call(device="rich"), worst(1))
        await held.settle(used(1))


async def test_200_callers_on_one_cap_spend_no_more_than_it(house: House) -> None:
    await house.set(monthly("acme", 400), monthly("mine", 10**6, device="one"))
    async with house.admission() as admission:

        async def one(number: int) -> int:
            rng = random.Random(number)
            spent = 0
            for _ in range(3):
                try:
                    reserved = await admission.reserve(call(), worst(10))
                except BudgetExhausted:
                    continue
                await asyncio.sleep(rng.random() / 100)
                micros = rng.randrange(1, 11)
                await reserved.settle(used(micros))
                spent += micros
            return spent

        spent = sum(await asyncio.gather(*(one(number) for number in range(200))))

    (account,) = await house.accounts("acme")
    assert account.spent.micros == spent == (await house.usage()).cost_micros
    assert 200 < spent <= 400
    assert account.reserved == account.excess == Amount()


async def test_a_caller_who_leaves_while_it_is_admitted_leaves_nothing_behind(
    house: House,
) -> None:
    await house.set(monthly("acme", 1000), Limit("c", Scope(), max_concurrent=100))
    async with house.admission() as admission:
        first = await admission.reserve(call(), worst(10))  # the account is there from now on
        await first.settle(used(0, prompt=0, completion=0))
        for turns in range(40):
            tasks = [asyncio.ensure_future(admission.reserve(call(), worst(10))) for _ in range(5)]
            for _ in range(turns):
                await asyncio.sleep(0)
            if turns % 2:
                await asyncio.sleep(0.002)
            for task in tasks:
                task.cancel()
            for held in await asyncio.gather(*tasks, return_exceptions=True):
                if not isinstance(held, BaseException):
                    await held.settle(used(0, prompt=0, completion=0))
        for _ in range(100):
            await admission.reserve(call(device="all places are free"), FREE)

    (account,) = await house.accounts("acme")
    assert (account.spent, account.reserved) == (Amount(), Amount())


async def test_two_gateways_share_a_budget_and_recover_each_others_reservations(
    new_driver: DriverFactory,
) -> None:
    databases = [await Database.open(new_driver()) for _ in range(2)]
    house = House(databases[0], ManualClock(NOON))
    await house.set(monthly("acme", 500))
    async with house.admission(databases[0]) as one, house.admission(databases[1]) as two:

        async def spend(number: int) -> int:
            try:
                reserved = await (one, two)[number % 2].reserve(call(), worst(10))
            except BudgetExhausted:
                return 0
            await reserved.settle(used(number % 10 + 1))
            return number % 10 + 1

        spent = sum(await asyncio.gather(*(spend(number) for number in range(200))))
        (account,) = await house.accounts("acme")
        assert account.spent.micros == spent <= 500
        assert account.reserved == Amount()
    for database in databases:
        await database.close()


async def test_changes_are_heard_of_without_a_restart(house: House) -> None:
    async with house.admission() as admission:
        await admission.reserve(call(), worst(10))
        await house.set(monthly("late", 5))
        async with asyncio.timeout(10):
            while True:
                try:
                    await admission.reserve(call(), worst(10))
                except BudgetExhausted:
                    break
                await asyncio.sleep(0.05)


async def test_a_gateway_that_is_gone_is_off_the_list_and_one_that_fell_silent_is_recovered(
    house: House,
) -> None:
    await house.set(monthly("acme", 100))
    replicas = ReplicaStore(house.database, lifetime=timedelta())
    async with house.admission() as admission:
        await admission.reserve(call(), worst(40))  # never settled, as after a crash

    house.clock.advance(1)
    assert await replicas.recover(now=house.clock.now()) == 1
    (account,) = await house.accounts("acme")
    assert (account.spent.micros, account.reserved.micros) == (40, 0)


async def test_a_store_that_fails_refuses_calls_and_loses_no_settlement(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.set(monthly("acme", 100))
    async with house.admission() as admission:
        held = await admission.reserve(call(), worst(10))
        run = Database.run
        with monkeypatch.context() as away:

            async def fail(*_: object, **__: object) -> None:
                raise DatabaseUnavailable("away")

            away.setattr(Database, "run", fail)
            with pytest.raises(DatabaseUnavailable):
                await held.settle(used(9))
            with pytest.raises(DatabaseUnavailable):
                await admission.reserve(call(), worst(10))
        assert Database.run is run
        await admission.reserve(call(), worst(91))

    (account,) = await house.accounts("acme")
    assert (account.spent, account.reserved) == (Amount(9, 5), Amount(91, 10))
    assert (await house.usage()).calls == 1


async def test_what_admission_does_is_counted(house: House) -> None:
    await house.set(monthly("acme", 100))
    async with house.admission() as admission:
        reserved = await admission.reserve(call(), worst(60))
        with pytest.raises(BudgetExhausted):
            await admission.reserve(call(), worst(60))
        assert _value(house, "leeward_admission_open_count") == 1
        await reserved.settle(used(130))

    assert _value(house, "leeward_admission_refusals_total", error="BudgetExhausted") == 1
    assert _value(house, "leeward_admission_open_count") == 0
    assert _value(house, "leeward_admission_cost_usd_total", model="llm") == pytest.approx(130e-6)
    assert _value(house, "leeward_admission_beyond_total", model="llm") == 1
    assert _value(house, "leeward_booked_total") == 3


def _value(house: House, name: str, **labels: str) -> float | None:
    return house.metrics.registry.get_sample_value(name, labels)
