"""The tables of the gateway's store, as SQLAlchemy Core sees them.

The migrations in ``cloud.stores.migrations`` make them; a test compares the two on both databases.
Moments are whole microseconds since 1970 and money is whole micro-dollars, so that both databases
compare, add and group them alike. Nothing here ever holds text of a prompt or an answer.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)
from sqlalchemy.types import TypeDecorator

__all__ = [
    "DEFAULT_TENANT",
    "Moment",
    "RowId",
    "access_version",
    "api_key",
    "audit",
    "authority",
    "device",
    "join_token",
    "metadata",
    "tenant",
    "usage",
]

DEFAULT_TENANT: Final = "default"
"""Whose devices and keys are nobody else's; it is always there."""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "%(table_name)s_by_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)
"""Every room's tables join this one, so that one history of migrations covers them all."""

RowId = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database gives: SQLite counts by itself only in a column typed INTEGER."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware moment, kept as whole microseconds since 1970 in UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        return None if value is None else _EPOCH + value * _MICROSECOND


tenant = Table(
    "tenant",
    metadata,
    Column("id", String, primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant", ForeignKey("tenant.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("models", String),  # JSON list of aliases; NULL for every one
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
    Column("replaced_by", String),
)

device = Table(
    "device",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant", ForeignKey("tenant.id"), nullable=False),
    Column("serial", String, nullable=False),
    Column("enrolled_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    Column("ledger_position", BigInteger),
    Column("ledger_head_mac", LargeBinary),
    Column("authority", String),  # the newest it has shown that it knows; NULL before several
    Column("ledger_head_hash", LargeBinary),  # empty where a content request told of the head
    Column("anchored_at", Moment),
    Column("anchor_key", String),  # which of our keys countersigned the head
    Column("anchor_signature", LargeBinary),
    Column("certified_by", String),  # whose its newest certificate is, which it may not have got
)

join_token = Table(
    "join_token",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant", ForeignKey("tenant.id"), nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("device", String, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("used_key", LargeBinary),  # SHA-256 of the public key that it was used for
)

authority = Table(
    "authority",
    metadata,
    Column("fingerprint", String, primary_key=True),
    Column("since", Moment, nullable=False),
)
"""The certificate authority of the store's devices; one row once a gateway has started."""

access_version = Table(
    "access_version",
    metadata,
    Column("id", Integer, primary_key=True),  # one row
    Column("version", BigInteger, nullable=False),
)
"""Counts the changes to who may call, so that replicas know when to look again."""

usage = Table(
    "usage_record",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("tenant", String, nullable=False),
    Column("caller_kind", String, nullable=False),
    Column("caller", String, nullable=False),
    Column("model", String, nullable=False),
    Column("graph", String, nullable=False),
    Column("request_id", String, nullable=False),
    Column("plan_id", String, nullable=False),
    Column("step_id", String, nullable=False),
    Column("status", String, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("cost_micros", BigInteger, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("cache_hit", Boolean, nullable=False),
    Column("latency_s", Double, nullable=False),
)
Index("usage_record_by_at", usage.c.at)

audit = Table(
    "audit",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("actor", String, nullable=False),
    Column("tenant", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("count", BigInteger, nullable=False),
)
Index("audit_by_at", audit.c.at)
