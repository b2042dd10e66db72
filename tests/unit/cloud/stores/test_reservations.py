"""Reservations in the store, on both databases: against a simple model, and where it gets rough."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from cloud.admission.accounts import Amount
from cloud.admission.periods import Period
from cloud.admission.rules import Budget
from cloud.admission.scopes import Scope
from cloud.stores.accounts import AccountKey, AccountStore
from cloud.stores.audit import Act
from cloud.stores.database import Database
from cloud.stores.idempotency import Claim, Taken
from cloud.stores.replicas import ReplicaStore
from cloud.stores.reservations import (
    Ask,
    Booked,
    CallInfo,
    Charge,
    NoRoom,
    book,
    claims_of,
    presume,
)
from cloud.stores.rules import RuleStore
from tests.unit.cloud.conftest import DriverFactory

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
ACT = Act("operator:test", NOW)
CALL = CallInfo("acme", "device", "one", "llm")
LIFETIME = timedelta(seconds=20)


class Store:
    """The tables with as much on top as a test needs."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.rules = RuleStore(database)
        self.accounts = AccountStore(database)
        self.replicas = ReplicaStore(database, lifetime=LIFETIME)

    async def account(
        self, name: str, *, cap_micros: int | None = None, cap_tokens: int | None = None
    ) -> int:
        budget = Budget(name, Scope(), Period.TOTAL, cap_micros, cap_tokens)
        await self.rules.set_budget(budget, ACT)
        budgets = {item.name: item for item in (await self.rules.all()).budgets}
        key = AccountKey(budgets[name].id, "", "total")
        return (await self.accounts.ids([key]))[key]

    async def book(
        self, asks: list[Ask], charges: list[Charge], *, replica: str = "a", now: datetime = NOW
    ) -> Booked:
        def work(connection: Connection) -> Booked:
            return book(connection, asks, charges, replica=replica, now=now)

        return await self.database.run(work, claims=claims_of(asks, charges))

    async def state(self, name: str) -> tuple[Amount, Amount, Amount]:
        budgets = {item.name: item for item in (await self.rules.all()).budgets}
        (found,) = await self.accounts.states([budgets[name].id])
        return found.spent, found.reserved, found.excess


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    return Store(database)


def ask(id_: str, *accounts: int, micros: int = 10, tokens: int = 5) -> Ask:
    return Ask(id_, accounts, micros, tokens, 0, CALL, NOW + timedelta(minutes=2))


async def test_what_is_asked_is_set_aside_and_settled(store: Store) -> None:
    account = await store.account("all", cap_micros=25)

    first = await store.book([ask("1", account), ask("2", account), ask("3", account)], [])
    assert first.verdicts == [None, None, NoRoom("all", ever=True)]
    assert await store.state("all") == (Amount(), Amount(20, 10), Amount())

    second = await store.book([ask("4", account)], [Charge("1", Amount(3, 2), (account,))])

    assert second.verdicts == [None], "room that is freed is there for who asks at the same time"
    assert second.settled == {"1"}
    assert await store.state("all") == (Amount(3, 2), Amount(20, 10), Amount())


async def test_a_refusal_leaves_every_other_budget_as_it_was(store: Store) -> None:
    wide = await store.account("wide", cap_micros=1000)
    narrow = await store.account("narrow", cap_tokens=4)

    booked = await store.book([ask("1", wide, narrow)], [])

    assert booked.verdicts == [NoRoom("narrow", ever=False)]
    assert await store.state("wide") == (Amount(), Amount(), Amount())
    assert await store.replicas.open() == []


async def test_settling_twice_charges_once(store: Store) -> None:
    account = await store.account("all", cap_micros=100)
    await store.book([ask("1", account)], [])
    charge = Charge("1", Amount(7, 1), (account,))

    for _ in range(3):
        await store.book([], [charge])

    assert await store.state("all") == (Amount(7, 1), Amount(), Amount())


async def test_a_reservation_that_the_database_lost_is_charged_all_the_same(store: Store) -> None:
    account = await store.account("all", cap_micros=100)

    await store.book([], [Charge("lost", Amount(7, 1), (account,))])

    assert await store.state("all") == (Amount(7, 1), Amount(), Amount())


async def test_a_removed_budget_no_longer_counts_and_hinders_nobody(store: Store) -> None:
    account = await store.account("gone", cap_micros=10)
    await store.book([ask("1", account)], [])
    await store.rules.remove_budget("gone", ACT)

    booked = await store.book([ask("2", account)], [Charge("1", Amount(1, 1), (account,))])

    assert booked.verdicts == [None]
    assert booked.settled == {"1"}


async def test_a_cap_that_is_lowered_counts_for_the_next_call(store: Store) -> None:
    account = await store.account("all", cap_micros=100)
    await store.book([ask("1", account)], [])
    await store.account("all", cap_micros=15)

    assert (await store.book([ask("2", account)], [])).verdicts == [NoRoom("all", ever=True)]


async def test_the_reservations_of_a_dead_replica_count_as_used_up(store: Store) -> None:
    account = await store.account("all", cap_micros=100)
    await store.replicas.beat("dead", now=NOW)
    await store.replicas.beat("alive", now=NOW)
    await store.book([ask("d1", account), ask("d2", account)], [], replica="dead")
    await store.book([ask("a1", account)], [], replica="alive")
    later = NOW + LIFETIME
    assert await store.replicas.recover(now=later - timedelta(seconds=1)) == 0
    assert await store.replicas.beat("alive", now=later) == 1

    found = await asyncio.gather(*(store.replicas.recover(now=later) for _ in range(4)))

    assert sum(found) == 2, "once, however many look"
    assert await store.state("all") == (Amount(20, 10), Amount(10, 5), Amount())
    assert {item.id for item in await store.replicas.open(only_presumed=True)} == {"d1", "d2"}


async def test_a_replica_that_was_only_slow_puts_the_real_number_in(store: Store) -> None:
    account = await store.account("all", cap_micros=100)
    await store.book([ask("1", account)], [], replica="slow")
    assert await store.replicas.recover(now=NOW) == 1
    assert await store.state("all") == (Amount(10, 5), Amount(), Amount())

    charge = Charge("1", Amount(4, 4), (account,))
    await store.book([], [charge], replica="slow")
    await store.book([], [charge], replica="slow")

    assert await store.state("all") == (Amount(4, 4), Amount(), Amount())
    assert await store.replicas.open() == []


@pytest.mark.parametrize("first", ["given_up", "repeat"])
async def test_a_key_of_two_calls_counts_as_answered_once_either_is(
    store: Store, first: str
) -> None:
    account = await store.account("all")
    claim = Claim("key", "a request")
    # Rows come back in no certain order, so both are tried.
    names = ["1", "2"] if first == "given_up" else ["2", "1"]
    given_up, repeat = (replace(ask(name, account), claim=claim) for name in names)
    await store.book([given_up], [])
    await store.database.run(
        lambda connection: presume(connection, [given_up.id], now=NOW), claims=set()
    )
    assert (await store.book([repeat], [])).verdicts == [None]

    charge = Charge(given_up.id, Amount(3, 2), (account,), NOW + LIFETIME)
    again = await store.book([replace(ask("3", account), claim=claim)], [charge])

    assert again.verdicts == [Taken("answered")]


async def test_a_call_that_outlived_every_deadline_is_recovered_from_a_living_replica(
    store: Store,
) -> None:
    account = await store.account("all", cap_micros=100)
    await store.book([ask("1", account)], [], replica="a")
    for minutes, expected in ((1, 0), (3, 1)):
        now = NOW + timedelta(minutes=minutes)
        await store.replicas.beat("a", now=now)
        assert await store.replicas.recover(now=now) == expected


async def test_settled_reservations_are_swept_and_open_ones_stay(store: Store) -> None:
    account = await store.account("all", cap_micros=10**6)
    await store.book([ask(str(number), account) for number in range(1100)], [])
    charges = [Charge(str(number), Amount(1, 1), (account,)) for number in range(1, 1100)]
    await store.book([], charges)

    await store.replicas.sweep(settled_before=NOW + timedelta(seconds=1), now=NOW)

    left = await store.database.read(
        lambda connection: connection.execute(text("SELECT id FROM reservation")).scalars().all()
    )
    assert left == ["0"]
    assert await store.state("all") == (Amount(1099, 1099), Amount(10, 5), Amount())


@pytest.mark.parametrize("seed", range(6))
async def test_the_store_does_what_a_simple_model_does(store: Store, seed: int) -> None:
    """Random asks and settlements in random groups; the model keeps plain sums."""
    rng = random.Random(seed)
    caps = {"one": 200, "two": 300, "three": 10**6}
    ids = {name: await store.account(name, cap_micros=cap) for name, cap in caps.items()}
    spent, held = dict.fromkeys(caps, 0), dict[str, tuple[tuple[str, ...], int]]()
    for round_ in range(40):
        asks, wanted = [], dict[str, tuple[tuple[str, ...], int]]()
        for number in range(rng.randrange(5)):
            names = tuple(rng.sample(sorted(caps), rng.randrange(1, 4)))
            micros = rng.randrange(60)
            id_ = f"{round_}-{number}"
            wanted[id_] = (names, micros)
            asks.append(ask(id_, *(ids[name] for name in names), micros=micros))
        over = rng.sample(sorted(held), rng.randrange(len(held) + 1))
        used = {id_: rng.randrange(held[id_][1] + 1) for id_ in over}
        charges = [Charge(id_, Amount(used[id_], 0), ()) for id_ in over]

        booked = await store.book(asks, charges)

        for id_ in over:
            for name in held.pop(id_)[0]:
                spent[name] += used[id_]
        for item, verdict in zip(asks, booked.verdicts, strict=True):
            names, micros = wanted[item.id]
            taken = {
                name: spent[name] + sum(m for ns, m in held.values() if name in ns)
                for name in names
            }
            fits = all(taken[name] + micros <= caps[name] for name in names)
            assert (verdict is None) is fits
            if fits:
                held[item.id] = (names, micros)
    for name in caps:
        reserved = sum(micros for names, micros in held.values() if name in names)
        state = await store.state(name)
        assert (state[0].micros, state[1].micros) == (spent[name], reserved)


async def test_two_gateways_on_one_store_never_overspend(new_driver: DriverFactory) -> None:
    databases = [await Database.open(new_driver()) for _ in range(2)]
    stores = [Store(database) for database in databases]
    account = await stores[0].account("all", cap_micros=500)

    async def call(number: int) -> int:
        store, rng = stores[number % 2], random.Random(number)
        booked = await store.book([ask(f"{number}", account)], [], replica=str(number % 2))
        if booked.verdicts != [None]:
            return 0
        used = rng.randrange(1, 11)
        await store.book([], [Charge(f"{number}", Amount(used, 1), (account,))])
        return used

    used = await asyncio.gather(*(call(number) for number in range(200)))

    spent, reserved, excess = await stores[1].state("all")
    assert spent.micros == sum(used) <= 500
    assert reserved == excess == Amount()
    assert used.count(0) > 20 < sum(used), "some were refused, and some were not"
    for database in databases:
        await database.close()
