"""Admission: limits in memory, then budgets in the store; settled once, however a call ends."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Final, Protocol

from cloud.admission.accounts import Amount
from cloud.admission.bookings import Bookings
from cloud.admission.keys import claim_of, is_charged, remembered_until
from cloud.admission.periods import Window, window_at
from cloud.admission.rates import RateGate, Slot
from cloud.admission.rules import Budget, Matcher
from cloud.admission.scopes import Subject, subject_of
from cloud.calls import Call, GenerateCall
from cloud.idempotency.names import Namer
from cloud.idempotency.refusals import repeated
from cloud.metering import usage_record
from cloud.stages import FREE, Outcome, WorstCase, micros
from cloud.stores.accounts import AccountKey, AccountStore
from cloud.stores.idempotency import Claim, KeyStore
from cloud.stores.reservations import Ask, CallInfo, Charge, NoRoom, Refusal
from runtime.clock import Clock
from runtime.errors import BudgetExhausted, DatabaseUnavailable, LeewardError, PriceMissing
from runtime.ports import Usage
from runtime.telemetry.metrics import Metrics

__all__ = ["BudgetedAdmission", "Reserved"]

_GRACE: Final = timedelta(minutes=1)
"""How long after its deadline a call may still settle before it is given up."""
_MOST_WINDOWS: Final = 10_000
_MOST_WAITING: Final = 10_000
"""Settlements that memory holds while the store is away."""
_logger: Final = logging.getLogger("leeward.cloud.admission")


class NoteSettled(Protocol):
    """Takes note of a call that has ended."""

    def __call__(self, model: str, cost_micros: int, *, is_beyond: bool) -> None: ...


class BudgetedAdmission:
    """The gateway's admission.

    Args:
        bookings: Where reservations are made and settled.
        accounts: Where budgets' accounts are found.
        rates: The limits of rate and concurrency.
        replica: This replica's id; reservations bear it.
        namer: Names calls that bear an idempotency key, the same on every replica.
        keys: Tells how often a call was begun under its key.
        metrics: With the rows of ``cloud.admission.metrics``.
        clock: What windows and deadlines are read from.
    """

    def __init__(
        self,
        *,
        bookings: Bookings,
        accounts: AccountStore,
        rates: RateGate,
        replica: str,
        namer: Namer,
        keys: KeyStore,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._keys = keys
        self._bookings = bookings
        self._accounts = accounts
        self._rates = rates
        self._replica = replica
        self._namer = namer
        self._metrics = metrics
        self._clock = clock
        self._budgets: Matcher[Budget] = Matcher()
        self._account_ids: dict[AccountKey, int] = {}
        self._numbers = count(1)
        self._open = 0

    def configure(self, budgets: Sequence[Budget]) -> None:
        """Take over changed budgets; calls that are open settle in the ones they reserved in."""
        self._budgets = Matcher(budgets)
        self._account_ids.clear()

    async def reserve(self, call: Call, worst: WorstCase) -> "Reserved":
        """Count the call towards every limit, and set aside its worst case in every budget.

        Raises:
            CapacityExhausted: A limit is reached; says how long to wait.
            BudgetExhausted: A budget has no room; says when it renews.
            CallInFlight: Another replica is answering the same call, by its idempotency key.
            AlreadyAnswered: The same call was answered, and its answer is not kept here.
            PriceMissing: A budget of money applies and the model has no price.
            RequestInvalid: The call can use more than a limit allows in a whole minute, or its
                idempotency key was used for another one.
            DatabaseUnavailable: The store failed.
        """
        try:
            reserved = await self._admitted(call, worst)
        except LeewardError as error:
            self._metrics.count("leeward_admission_refusals_total", type(error).__name__)
            raise
        self._open += 1
        self._metrics.set_gauge("leeward_admission_open_count", to=self._open)
        return reserved

    async def _admitted(self, call: Call, worst: WorstCase) -> "Reserved":
        if self._bookings.waiting > _MOST_WAITING:
            raise DatabaseUnavailable("the store has been away for long; nothing more is admitted")
        name = self._namer.of(call) if isinstance(call, GenerateCall) else None
        claim = claim_of(name, call) if name and isinstance(call, GenerateCall) else None
        repeats = await self._repeats(claim, is_answered=worst == FREE)
        subject = subject_of(call)
        slot = self._rates.admit(subject, worst.prompt_tokens + worst.completion_tokens)
        try:
            ask = None
            if worst != FREE:  # an answer from the cache costs nothing, and counts in no budget
                ask = await self._book(call, claim, worst, subject)
        except BaseException:
            slot.undo()
            raise
        return Reserved(
            call,
            worst,
            slot,
            ask,
            self._bookings,
            self._clock,
            self._note_settled,
            repeats=repeats,
        )

    async def _repeats(self, claim: Claim | None, *, is_answered: bool) -> int:
        """Return how often a model was asked the same under a kept call's key before."""
        if claim is None or not claim.is_kept:
            return 0
        times = await self._keys.times_begun(claim)
        return max(0, times - 1) if is_answered else times

    def _note_settled(self, model: str, cost_micros: int, *, is_beyond: bool) -> None:
        self._open -= 1
        self._metrics.set_gauge("leeward_admission_open_count", to=self._open)
        self._metrics.count("leeward_admission_cost_usd_total", model, by=cost_micros / 1e6)
        if is_beyond:
            self._metrics.count("leeward_admission_beyond_total", model)
            _logger.warning("usage_beyond_reservation", extra={"model": model})

    async def _book(
        self, call: Call, claim: Claim | None, worst: WorstCase, subject: Subject
    ) -> Ask | None:
        budgets = self._budgets.matching(subject)
        if not budgets and claim is None:
            return None
        if worst.cost_micros is None:
            _require_price(call, budgets)
        now = self._clock.now()
        windows = {budget.name: window_at(budget.period, now) for budget in budgets}
        keys = [
            AccountKey(budget.id, budget.scope.part_of(subject), windows[budget.name].key)
            for budget in budgets
        ]
        ask = Ask(
            id=f"{self._replica}/{next(self._numbers)}",
            accounts=await self._ids(keys),
            micros=worst.cost_micros or 0,
            prompt_tokens=worst.prompt_tokens,
            completion_tokens=worst.completion_tokens,
            call=_info(call),
            expires_at=now + timedelta(seconds=call.request.timeout_s) + _GRACE,
            claim=claim,
        )
        refused = await self._bookings.reserve(ask)
        if refused is not None:
            raise _refusal(refused, windows)
        return ask

    async def _ids(self, keys: Sequence[AccountKey]) -> tuple[int, ...]:
        missing = [key for key in keys if key not in self._account_ids]
        if missing:
            if len(self._account_ids) > _MOST_WINDOWS:
                self._account_ids.clear()  # windows pass, and graphs are named by callers
            self._account_ids |= await self._accounts.ids(keys)
        return tuple(self._account_ids[key] for key in keys)


class Reserved:
    """What was set aside for one call."""

    def __init__(
        self,
        call: Call,
        worst: WorstCase,
        slot: Slot,
        ask: Ask | None,
        bookings: Bookings,
        clock: Clock,
        note_settled: NoteSettled,
        *,
        repeats: int = 0,
    ) -> None:
        self.repeats: Final = repeats
        """How often a model had been asked the same under the call's key."""
        self._call = call
        self._worst = worst
        self._slot = slot
        self._ask = ask
        self._bookings = bookings
        self._clock = clock
        self._note_settled = note_settled
        self._is_settled = False

    async def settle(self, outcome: Outcome) -> None:
        """Record what was used, charge it, and free the rest: once, however often it is called.

        Raises:
            DatabaseUnavailable: The store failed; it is done as soon as the store works again.
        """
        if self._is_settled:
            return
        self._is_settled = True
        outcome = replace(outcome, usage=self._honest(outcome))
        used = outcome.usage
        tokens = 0 if outcome.cache_hit else used.prompt_tokens + used.completion_tokens
        self._slot.release(tokens)
        charged = tokens if is_charged(self._call, outcome) else 0
        amount = Amount(micros(used.cost_usd), charged)
        charge, is_beyond = None, False
        if self._ask is not None:
            until = remembered_until(self._call, outcome, now=self._clock.now())
            charge = Charge(self._ask.id, amount, self._ask.accounts, until)
            is_beyond = amount.at_most(self._ask.worst) != amount
        self._note_settled(self._call.request.model, amount.micros, is_beyond=is_beyond)
        record = usage_record(self._call, outcome, at=self._clock.now())
        await self._bookings.settle(charge, record)

    def _honest(self, outcome: Outcome) -> Usage:
        """Return what is charged: our own estimate never passes what was set aside."""
        used = outcome.usage
        if outcome.cache_hit or not is_charged(self._call, outcome):
            return replace(used, cost_usd=0.0)
        if not used.estimated:
            return used
        most_usd = (self._worst.cost_micros or 0) / 1e6
        return replace(
            used,
            prompt_tokens=min(used.prompt_tokens, self._worst.prompt_tokens),
            completion_tokens=min(used.completion_tokens, self._worst.completion_tokens),
            cost_usd=min(used.cost_usd, most_usd),
        )


def _require_price(call: Call, budgets: Sequence[Budget]) -> None:
    for budget in budgets:
        if budget.cap_micros is not None:
            raise PriceMissing(
                f'model {call.request.model!r} has no price, and budget "{budget.name}" is one of '
                "money; set one with `leeward cloud price set`"
            )


def _refusal(refused: Refusal, windows: Mapping[str, Window]) -> LeewardError:
    if isinstance(refused, NoRoom):
        return _exhausted(refused, windows[refused.budget])
    return repeated(refused)


def _exhausted(refused: NoRoom, window: Window) -> BudgetExhausted:
    subject = f'budget "{refused.budget}"'
    if not refused.ever:
        reason = (
            f"{subject} is smaller than what this call may cost; shorten it or lower max_tokens"
        )
        return BudgetExhausted(reason, budget=refused.budget)
    if window.renews_at is None:
        return BudgetExhausted(f"{subject} is used up; it does not renew", budget=refused.budget)
    renews_at = window.renews_at.isoformat()
    reason = f"{subject} has no room for this call; it renews at {renews_at}"
    return BudgetExhausted(reason, budget=refused.budget, renews_at=renews_at)


def _info(call: Call) -> CallInfo:
    caller, where = call.caller, call.request.provenance
    return CallInfo(
        tenant=caller.tenant,
        kind=caller.kind,
        caller=caller.id,
        model=call.request.model,
        graph=where.graph if where else "",
        request_id=where.request_id if where else "",
        plan_id=where.plan_id if where else "",
        step_id=where.step_id if where else "",
    )
