"""The tables of budgets, limits, prices, reservations and replicas."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from cloud.stores.tables import Moment, RowId, metadata

__all__ = [
    "account",
    "budget",
    "limit",
    "price",
    "replica",
    "reservation",
    "rules",
]

budget = Table(
    "budget",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("scope", String, nullable=False),  # JSON, see `cloud.stores.rules`
    Column("period", String, nullable=False),
    Column("cap_micros", BigInteger),
    Column("cap_tokens", BigInteger),
    sqlite_autoincrement=True,  # a number given again would open the old one's accounts
)
account = Table(
    "budget_account",
    metadata,
    Column("id", RowId, primary_key=True),
    # No foreign key: a replica that has not heard yet may make one for a budget that was just
    # removed. It then stands alone and counts for nothing.
    Column("budget_id", RowId, nullable=False),
    Column("part", String, nullable=False),
    Column("period_key", String, nullable=False),
    Column("spent_micros", BigInteger, nullable=False),
    Column("spent_tokens", BigInteger, nullable=False),
    Column("reserved_micros", BigInteger, nullable=False),
    Column("reserved_tokens", BigInteger, nullable=False),
    Column("excess_micros", BigInteger, nullable=False),
    Column("excess_tokens", BigInteger, nullable=False),
    UniqueConstraint("budget_id", "part", "period_key"),
    sqlite_autoincrement=True,
)
reservation = Table(
    "reservation",
    metadata,
    Column("id", String, primary_key=True),
    Column("replica", String, nullable=False),
    Column("accounts", String, nullable=False),  # JSON list of account ids
    Column("micros", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("call", String, nullable=False),  # JSON: who asked for which model, content-free
    Column("claim", String),  # HMAC of caller and idempotency key
    Column("request", String),  # HMAC of what was asked under it
    Column("reserved_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("presumed_at", Moment),
    Column("settled_at", Moment),
    Column("answered_until", Moment),  # how long the answered call holds its idempotency key
)
# Open ones are few among the settled ones that are not swept yet.
Index(
    "reservation_open",
    reservation.c.replica,
    sqlite_where=reservation.c.settled_at.is_(None),
    postgresql_where=reservation.c.settled_at.is_(None),
)
Index("reservation_by_settled_at", reservation.c.settled_at)
Index(
    "reservation_by_claim",
    reservation.c.claim,
    sqlite_where=reservation.c.claim.is_not(None),
    postgresql_where=reservation.c.claim.is_not(None),
)
limit = Table(
    "rate_limit",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("scope", String, nullable=False),
    Column("requests_per_minute", BigInteger),
    Column("tokens_per_minute", BigInteger),
    Column("max_concurrent", BigInteger),
)
price = Table(
    "price",
    metadata,
    Column("model", String, primary_key=True),
    Column("upstream", String, primary_key=True),  # empty for every one without its own
    Column("valid_from", Date, primary_key=True),
    Column("prompt_micros_per_mtok", BigInteger, nullable=False),
    Column("completion_micros_per_mtok", BigInteger, nullable=False),
)
replica = Table(
    "replica",
    metadata,
    Column("id", String, primary_key=True),
    Column("started_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
)
rules = Table(
    "rules_revision",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("revision", BigInteger, nullable=False),
)
"""One row; a replica that sees another revision than it knows reads the rules again."""
