"""Reconciling: what a provider's bill says, in place of what a lost reservation was counted as."""

from sqlalchemy import Connection

from cloud.admission.accounts import Amount
from cloud.admission.upkeep import LIFETIME
from cloud.stores.audit import Act, write_act
from cloud.stores.database import Database
from cloud.stores.replicas import ReplicaStore
from cloud.stores.reservations import Charge, book, claims_of
from cloud.stores.usage import UsageRecord, write_usage
from runtime.errors import NotFound

__all__ = ["reconcile"]


async def reconcile(
    database: Database,
    id_: str,
    *,
    micros: int,
    prompt_tokens: int,
    completion_tokens: int,
    act: Act,
) -> None:
    """Settle a lost reservation with what the call really used, and record the call.

    Raises:
        NotFound: No reservation of that id is lost: it is settled, still open, or was never there.
    """
    found = await ReplicaStore(database, lifetime=LIFETIME).find(id_)
    if found is None or not found.is_presumed:
        reason = "`leeward cloud budget unsettled --lost` shows what is"
        raise NotFound(f"no reservation {id_[:80]!r} is lost; {reason}")
    used = Amount(micros, prompt_tokens + completion_tokens)
    charge = Charge(id_, used, found.accounts)
    call = found.call
    record = UsageRecord(
        at=act.at,
        tenant=call.tenant,
        caller_kind=call.kind,
        caller=call.caller,
        model=call.model,
        graph=call.graph,
        request_id=call.request_id,
        plan_id=call.plan_id,
        step_id=call.step_id,
        status="reconciled",
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        cost_micros=micros,
        estimated=False,
        cache_hit=False,
        latency_s=0.0,
    )

    def work(connection: Connection) -> None:
        booked = book(connection, [], [charge], replica=found.replica, now=act.at)
        if booked.settled:
            write_usage(connection, record)
            write_act(connection, act, "reservation_settled", id_, tenant=call.tenant)

    await database.run(work, claims=claims_of([], [charge]), is_durable=True)
