"""The tables of the gateway's store, as SQLAlchemy Core sees them.

The migrations in ``cloud.stores.migrations`` make them; a test compares the two on both databases.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

__all__ = ["RowId", "device", "metadata", "usage"]

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

usage = Table(
    "usage",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("at", String, nullable=False),
    Column("device", String, nullable=False),
    Column("model", String, nullable=False),
    Column("graph", String, nullable=False),
    Column("request_id", String, nullable=False),
    Column("plan_id", String, nullable=False),
    Column("step_id", String, nullable=False),
    Column("status", String, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("cost_usd", Double, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("latency_s", Double, nullable=False),
)
Index("usage_by_device", usage.c.device, usage.c.at)

device = Table(
    "device",
    metadata,
    Column("id", String, primary_key=True),
    Column("serial", String, nullable=False),
    Column("enrolled_at", String, nullable=False),
    Column("expires_at", String, nullable=False),
    Column("revoked_at", String),
    Column("ledger_position", BigInteger),
    Column("ledger_head_mac", LargeBinary),
)
