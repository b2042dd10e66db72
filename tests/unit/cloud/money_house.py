"""A real store with the gateways on it, and calls: what tests of money need."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cloud.admission.admission import BudgetedAdmission
from cloud.admission.opened import opened_admission
from cloud.admission.prices import Prices
from cloud.admission.rules import Budget, Limit
from cloud.calls import Caller, GenerateCall
from cloud.idempotency.names import Namer
from cloud.metrics import gateway_metrics
from cloud.stages import Outcome, WorstCase
from cloud.stores.accounts import AccountState, AccountStore
from cloud.stores.audit import Act
from cloud.stores.database import Database
from cloud.stores.rules import RuleStore
from cloud.stores.usage import UsageStore, UsageTotal
from runtime.ids import ModelName, PlanId, RequestId, SessionId, StepId
from runtime.ports import ChatMessage, GenerateRequest, Provenance, Usage
from runtime.telemetry.metrics import Metrics
from runtime.testing.fakes import ManualClock

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
ACT = Act("operator:test", NOON)


def call(
    *, device: str = "one", key: str = "", graph: str = "", model: str = "llm", tenant: str = "acme"
) -> GenerateCall:
    where = Provenance(RequestId("r"), SessionId("s"), PlanId("p"), StepId("s"), graph=graph)
    request = GenerateRequest(ModelName(model), (ChatMessage("user", "?"),), provenance=where)
    caller = Caller(tenant, "key", key) if key else Caller(tenant, "device", device)
    return GenerateCall(caller, request)


def worst(micros: int | None = 10, *, prompt: int = 6, completion: int = 4) -> WorstCase:
    return WorstCase(prompt_tokens=prompt, completion_tokens=completion, cost_micros=micros)


def used(micros: int, *, prompt: int = 3, completion: int = 2, estimated: bool = False) -> Outcome:
    usage = Usage(prompt, completion, cost_usd=micros / 1e6, estimated=estimated)
    return Outcome("stop", usage, latency_s=0.5)


_Opened = AbstractAsyncContextManager[BudgetedAdmission]


@dataclass
class House:
    """A store, and the gateways on it."""

    database: Database
    clock: ManualClock
    prices: Prices = field(default_factory=Prices)
    metrics: Metrics = field(default_factory=gateway_metrics)

    async def set(self, *rules: Budget | Limit) -> None:
        store = RuleStore(self.database)
        for rule in rules:
            if isinstance(rule, Budget):
                await store.set_budget(rule, ACT)
            else:
                await store.set_limit(rule, ACT)

    def admission(self, database: Database | None = None) -> _Opened:
        return opened_admission(
            database or self.database,
            node="cloud",
            prices=self.prices,
            namer=Namer(bytes(32)),
            metrics=self.metrics,
            clock=self.clock,
        )

    async def accounts(self, name: str) -> list[AccountState]:
        rules = await RuleStore(self.database).all()
        ids = [budget.id for budget in rules.budgets if budget.name == name]
        return await AccountStore(self.database).states(ids)

    async def usage(self) -> UsageTotal:
        (total,) = await UsageStore(self.database).totals(NOON.replace(year=2000), by=())
        return total
