"""Any course of reservations leaves the store as plain sums say, and no cap overspent."""

import random
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import text

from cloud.admission.accounts import Amount
from cloud.stores.idempotency import Claim, Taken
from cloud.stores.reservations import Ask, CallInfo, Charge, NoRoom, book, presume
from cloud.stores.sqlite import SqliteDriver

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
KEPT = timedelta(hours=1)
CALL = CallInfo("acme", "device", "one", "llm")
BUDGETS = ("one", "two", "three")
AMOUNTS = st.integers(0, 50)


@dataclass
class Held:
    """A reservation as the model knows it."""

    budgets: tuple[str, ...]
    amount: int
    key: str | None
    is_presumed: bool = False


@dataclass
class Model:
    """What the store must say."""

    caps: dict[str, int]
    spent: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BUDGETS, 0))
    excess: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BUDGETS, 0))
    open: dict[str, Held] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)

    def reserved(self, budget: str) -> int:
        held = (item for item in self.open.values() if not item.is_presumed)
        return sum(item.amount for item in held if budget in item.budgets)

    def has_room(self, item: Held) -> bool:
        return all(
            self.spent[name] + self.reserved(name) + item.amount <= self.caps[name]
            for name in item.budgets
        )

    def is_in_use(self, key: str | None) -> bool:
        running = (item for item in self.open.values() if not item.is_presumed)
        return key is not None and (key in self.answered or key in {item.key for item in running})

    def settle(self, id_: str, used: int) -> None:
        item = self.open.pop(id_)
        for name in item.budgets:
            if item.is_presumed:
                self.spent[name] -= item.amount
            room = self.caps[name] - self.spent[name] - self.reserved(name)
            beyond = max(0, used - item.amount)
            fits = max(0, min(beyond, room - min(used, item.amount)))
            self.spent[name] += min(used, item.amount) + fits
            self.excess[name] += beyond - fits


class Reservations(RuleBasedStateMachine):
    """Asks, settles, repeats, dies and changes caps, in any order."""

    @initialize(caps=st.tuples(*[st.integers(0, 200)] * 3))
    def open_store(self, caps: tuple[int, ...]) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="leeward-money-"))
        self.driver = SqliteDriver(self.directory / "gateway.sqlite")
        self.driver.migrate("head")
        self.connection = self.driver.writer()
        self.model = Model(dict(zip(BUDGETS, caps, strict=True)))
        self.ever = dict(self.model.caps)
        self.settled: list[Charge] = []
        self.count = 0
        with self.connection.begin():
            for number, name in enumerate(BUDGETS, 1):
                self._sql(
                    "INSERT INTO budget (id, name, scope, period, cap_micros)"
                    " VALUES (:id, :name, '', 'total', :cap)",
                    id=number, name=name, cap=self.model.caps[name],
                )  # fmt: skip
                self._sql(
                    "INSERT INTO budget_account VALUES (:id, :id, '', 'total', 0, 0, 0, 0, 0, 0)",
                    id=number,
                )

    def teardown(self) -> None:
        if hasattr(self, "connection"):
            self.connection.close()
            shutil.rmtree(self.directory)

    @rule(
        wanted=st.lists(
            st.tuples(
                st.lists(st.sampled_from(BUDGETS), min_size=1, unique=True),
                AMOUNTS,
                st.sampled_from([None, None, "k1", "k2", "k3"]),
            ),
            min_size=1,
            max_size=4,
        ),
        seed=st.integers(0, 2**16),
    )
    def ask_and_settle_some(self, wanted: list[Any], seed: int) -> None:
        rng = random.Random(seed)
        over = [id_ for id_ in self.model.open if rng.random() < 0.4]
        charges = [self._charge(id_, rng.randrange(60), rng) for id_ in over]
        asks, items = [], []
        for budgets, amount, key in wanted:
            self.count += 1
            accounts = tuple(BUDGETS.index(name) + 1 for name in budgets)
            claim = None if key is None else Claim(key, f"asked under {key}")
            asks.append(
                Ask(f"r{self.count}", accounts, amount, 0, 0, CALL, NOW + timedelta(1), claim)
            )
            items.append(Held(tuple(budgets), amount, key))

        booked = self._book(asks, charges)

        assert booked.settled == set(over)
        for asked, item, verdict in zip(asks, items, booked.verdicts, strict=True):
            if self.model.is_in_use(item.key):
                how = "answered" if item.key in self.model.answered else "running"
                assert verdict == Taken(how)
            elif self.model.has_room(item):
                assert verdict is None
                self.model.open[asked.id] = item
            else:
                assert isinstance(verdict, NoRoom)

    @precondition(lambda self: self.settled)
    @rule(seed=st.integers(0, 2**16))
    def settle_again(self, seed: int) -> None:
        assert not self._book([], [random.Random(seed).choice(self.settled)]).settled

    @precondition(lambda self: self.model.open)
    @rule(seed=st.integers(0, 2**16))
    def lose_a_gateway(self, seed: int) -> None:
        lost = random.Random(seed).choice(sorted(self.model.open))
        item = self.model.open[lost]
        with self.connection.begin():
            count = presume(self.connection, [lost], now=NOW)
        assert count == (not item.is_presumed)
        if not item.is_presumed:
            item.is_presumed = True
            for name in item.budgets:
                self.model.spent[name] += item.amount

    @rule(name=st.sampled_from(BUDGETS), cap=st.integers(0, 300))
    def change_a_cap(self, name: str, cap: int) -> None:
        with self.connection.begin():
            self._sql("UPDATE budget SET cap_micros = :cap WHERE name = :name", cap=cap, name=name)
        self.model.caps[name] = cap
        self.ever[name] = max(self.ever[name], cap)

    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        with self.connection.begin():
            rows = self._sql(
                "SELECT name, spent_micros, reserved_micros, excess_micros"
                " FROM budget_account AS a JOIN budget AS b ON b.id = a.budget_id"
            ).all()
        for name, spent, reserved, excess in rows:
            model = self.model
            assert (spent, reserved) == (model.spent[name], model.reserved(name))
            assert excess == model.excess[name]
            assert spent + reserved <= self.ever[name]

    def _charge(self, id_: str, used: int, rng: random.Random) -> Charge:
        item = self.model.open[id_]
        is_answered = rng.random() < 0.5
        charge = Charge(id_, Amount(used, 0), (), NOW + KEPT if is_answered else None)
        self.model.settle(id_, used)
        if is_answered and item.key is not None:
            self.model.answered.add(item.key)
        self.settled.append(charge)
        return charge

    def _book(self, asks: list[Ask], charges: list[Charge]) -> Any:
        with self.connection.begin():
            return book(self.connection, asks, charges, replica="a", now=NOW)

    def _sql(self, statement: str, **values: Any) -> Any:
        return self.connection.execute(text(statement), values)


TestReservations = Reservations.TestCase
TestReservations.settings = settings(max_examples=25, stateful_step_count=30)
